package simulation

import (
	"fmt"
	"maps"
	"runtime"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"tienda/internal/caller"
	"tienda/internal/state"
	"tienda/tests/history"
)

// Times of a run, on the fake clock.
const (
	busyTime = 15 * time.Second                            // faults may happen
	absence  = history.SettleLimit - 3500*time.Millisecond // of clients who go away, after the last fault
	lastWork = 2 * time.Second                             // that it may take then to end what is just being done: an order whose card was looked for long enough
	lookAt   = history.SettleLimit - 500*time.Millisecond
)

// result is what a run came to.
type result struct {
	seed   uint64
	trace  uint64
	steps  int
	took   time.Duration // of real time
	wrong  []string
	lines  []string
	faults map[string]int
	calls  int
	orders int
}

// simulate makes one run.
func simulate(t *testing.T, seed uint64, bugs sabotage, verbose bool) (r result) {
	t.Helper()
	runtime.GC() // it does not run by itself (TestMain)
	began := time.Now()
	shelves(t)
	offers(t)
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed, bugs, verbose)
		w.t = t
		b := &book{}
		for _, s := range services() {
			a := &application{service: s, store: &store{w: w, app: s.id, items: map[string]state.Item{}, stale: map[string]state.Item{}}}
			if s.id == "catalog" {
				maps.Copy(a.store.items, shelves(t))
				a.store.seq = len(a.store.items)
			}
			if s.id == "orders" {
				maps.Copy(a.store.items, offers(t))
				a.store.seq = len(a.store.items)
			}
			w.apps[s.id] = a
			for slot := range replicasOfEach {
				w.start(t, a, slot)
				time.Sleep(w.latency())
			}
		}
		left := 0
		closing := make(chan struct{})
		for i := range w.mix.buyers {
			left++
			p := w.person(b, fmt.Sprintf("buyer-%d", i+1), caller.Customer, uint64(i))
			go func() {
				p.wait(time.Second)
				for n := range w.mix.carts {
					if !ended(w.late) {
						p.buy(n + 1)
					}
				}
				w.park(&step{label: p.name + " is done", do: func() { left-- }})
			}()
		}
		go w.person(b, "clerk", caller.CatalogManager, 99).watchStock(closing)

		w.run(busyTime, func() bool { return left == 0 })
		if left == 0 { // what is on its way has its faults, too
			w.run(w.upTo(5*time.Second), func() bool { return false })
		}
		w.heal()
		w.run(time.Until(w.lastFault.Add(absence)), func() bool { return false })
		w.run(lastWork, func() bool { return len(w.forgotten()) == 0 })
		forgotten := w.forgotten()
		close(w.late)
		w.run(time.Until(w.lastFault.Add(lookAt)), func() bool { return false })
		close(closing)
		r = result{seed: seed, trace: w.trace.Sum64(), steps: w.steps, wrong: append(w.judge(b), forgotten...), lines: w.lines, faults: w.faults, calls: len(b.calls)}
		r.orders = len(w.apps["orders"].store.keys("order:"))
		w.end()
	})
	r.took = time.Since(began)
	return r
}

// end lets everything go, so that the run's goroutines end.
func (w *world) end() {
	close(w.over)
	for _, r := range w.all {
		if !r.dead.Load() {
			w.bury(r)
		}
	}
	synctest.Wait()
	for _, r := range w.all {
		r.cancel()
	}
	time.Sleep(time.Minute) // longer than anything waits that looks at no context
}
