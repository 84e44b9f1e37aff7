package search

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Many changes in a row cost one look at the index in a time, and one by itself is seen at once.
func TestFreshenIsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := hook(t)
		looks := 0
		h.index = func(context.Context, []string) error { looks++; return nil }
		for range 100 {
			require.NoError(t, m.Freshen(t.Context(), time.Second))
			time.Sleep(30 * time.Millisecond)
		}
		require.Equal(t, 3, looks)
		time.Sleep(time.Second)
		require.NoError(t, m.Freshen(t.Context(), time.Second))
		require.Equal(t, 4, looks)
	})
}

// While a copy comes in, products are read every few seconds, and a second after its last batch
// as ever.
func TestACopyIsReadInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := hook(t)
		looks := 0
		h.index = func(context.Context, []string) error { looks++; return nil }
		require.NoError(t, m.Tick(t.Context(), 5*time.Second))
		require.Equal(t, 1, looks)
		for range 120 { // 12 s
			m.Copied()
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, m.Tick(t.Context(), 5*time.Second))
		}
		require.Equal(t, 3, looks)
		time.Sleep(time.Second)
		require.NoError(t, m.Tick(t.Context(), 5*time.Second))
		require.NoError(t, m.Tick(t.Context(), 5*time.Second))
		require.Equal(t, 5, looks)
	})
}
