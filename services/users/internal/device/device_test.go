package device

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/users/internal/keyring"
)

func TestTokens(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	keys := keyring.New("k")
	tokens := NewTokens(keys, func() time.Time { return now })
	_, err := tokens.Issue(Device{}, "ana@example.com")
	require.ErrorIs(t, err, keyring.ErrNoKeys)
	require.NoError(t, keys.Use(keyring.Random()))

	token, err := tokens.Issue(Device{}, "ana@example.com")
	require.NoError(t, err)
	d := tokens.Read(token, "ana@example.com")
	require.True(t, d.Known())
	require.Equal(t, now.Unix(), d.Issued.Unix())
	other, err := tokens.Issue(Device{}, "ana@example.com")
	require.NoError(t, err)
	require.NotEqual(t, d.ID, tokens.Read(other, "ana@example.com").ID)

	now = now.Add(time.Hour)
	again, err := tokens.Issue(d, "ana@example.com")
	require.NoError(t, err)
	same := tokens.Read(again, "ana@example.com")
	require.Equal(t, d.ID, same.ID, "a known device stays the same")
	require.Equal(t, now.Unix(), same.Issued.Unix())

	require.False(t, tokens.Read(token, "bob@example.com").Known(), "it is a token of Ana's account")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	for i := range raw {
		raw[i] ^= 1
		require.False(t, tokens.Read(base64.RawURLEncoding.EncodeToString(raw), "ana@example.com").Known(), "byte %d", i)
		raw[i] ^= 1
	}
	for _, bad := range []string{"", "x", token[1:], token + "A", token + "=", " " + token} {
		require.False(t, tokens.Read(bad, "ana@example.com").Known(), bad)
	}

	now = now.Add(Lifetime)
	require.True(t, tokens.Read(again, "ana@example.com").Known())
	require.False(t, tokens.Read(token, "ana@example.com").Known(), "an hour older: it has run out")
	require.NoError(t, keys.Use(keyring.Random()))
	require.False(t, tokens.Read(again, "ana@example.com").Known(), "of a key that is gone")
}

func FuzzRead(f *testing.F) {
	keys := keyring.New("k")
	require.NoError(f, keys.Use(keyring.Random()))
	tokens := NewTokens(keys, time.Now)
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, bytes)))
	f.Fuzz(func(t *testing.T, token string) {
		require.False(t, tokens.Read(token, "ana@example.com").Known(), "nobody has the key")
	})
}
