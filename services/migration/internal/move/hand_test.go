package move_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/progress"
)

// What was handed over is not written over: not by the stream, not by a retry, not by the
// next process, not by a copy that is begun anew; until it is handed back.
func TestHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "one")
		w.source.Put(2, "two")
		w.begin()
		w.start()
		w.equal(map[string]string{"notes:1": "one", "notes:2": "two"})
		watch := w.mover.Watch([]string{"notes"})
		w.source.Put(2, "zwei")
		w.equal(map[string]string{"notes:1": "one", "notes:2": "zwei"})
		require.Equal(t, [][]any{{int64(2)}}, watch.Keys(movetest.Notes{}))
		watch.Close()

		require.NoError(t, w.mover.Hand(t.Context(), []string{"notes"}, true))
		w.source.Put(1, "eins")
		w.source.Delete(2)
		still := map[string]string{"notes:1": "one", "notes:2": "zwei"}
		w.equal(still)
		require.Equal(t, "handed_over", fault.CodeOf(w.mover.Refresh(t.Context(), movetest.Notes{}, [][]any{{int64(1)}})))
		require.Empty(t, watch.Keys(movetest.Notes{})[1:], "it is closed")
		w.end()
		w.begin()
		w.source.Put(1, "uno")
		w.equal(still)
		w.source.Lose()
		time.Sleep(5 * time.Second)
		require.Equal(t, progress.Failed, w.status().Phase)
		w.start()
		w.equal(still)
		require.Equal(t, progress.Following, w.status().Phase)

		require.NoError(t, w.mover.Hand(t.Context(), []string{"notes"}, false))
		w.source.Put(3, "three")
		w.equal(map[string]string{"notes:1": "one", "notes:2": "zwei", "notes:3": "three"})
		w.end()
	})
}
