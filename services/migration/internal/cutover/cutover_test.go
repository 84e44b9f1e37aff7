package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/source"
)

// town is a monolith and a shop of one service, a gateway between them and the buyers,
// and what keeps both the same. A write is a number; both sides are lists of them.
type town struct {
	mu       sync.Mutex
	monolith []int
	shop     []int
	toShop   int // how many of the monolith's are in the shop, while it is in charge
	toMono   int // and the other way
	handed   bool

	route   Route // what the gateways were told last,
	version int64
	applied Route // and what they have applied
	at      int64
	deaf    bool // they do not listen

	slow  time.Duration                // of what is copied
	wrong bool                         // the sides differ
	torn  atomic.Pointer[func() error] // fails calls
	kept  map[string][]byte
	save  func(s State) (before, after error) // fails SaveState, before or after it is kept
}

func newTown() *town { return &town{kept: map[string][]byte{}} }

var errTorn = errors.New("torn")

func (w *town) tear() error {
	if torn := w.torn.Load(); torn != nil {
		return (*torn)()
	}
	return nil
}

// live runs what keeps both sides the same, and the gateways.
func (w *town) live(ctx context.Context) {
	go func() {
		for sleep(ctx, 10*time.Millisecond) == nil {
			w.mu.Lock()
			if !w.deaf && w.at != w.version {
				w.applied, w.at = w.route, w.version
			}
			w.mu.Unlock()
		}
	}()
	for {
		w.mu.Lock()
		slow := max(w.slow, 10*time.Millisecond)
		w.mu.Unlock()
		if sleep(ctx, slow) != nil {
			return
		}
		w.mu.Lock()
		w.follow()
		w.mu.Unlock()
	}
}

// follow takes over what is new at the side in charge.
func (w *town) follow() {
	if w.handed {
		w.monolith = append(w.monolith, w.shop[w.toMono:]...)
		w.toMono, w.toShop = len(w.shop), len(w.monolith)
	} else {
		w.shop = append(w.shop, w.monolith[w.toShop:]...)
		w.toShop, w.toMono = len(w.monolith), len(w.shop)
	}
}

// write is a buyer's: it is held while it has to be, and says whether it was done.
func (w *town) write(ctx context.Context, n int) bool {
	for range 800 {
		w.mu.Lock()
		if !w.applied.Fenced {
			if w.applied.Shop {
				w.shop = append(w.shop, n)
			} else {
				w.monolith = append(w.monolith, n)
			}
			w.mu.Unlock()
			return true
		}
		w.mu.Unlock()
		if sleep(ctx, 10*time.Millisecond) != nil {
			return false
		}
	}
	return false
}

func (w *town) Route(_ context.Context, service string, r Route) (int64, error) {
	if err := w.tear(); err != nil || service != "catalog" {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	w.route = r
	return w.version, w.tear()
}

func (w *town) Applied(_ context.Context, version int64) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at >= version, w.tear()
}

func (w *town) Behind(context.Context) (time.Duration, error) { return 0, w.tear() }

func (w *town) Head(context.Context) (source.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return source.Position(len(w.monolith)), w.tear()
}

func (w *town) Reached(p source.Position) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.toShop >= int(p)
}

