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
	f.Add("e30")
	f.Fuzz(func(t *testing.T, cursor string) {
		var at struct{ Page int }
		if err := Decode(cursor, &at); err != nil {
			require.Equal(t, fault.Invalid, fault.KindOf(err))
		}
	})
}

func TestLimit(t *testing.T) {
	require.Equal(t, []int{DefaultLimit, DefaultLimit, 1, 100, 100}, []int{Limit(0), Limit(-1), Limit(1), Limit(100), Limit(101)})
}
