package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	catalog "tienda/services/catalog/service"
	orders "tienda/services/orders/service"
	support "tienda/services/support/service"
)

const replicasOfEach = 2

// service is what an app is made of, the same for every run.
type service struct {
	id       string
	build    func(context.Context, app.Deps) (app.Built, error)
	contract *contract.Contract
}

// services gives the services under test. Their contracts are compiled once.
var services = sync.OnceValue(func() []service {
	all := []service{{id: catalog.AppID, build: catalog.Build}, {id: orders.AppID, build: orders.Build}, {id: support.AppID, build: support.Build}}
	for i := range all {
		c, err := contract.Load(contracts.FS, all[i].id)
		if err != nil {
			panic(err)
		}
		all[i].contract = c
	}
	return all
})

// application is an app with its replicas and its store.
type application struct {
	service
	store *store
	slots [replicasOfEach]*replica // nil: not running
}

// replica is one process of an app, from its start to its death.
type replica struct {
	w           *world
	app         *application
	slot        int
	name        string
	ctx         context.Context
	cancel      context.CancelFunc
	stop        context.CancelFunc
	died        chan struct{}
	dead        atomic.Bool
	leaving     bool // takes no new requests
	pausedUntil time.Time
	handler     http.Handler
	visits      []*visit
	empty       chan struct{} // closed when it is leaving and the last visit is over
	db          *state.DB
}