func (w *town) Hand(_ context.Context, _ []string, toShop bool) error {
	if err := w.tear(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handed = toShop
	return w.tear()
}

func (w *town) Written(context.Context, string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.toMono == len(w.shop), w.tear()
}

func (w *town) Watch([]string) (Watched, error) { return watched{w}, w.tear() }

type watched struct{ w *town }

func (x watched) Close() {}

func (x watched) Compare(context.Context) (string, error) {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	if x.w.wrong || !slices.Equal(x.w.monolith, x.w.shop) {
		return "1 order", nil
	}
	return "", x.w.tear()
}

func (w *town) Compare(context.Context, []string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong {
		return "1 order", nil
	}
	return "", w.tear()
}

func (w *town) State(_ context.Context, service string) (s State, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if doc, there := w.kept[service]; there {
		return s, json.Unmarshal(doc, &s)
	}
	return s, nil
}

func (w *town) SaveState(_ context.Context, s State) error {
	if err := w.tear(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var before, after error
	if w.save != nil {
		before, after = w.save(s)
	}
	if before != nil {
		return before
	}
	w.kept[s.Service] = doc
	return errors.Join(after, w.tear()) // it is kept, and the answer may be lost
}

// process is a machine that runs until it is killed.
type process struct {
	*Machine
	kill context.CancelFunc
	dead chan struct{}
}

func (w *town) begin() *process {
	p := &process{Machine: New(w, w, w, w, slog.New(slog.DiscardHandler)), dead: make(chan struct{})}
	ctx, kill := context.WithCancel(context.Background())
	p.kill = kill
	go func() {
		defer close(p.dead)
		_ = p.Work(ctx)
	}()
	synctest.Wait()
	return p
}

func (p *process) end() {
	p.kill()
	<-p.dead
}

func (p *process) of(service string) State {
	i := slices.IndexFunc(Services, func(s Service) bool { return s.Name == service })
	if all := p.States(); len(all) > 0 {
		return all[i]
	}
	return State{} // not read yet
}

// settled waits until a service is at rest.
func (p *process) settled(service string) State {
	for {
		st := p.of(service)
		if st.Since.IsZero() { // not read yet
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if st.Stage == AtMonolith || st.Stage == AtShop || st.Stage == Finished {
			return st
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func world(t *testing.T, test func(t *testing.T, w *town)) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		ctx, stop := context.WithCancel(context.Background())
		go w.live(ctx)
		test(t, w)
		stop()
		synctest.Wait()
	})
}

func TestThereAndBackAndThere(t *testing.T) {
	world(t, func(t *testing.T, w *town) {
		p := w.begin()
		var done []int
		var sellers sync.WaitGroup
		var mu sync.Mutex
		ctx, stop := context.WithCancel(t.Context())
		for seller := range 5 {
			sellers.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					if id := seller*100_000 + n; w.write(ctx, id) {
						mu.Lock()
						done = append(done, id)
						mu.Unlock()
					}
					time.Sleep(3 * time.Millisecond)
				}
			})
		}
		for _, step := range []struct {
			what string
			at   Stage
		}{{"begin", AtShop}, {"rollback", AtMonolith}, {"begin", AtShop}} {
			time.Sleep(time.Second)
			require.NoError(t, p.Do(t.Context(), "catalog", step.what))
			st := p.settled("catalog")
			require.Equal(t, step.at, st.Stage, "%s: %s", step.what, st.Reason)
			require.Positive(t, st.Pause)
			require.Less(t, st.Pause, 2*time.Second)
		}
		time.Sleep(time.Second)
		stop()
		sellers.Wait()
		time.Sleep(time.Second)
		w.mu.Lock()
		slices.Sort(done)
		for name, side := range map[string][]int{"monolith": w.monolith, "shop": w.shop} {
			got := slices.Clone(side)
			slices.Sort(got)
			require.Equal(t, done, got, "%s has every write, once", name)
		}
		w.mu.Unlock()
		require.NoError(t, p.Do(t.Context(), "catalog", "finish"))
		require.Equal(t, Finished, p.of("catalog").Stage)
		require.Equal(t, "cutover_stage", fault.CodeOf(p.Do(t.Context(), "catalog", "rollback")))
		require.Equal(t, "cutover_stage", fault.CodeOf(p.May("catalog", "rollback")))
		p.end()
	})
}

func TestOrderOfServices(t *testing.T) {
	world(t, func(t *testing.T, w *town) {
		p := w.begin()
		code := func(service, what string) string {
			may := fault.CodeOf(p.May(service, what))
			require.Equal(t, may, fault.CodeOf(p.Do(t.Context(), service, what)), "it is refused as was said")
			return may
		}
		require.Equal(t, "not_found", code("gateway", "begin"))
		require.Equal(t, "cutover_order", code("orders", "begin"))
		require.Equal(t, "cutover_stage", code("catalog", "rollback"))
		require.NoError(t, p.Do(t.Context(), "catalog", "begin"))
		require.Equal(t, "cutover_under_way", code("catalog", "begin"))
		require.Equal(t, AtShop, p.settled("catalog").Stage)
		require.NoError(t, p.Do(t.Context(), "orders", "begin"))
		require.Equal(t, AtShop, p.settled("orders").Stage)
		require.Equal(t, "cutover_order", code("catalog", "rollback"), "orders are still at the shop")
		require.NoError(t, p.Do(t.Context(), "orders", "rollback"))
		require.Equal(t, AtMonolith, p.settled("orders").Stage)
		require.NoError(t, p.Do(t.Context(), "catalog", "rollback"))
		require.Equal(t, AtMonolith, p.settled("catalog").Stage)
		p.end()
	})
}

