package shopper

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestGuest(t *testing.T) {
	token := NewToken()
	require.NotEqual(t, token, NewToken())
	o, err := Guest(token)
	require.NoError(t, err)
	require.Regexp(t, `^guest:[0-9a-f]{32}$`, string(o))
	require.Empty(t, o.UserID())
	for _, bad := range []string{"", "x", token + "A", strings.Repeat("!", 43), token[:42]} {
		_, err := Guest(bad)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q", bad)
	}
}

func TestOwns(t *testing.T) {
	guest, _ := Guest(NewToken())
	tests := []struct {
		who   Shopper
		owner Owner
		want  bool
	}{
		{Shopper{}, "", false},
		{Shopper{}, User(""), false},
		{Shopper{User: "a"}, User("a"), true},
		{Shopper{User: "a"}, User("b"), false},
		{Shopper{User: "a", Guest: guest}, guest, true},
		{Shopper{Guest: guest}, guest, true},
		{Shopper{Guest: guest}, User("a"), false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.who.Owns(tt.owner), "%+v %s", tt.who, tt.owner)
	}
	require.Equal(t, "a", User("a").UserID())
	require.Equal(t, guest, Shopper{User: "a", Guest: guest}.Joining())
	require.Empty(t, Shopper{Guest: guest}.Joining())
}