// start begins a new process in a slot.
func (w *world) start(t *testing.T, a *application, slot int) {
	w.serial[a.id]++
	r := &replica{
		w: w, app: a, slot: slot, name: fmt.Sprintf("%s-%d.%d", a.id, slot+1, w.serial[a.id]),
		died: make(chan struct{}), empty: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(by(context.Background(), "itself"))
	log := slog.New(slog.DiscardHandler)
	if w.verbose {
		log = slog.New(slog.NewTextHandler(logLines{w, r.name}, &slog.HandlerOptions{ReplaceAttr: noTime}))
	}
	r.db = state.OpenOutbox(view{a.store, r}, topic{r}, log)
	built, err := a.build(r.ctx, app.Deps{
		Config: app.Config{AppID: a.id}, Log: log, Sidecar: sidecar.Over(network{r}, bindings{from: r}), DB: r.db, Contract: a.contract,
		Getenv: func(string) string { return "" },
	})
	require.NoError(t, err)
	r.handler, err = deadletter.New(a.id, r.db, log).Handler(httpapi.Options{
		Contract: a.contract, Routes: append(app.NewHealth().Routes(), built.Routes...), Log: log,
	})
	require.NoError(t, err)
	r.handler = w.bugs.handler(w, a.id, r.handler)
	a.slots[slot] = r
	w.all = append(w.all, r)
	w.note("%s starts", r.name)

	running, stop := context.WithCancel(r.ctx)
	r.stop = stop
	outbox := func(ctx context.Context) error { return r.db.Start(ctx, 2*time.Second) }
	front := []app.Part{r.serving}
	for i, p := range built.Parts { // timers that end at the same instant end in any order
		front = append(front, func(ctx context.Context) error {
			time.Sleep(time.Duration(i + 1))
			return p(ctx)
		})
	}
	go func() {
		_ = app.Outlive(outbox, func(ctx context.Context) error { return app.Run(ctx, front...) })(running)
		w.park(&step{label: r.name + " has ended", do: func() { w.ended(t, r) }})
	}()
}

// serving is the HTTP server: on stop it finishes what is in flight.
func (r *replica) serving(ctx context.Context) error {
	<-ctx.Done()
	select {
	case <-r.empty:
	case <-r.died:
	case <-time.After(10 * time.Second):
	}
	return nil
}

// ended begins the next process where one was stopped in good order.
func (w *world) ended(t *testing.T, r *replica) {
	if r.dead.Load() {
		return
	}
	w.bury(r)
	r.hangUp() // on those whom it has kept waiting for too long
	w.restart(t, r.app, r.slot)
}

// hangUp ends the connections of a process that is gone.
func (r *replica) hangUp() {
	for _, v := range r.visits {
		v.broken()
	}
	r.visits = nil
}

func (w *world) restart(t *testing.T, a *application, slot int) {
	in := w.upTo(6 * time.Second)
	if w.calm {
		in = 0
	}
	w.later(&step{label: fmt.Sprintf("start %s-%d", a.id, slot+1), do: func() { w.start(t, a, slot) }}, in)
}

// bury cuts a process off from everything.
func (w *world) bury(r *replica) {
	r.dead.Store(true)
	close(r.died)
	w.later(&step{label: "what is left of " + r.name + " ends", do: r.cancel}, time.Millisecond)
	if r.app.slots[r.slot] == r {
		r.app.slots[r.slot] = nil
	}
}

// crash kills a process. What it had sent may still arrive.
func (w *world) crash(r *replica) {
	if r.dead.Load() {
		return
	}
	w.note("%s dies", r.name)
	w.bury(r)
	w.mu.Lock()
	slices.SortStableFunc(w.parked, func(a, b *step) int { return strings.Compare(a.label, b.label) })
	w.parked = slices.DeleteFunc(w.parked, func(s *step) bool {
		if s.from == r {
			s.sent = s.sent || s.kept || w.rng.IntN(2) == 0
			return !s.sent
		}
		return false
	})
	w.mu.Unlock()
	r.hangUp()
	w.restart(w.t, r.app, r.slot)
}

// pause has a process stand still, as SIGSTOP does.
func (w *world) pause(r *replica, d time.Duration) {
	w.note("%s stands still for %s", r.name, d)
	r.pausedUntil = time.Now().Add(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(w.parked, func(a, b *step) int { return strings.Compare(a.label, b.label) })
	for _, s := range w.parked {
		if s.from == r {
			s.sent = s.sent || w.rng.IntN(2) == 0
		}
	}
}

// shut stops a process in good order.
func (w *world) shut(r *replica) {
	w.note("%s is stopped", r.name)
	r.leaving = true
	r.app.slots[r.slot] = nil
	if len(r.visits) == 0 {
		close(r.empty)
	}
	r.stop()
}

// alive lists the processes that run.
func (w *world) alive(apps ...string) []*replica {
	var out []*replica
	for _, a := range services() {
		if len(apps) > 0 && !slices.Contains(apps, a.id) {
			continue
		}
		for _, r := range w.apps[a.id].slots {
			if r != nil {
				out = append(out, r)
			}
		}
	}
	return out
}

// mayFail counts an outage if there may be one more.
func (w *world) mayFail(r *replica) bool {
	if w.calm || r.dead.Load() || r.leaving || w.mix.outages == 0 {
		return false
	}
	w.mix.outages--
	return true
}

// misfortune may strike a process between two steps.
func (w *world) misfortune() {
	alive := w.alive()
	if len(alive) == 0 {
		return
	}
	r := alive[w.rng.IntN(len(alive))]
	switch {
	case w.chance(w.mix.crash) && w.rng.IntN(4) == 0 && w.mayFail(r):
		w.fault("crash", 0)
		w.crash(r)
	case w.chance(w.mix.pause) && w.rng.IntN(4) == 0 && w.mayFail(r):
		d := w.upTo(hangTime) // longer than its lease, often enough
		w.fault("pause", d)
		w.pause(r, d)
	case w.chance(w.mix.stop) && w.rng.IntN(4) == 0 && w.mayFail(r):
		w.fault("stop", 0)
		w.shut(r)
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.calm = true
	now := time.Now()
	w.fault("the last is over", 0)
	for _, r := range w.all {
		r.pausedUntil = now
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.parked {
		if strings.HasPrefix(s.label, "start ") {
			s.after = now
		}
	}
}

// logLines writes the log of a process into the trace.
type logLines struct {
	w    *world
	name string
}

func (l logLines) Write(b []byte) (int, error) {
	l.w.show(fmt.Sprintf("%13s   %s: %s", "", l.name, l.w.plain(strings.TrimSpace(string(b)))))
	return len(b), nil
}

func noTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
