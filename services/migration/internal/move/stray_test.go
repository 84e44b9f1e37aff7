package move_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/progress"
)

// What somebody writes past the gateway to a kind that the shop is in charge of is counted
// once, whatever process reads it how often; what the migration writes back is not.
func TestStrays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "one", "a line")
		w.source.Put(2, "two")
		w.begin()
		w.start()
		w.equal(map[string]string{"notes:1": "one|a line", "notes:2": "two"})
		w.source.Put(2, "zwei")
		w.equal(map[string]string{"notes:1": "one|a line", "notes:2": "zwei"})
		stray := func() progress.Kind {
			time.Sleep(2 * time.Second)
			return w.status().Kinds[0]
		}
		require.Zero(t, stray().Stray, "the source is in charge")

		require.NoError(t, w.mover.Hand(t.Context(), []string{"notes"}, true))
		w.source.Own = true
		w.source.Put(2, "from the shop")
		w.source.Own = false
		require.Zero(t, stray().Stray, "it was written back")
		w.source.Deafen()
		w.source.Put(1, "eins", "first", "second")
		is := stray()
		require.EqualValues(t, 1, is.Stray, "one document, whatever rows it has")
		require.Equal(t, "notes:1", is.StrayKey)
		require.False(t, is.StrayAt.IsZero())
		w.source.Cut()
		require.EqualValues(t, 1, stray().Stray, "it came twice")
		w.source.Delete(2)
		require.Equal(t, "notes:2", stray().StrayKey)
		w.source.Relabel(100, "the log does not tell whose")
		require.Equal(t, "line", stray().StrayKey)
		w.source.Truncate()
		require.Equal(t, "note", stray().StrayKey)
		before := stray().Stray
		require.EqualValues(t, 4, before)
		w.end()
		w.begin()
		require.Equal(t, before, stray().Stray, "the next process knows")

		require.NoError(t, w.mover.Hand(t.Context(), []string{"notes"}, false))
		w.source.Put(3, "three")
		require.Zero(t, stray().Stray)
		require.NoError(t, w.mover.Hand(t.Context(), []string{"notes"}, true))
		require.Zero(t, stray().Stray, "it begins anew")
		w.end()
	})
}
