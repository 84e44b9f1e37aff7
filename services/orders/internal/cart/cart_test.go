package cart

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func full(t *testing.T) *Cart {
	t.Helper()
	c := &Cart{}
	for i := range MaxLines {
		require.NoError(t, c.Set(fmt.Sprintf("S%d", i), 1, now))
	}
	return c
}

func TestLimits(t *testing.T) {
	c := full(t)
	require.ErrorIs(t, c.Set("one-more", 1, now), ErrFull)
	require.NoError(t, c.Set("S7", 9, now), "a line that is there can change")
	c.Remove("S7", now)
	require.NoError(t, c.Set("one-more", 1, now))
	require.Len(t, c.Lines, MaxLines)
}

func TestSettingTheSameIsNoChange(t *testing.T) {
	c := &Cart{Lines: []Line{{SKU: "A", Quantity: 2}}}
	require.NoError(t, c.Set("A", 2, now))
	c.Remove("B", now)
	(&Cart{}).Empty(now)
	require.False(t, c.Changed())
}

func TestJoin(t *testing.T) {
	c, guest := &Cart{Lines: []Line{{SKU: "A", Quantity: 999}}}, &Cart{Lines: []Line{{SKU: "A", Quantity: 5}, {SKU: "B", Quantity: 1}}}
	c.Join(guest, now)
	require.Equal(t, []Line{{SKU: "A", Quantity: MaxQuantity}, {SKU: "B", Quantity: 1}}, c.Lines)
	require.Empty(t, guest.Lines)
	require.True(t, guest.Changed())

	c = full(t)
	c.Join(&Cart{Lines: []Line{{SKU: "new", Quantity: 1}, {SKU: "S1", Quantity: 1}}}, now)
	require.Len(t, c.Lines, MaxLines)
	require.Equal(t, 2, c.Lines[1].Quantity)
}

// Lines go to one order, and come back from it once.
func TestGiveAndTakeBack(t *testing.T) {
	c := &Cart{Lines: []Line{{SKU: "A", Quantity: 2}}}
	lines, codes, err := c.GiveTo("o1", now)
	require.NoError(t, err)
	require.Equal(t, []Line{{SKU: "A", Quantity: 2}}, lines)
	require.Empty(t, c.Lines)
	require.True(t, c.Gave("o1"))
	require.NoError(t, c.Set("B", 1, now))
	for range 2 {
		c.TakeBack("o1", lines, codes, now)
		require.Equal(t, []Line{{SKU: "B", Quantity: 1}, {SKU: "A", Quantity: 2}}, c.Lines)
	}
	c.TakeBack("never", lines, nil, now)
	require.Equal(t, []Line{{SKU: "B", Quantity: 1}, {SKU: "A", Quantity: 2}}, c.Lines)
}

// An open checkout is never forgotten: the next one waits for room.
func TestCrowded(t *testing.T) {
	c := &Cart{Lines: []Line{{SKU: "A", Quantity: 2}}}
	for i := range maxTaken {
		require.False(t, c.Crowded())
		_, _, err := c.GiveTo(fmt.Sprint(i), now)
		require.NoError(t, err)
		require.NoError(t, c.Set("A", 1, now))
	}
	require.True(t, c.Crowded())
	_, _, err := c.GiveTo("more", now)
	require.ErrorIs(t, err, ErrCrowded)
	require.Len(t, c.Lines, 1, "the lines stay")
	require.True(t, c.Gave("0"))
	c.Forget(func(id string) bool { return id != "3" })
	_, _, err = c.GiveTo("more", now)
	require.NoError(t, err)
	require.True(t, c.Gave("0"))
	require.False(t, c.Gave("3"))
}

func TestExpect(t *testing.T) {
	c := &Cart{Version: 3}
	require.NoError(t, c.Expect(0))
	require.NoError(t, c.Expect(3))
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(c.Expect(2)))
}
