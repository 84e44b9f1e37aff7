package page

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestCursor(t *testing.T) {
	type at struct{ Name, ID string }
	var got at
	require.NoError(t, Decode(Encode(at{"té", "1"}), &got))
	require.Equal(t, at{"té", "1"}, got)
	require.NoError(t, Decode("", &got), "no cursor is the start")
	for _, bad := range []string{"!", "e30=", "bm90IGpzb24", Encode([]int{1})} {
		require.Equal(t, fault.Invalid, fault.KindOf(Decode(bad, &got)), bad)
	}
}

func FuzzDecode(f *testing.F) {
	type position struct {
		Page int
		ID   string
	}
	for _, seed := range []string{
		"", "e30", "e30=", "e30\n", Encode(position{1, "0198"}), Encode([]int{1}), Encode(nil), "!!!", "AAAA", "eyJhdCI6", "eyJQYWdlIjoxZTMwMH0", "W1tbW1tbW1tbW1tb", "\xff\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		var at, again position
		if err := Decode(cursor, &at); err != nil {
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			return
		}
		require.NoError(t, Decode(Encode(at), &again))
		require.Equal(t, at, again, "what is read is a position that gives the same again")
	})
}

func TestLimit(t *testing.T) {
	require.Equal(t, []int{DefaultLimit, DefaultLimit, 1, 100, 100}, []int{Limit(0), Limit(-1), Limit(1), Limit(100), Limit(101)})
}
