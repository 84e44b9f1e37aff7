package strangler

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A service moves to the shop and back, fenced and not, while 200 clients write: each
// write is at one place, once. After a fence is applied, the place that it takes writes
// from gets none.
func TestSwitchUnderLoad(t *testing.T) {
	d, p := &desk{plan: all(Monolith)}, newPlaces()
	s := begin(t, d, p)
	p.during = func(Place) error { time.Sleep(time.Millisecond); return nil }
	var clients sync.WaitGroup
	var stop atomic.Bool
	sent := make([][]string, 200)
	for c := range sent {
		clients.Go(func() {
			for i := 0; !stop.Load(); i++ {
				id := fmt.Sprintf("%d-%d", c, i)
				if err := send(s, t.Context(), http.MethodPost, catalog, id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
				sent[c] = append(sent[c], id)
			}
		})
	}
	applied := func(version int64) {
		require.Eventually(t, func() bool { return d.last().Applied >= version }, 10*time.Second, time.Millisecond)
	}
	to, from := Shop, Monolith
	for range 10 {
		applied(d.set("catalog", Service{To: from, Fenced: true}))
		before := len(p.at(from))
		time.Sleep(20 * time.Millisecond)
		require.Len(t, p.at(from), before, "fenced")
		at := d.set("catalog", Service{To: to})
		applied(at)
		require.Len(t, p.at(from), before, "moved")
		time.Sleep(20 * time.Millisecond)
		applied(d.set("catalog", Service{To: from})) // and back at once, without a fence
		before = len(p.at(to))
		time.Sleep(5 * time.Millisecond)
		require.Len(t, p.at(to), before, "nothing is on its way once that is applied")
		from, to = to, from
		applied(d.set("catalog", Service{To: from}))
	}
	stop.Store(true)
	clients.Wait()
	count := map[string]int{}
	for _, place := range []Place{Monolith, Shop} {
		require.Greater(t, len(p.at(place)), 200)
		for _, id := range p.at(place) {
			count[id]++
		}
	}
	total := 0
	for _, ids := range sent {
		total += len(ids)
		for _, id := range ids {
			require.Equal(t, 1, count[id], id)
		}
	}
	require.Len(t, count, total)
	require.Zero(t, s.Figures().Writes)
}