// Whatever keeps a cut-over from its end leaves the monolith in charge, and lets the
// writes through again.
func TestAborted(t *testing.T) {
	for name, c := range map[string]struct {
		begin  func(w *town)
		during func(p *process)
		reason string
	}{
		"the sides differ":      {func(w *town) { w.wrong = true }, nil, "not the same"},
		"a gateway is deaf":     {func(w *town) { w.deaf = true }, nil, "not every gateway"},
		"the copy is too slow":  {func(w *town) { w.slow = 20 * time.Second }, nil, "not in the shop yet"},
		"it is told to":         {func(w *town) { w.deaf = true }, func(p *process) { _ = p.Do(context.Background(), "catalog", "abort") }, "aborted"},
		"the process is killed": {func(w *town) { w.deaf = true }, nil, "interrupted"},
	} {
		world(t, func(t *testing.T, w *town) {
			w.monolith = []int{1, 2, 3}
			p := w.begin()
			time.Sleep(time.Second)
			w.mu.Lock()
			c.begin(w)
			w.mu.Unlock()
			time.Sleep(time.Second)
			require.True(t, w.write(t.Context(), 4))
			require.NoError(t, p.Do(t.Context(), "catalog", "begin"))
			time.Sleep(2 * time.Second)
			if c.during != nil {
				c.during(p)
			}
			if c.reason == "interrupted" {
				p.end()
				p = w.begin()
			}
			st := p.settled("catalog")
			require.Equal(t, AtMonolith, st.Stage, name)
			require.Contains(t, st.Reason, c.reason, name)
			w.mu.Lock()
			w.deaf, w.slow = false, 0
			w.mu.Unlock()
			time.Sleep(time.Minute)
			w.mu.Lock()
			require.Equal(t, Route{}, w.applied, name)
			require.False(t, w.handed, name)
			w.mu.Unlock()
			require.True(t, w.write(t.Context(), 5), name)
			p.end()
		})
	}
}

// The decision was kept and its answer lost; giving up cannot be written down, and the
// process dies. No write may get through before that: the next process finds the decision.
func TestADecisionWhoseAnswerWasLost(t *testing.T) {
	world(t, func(t *testing.T, w *town) {
		w.mu.Lock()
		w.save = func(s State) (before, after error) {
			switch s.Stage {
			case Flipping:
				return nil, errTorn
			case AtMonolith:
				return errTorn, nil
			default:
				return nil, nil
			}
		}
		w.mu.Unlock()
		p := w.begin()
		require.NoError(t, p.Do(t.Context(), "catalog", "begin"))
		time.Sleep(time.Second)
		ctx, late := context.WithTimeout(t.Context(), time.Second)
		require.False(t, w.write(ctx, 1), "writes are held")
		late()
		p.end()
		w.mu.Lock()
		w.save = nil
		w.mu.Unlock()
		p = w.begin()
		require.Equal(t, AtShop, p.settled("catalog").Stage)
		require.True(t, w.write(t.Context(), 2))
		time.Sleep(time.Second)
		w.mu.Lock()
		require.Equal(t, []int{2}, w.shop)
		require.Equal(t, []int{2}, w.monolith)
		w.mu.Unlock()
		p.end()
	})
}

// With calls that fail, before or after they had their effect, and a process that is
// killed at any moment, no write is lost, none is there twice, and in the end one side is
// in charge.
func TestTornAtAnyMoment(t *testing.T) {
	for seed := range uint64(150) {
		world(t, func(t *testing.T, w *town) {
			r := rand.New(rand.NewPCG(seed, 3))
			var mu sync.Mutex // over r and done
			dice := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return r.IntN(n)
			}
			torn := func() error {
				if dice(12) == 0 {
					return errTorn
				}
				return nil
			}
			w.torn.Store(&torn)
			p := w.begin()
			done := map[int]bool{}
			ctx, stop := context.WithCancel(t.Context())
			var sellers sync.WaitGroup
			for seller := range 3 {
				sellers.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						if id := seller*100_000 + n; w.write(context.WithoutCancel(ctx), id) {
							mu.Lock()
							done[id] = true
							mu.Unlock()
						}
						_ = sleep(ctx, 7*time.Millisecond)
					}
				})
			}
			for range 8 {
				what := []string{"begin", "rollback", "abort"}[dice(3)]
				_ = p.Do(t.Context(), "catalog", what) // it may be refused, or torn
				time.Sleep(time.Duration(dice(300)) * time.Millisecond)
				if dice(3) == 0 {
					p.end()
					p = w.begin()
				}
			}
			w.torn.Store(nil)
			p.settled("catalog")
			stop()
			sellers.Wait()
			time.Sleep(5 * time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			for name, side := range map[string][]int{"monolith": w.monolith, "shop": w.shop} {
				seen := map[int]int{}
				for _, n := range side {
					seen[n]++
				}
				for n := range done {
					require.Equal(t, 1, seen[n], "seed %d: write %d in the %s", seed, n, name)
				}
				require.Len(t, seen, len(done), fmt.Sprintf("seed %d", seed))
			}
			require.Equal(t, w.handed, w.applied.Shop, "seed %d", seed)
			require.False(t, w.applied.Fenced, "seed %d", seed)
			w.mu.Unlock()
			p.end()
			w.mu.Lock()
		})
	}
}
