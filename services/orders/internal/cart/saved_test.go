package cart

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	return f.Code
}

func TestShelf(t *testing.T) {
	lines := []Line{{SKU: "A", Quantity: 2}}
	var s Shelf
	kept, err := s.Keep("1", "Weekly", lines, 0, now)
	require.NoError(t, err)
	require.Equal(t, int64(1), kept.Version)
	require.True(t, s.Changed())

	s.changed = false
	again, err := s.Keep("1", "Weekly", lines, 0, now.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Equal(t, kept, again)
	require.False(t, s.Changed(), "a repeat changes nothing")

	_, err = s.Keep("2", "WEEKLY", lines, 0, now)
	require.Equal(t, "name_taken", codeOf(t, err))
	_, err = s.Keep("2", "Party", nil, 0, now)
	require.Equal(t, "cart_empty", codeOf(t, err))
	_, err = s.Keep("2", "Party", lines, 1, now)
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(err), "there is no version 1 of it")

	lines[0].Quantity = 5
	require.Equal(t, 2, s.Carts[0].Lines[0].Quantity, "a copy is kept")
	kept, err = s.Keep("1", "weekly", lines, 1, now)
	require.NoError(t, err, "its own name is not taken")
	require.Equal(t, int64(2), kept.Version)
	require.Len(t, s.Carts, 1)

	require.Equal(t, fault.PreconditionFailed, fault.KindOf(s.Drop("1", 1)))
	require.NoError(t, s.Drop("1", 2))
	require.ErrorIs(t, s.Drop("1", 0), ErrNoSaved)
	_, err = s.Find("1")
	require.ErrorIs(t, err, ErrNoSaved)
}

func TestShelfIsBounded(t *testing.T) {
	var s Shelf
	for i := range MaxSaved {
		_, err := s.Keep(fmt.Sprint(i), fmt.Sprint("cart ", i), []Line{{SKU: "A", Quantity: 1}}, 0, now)
		require.NoError(t, err)
	}
	_, err := s.Keep("more", "one more", []Line{{SKU: "A", Quantity: 1}}, 0, now)
	require.Equal(t, "too_many_saved_carts", codeOf(t, err))
	_, err = s.Keep("3", "another name", []Line{{SKU: "B", Quantity: 1}}, 0, now)
	require.NoError(t, err, "one that is there can be replaced")
	require.Equal(t, "3", s.Carts[MaxSaved-1].ID, "and is the newest then")
}

func TestRestore(t *testing.T) {
	saved := []Line{{SKU: "A", Quantity: 3}, {SKU: "B", Quantity: 1}, {SKU: "C", Quantity: 2}}
	c := &Cart{Lines: []Line{{SKU: "A", Quantity: 1}, {SKU: "B", Quantity: 7}}}
	want := []Line{{SKU: "A", Quantity: 3}, {SKU: "B", Quantity: 7}, {SKU: "C", Quantity: 2}}
	require.NoError(t, c.Restore(saved, now))
	require.Equal(t, want, c.Lines)
	c.changed = false
	require.NoError(t, c.Restore(saved, now))
	require.Equal(t, want, c.Lines)
	require.False(t, c.Changed(), "a repeat changes nothing")

	c = full(t)
	before := c.Lines[7]
	require.ErrorIs(t, c.Restore([]Line{{SKU: "S7", Quantity: 9}, {SKU: "new", Quantity: 1}}, now), ErrFull)
	require.Equal(t, before, c.Lines[7], "all or nothing")
	require.NoError(t, c.Restore([]Line{{SKU: "S7", Quantity: 9}}, now))
}
