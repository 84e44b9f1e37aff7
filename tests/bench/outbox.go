package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tienda/internal/daprd"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// Names of the outbox's cases.
const (
	withOutbox    = "checkout with the outbox"
	withoutEvents = "checkout without events"
	halfPeak      = "checkout at half of its peak"
	delivery      = "commit to delivery, meanwhile"
)

// measureOutbox measures what it costs to lose no event: the same checkouts of
// the same shop as it is, and built without outbox and events. Then, at half of
// the peak, how long it takes from a commit to the delivery to an app: from the
// time that the event bears, taken just before the commit, until the sidecar of
// a listening app has handed it over.
func measureOutbox(ctx context.Context, m *meter, r *Report, bin, dir string) error {
	if !m.only.MatchString(withOutbox) {
		return nil
	}
	fmt.Println("== the outbox")
	without := filepath.Join(dir, "bin")
	if err := shop.Build(ctx, without, "-tags", "tienda_without_events"); err != nil {
		return err
	}
	// One after the other, twice: a machine that slows down is no outbox's fault.
	var shops []*shop.Shop
	var clients []*buyers
	for i, programs := range []string{bin, without} {
		s, err := shop.Start(ctx, shop.Options{Bin: programs, Dir: filepath.Join(dir, strconv.Itoa(i))})
		if err != nil {
			return err
		}
		defer s.Stop()
		b, err := newBuyers(ctx, client(2*m.connections), s.Gateway)
		if err != nil {
			return err
		}
		shops, clients = append(shops, s), append(clients, b)
	}
	runs := make([][]Result, 2)
	for range 2 {
		for i, name := range []string{withOutbox, withoutEvents} {
			res, err := m.checkouts(ctx, name, clients[i], shops[i])
			if err != nil {
				return err
			}
			runs[i] = append(runs[i], res)
		}
	}
	if err := r.add(mean(runs[1]), nil); err != nil {
		return err
	}
	if err := r.addAgainst(withoutEvents)(mean(runs[0]), nil); err != nil {
		return err
	}
	return measureDelivery(ctx, m, r, shops[0], clients[0], mean(runs[0]).PerSecond/2, dir)
}

func (m *meter) checkouts(ctx context.Context, name string, b *buyers, s *shop.Shop) (Result, error) {
	if err := b.prepareCarts(ctx, checkouts, b.fillCart); err != nil {
		return Result{}, err
	}
	own := *m
	own.processes = processesOf(s)
	return own.run(name, checkouts, func() (plan.Counts, error) { return counted(ctx, metricsPorts(s)) }, b.checkout)
}

// mean gives the result of runs of as many operations each.
func mean(runs []Result) Result {
	out := runs[0]
	var seconds float64
	out.P99, out.Errors, out.CPU, out.By = 0, 0, 0, map[string]float64{}
	for _, x := range runs {
		seconds += 1 / x.PerSecond
		out.P99 = max(out.P99, x.P99)
		out.Errors += x.Errors
		out.CPU += x.CPU / float64(len(runs))
		for name, ms := range x.By {
			out.By[name] += ms / float64(len(runs))
		}
	}
	out.PerSecond = float64(len(runs)) / seconds
	return out
}

func measureDelivery(ctx context.Context, m *meter, r *Report, s *shop.Shop, b *buyers, perSecond float64, dir string) error {
	l, err := listen(ctx, s, filepath.Join(dir, "listener"))
	if err != nil {
		return err
	}
	defer l.stop()
	if err := b.prepareCarts(ctx, checkouts, b.fillCart); err != nil {
		return err
	}
	half := *m
	half.perSecond = perSecond
	began := time.Now()
	none := func() (plan.Counts, error) { return plan.Counts{}, nil }
	if err := r.add(half.run(halfPeak, checkouts, none, b.checkout)); err != nil {
		return err
	}
	took := time.Since(began)
	delays, err := l.since(ctx, began, checkouts)
	if err != nil {
		return err
	}
	res := Result{
		Name: delivery, PerSecond: float64(len(delays)) / took.Seconds(),
		P50: delays[len(delays)/2].Seconds() * 1000, P99: delays[len(delays)*99/100].Seconds() * 1000,
	}
	fmt.Printf("   %-34s %8.0f/s  p50 %6.1f ms  p99 %6.1f ms\n", res.Name, res.PerSecond, res.P50, res.P99)
	return r.add(res, nil)
}

// listener is an app behind a sidecar that hears the events of orders.
type listener struct {
	server  *http.Server
	sidecar *daprd.Sidecar
	mu      sync.Mutex
	heard   map[string]arrival // by event ID
}

type arrival struct{ made, came time.Time }

func listen(ctx context.Context, s *shop.Shop, dir string) (_ *listener, err error) {
	l := &listener{heard: map[string]arrival{}}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	root, err := shop.Root()
	if err != nil {
		return nil, err
	}
	ports, err := daprd.FreePorts(4)
	if err != nil {
		return nil, err
	}
	resources, err := listenerResources(root, dir, s.Broker)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /events", l.hear)
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(ports[3]))
	if err != nil {
		return nil, err
	}
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = l.server.Serve(socket) }()
	b, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stdout, Getenv: os.Getenv})
	if err != nil {
		return nil, err
	}
	l.sidecar, err = daprd.Start(ctx, daprd.Config{
		Binary: b.Path, AppID: "listener", AppPort: ports[3], HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
		ResourcesPaths: []string{resources}, Dir: dir, Output: &strings.Builder{},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return l, l.sidecar.WaitReady(ctx)
}

func listenerResources(root, dir, broker string) (string, error) {
	res := filepath.Join(dir, "resources")
	if err := os.MkdirAll(res, 0o750); err != nil {
		return "", err
	}
	events, err := os.ReadFile(filepath.Join(root, "components", "local", "events-orders.yaml")) //nolint:gosec // our own file
	if err != nil {
		return "", err
	}
	y := strings.NewReplacer("127.0.0.1:4222", strings.TrimPrefix(broker, "nats://"), "scopes: [orders, catalog, support]", "scopes: [listener]").
		Replace(withoutScopes(string(events)))
	subscription := `apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: listener
spec:
  pubsubname: events-orders
  topic: orders-log
  routes:
    default: /events
`
	for name, text := range map[string]string{"events.yaml": y, "subscription.yaml": subscription} {
		if err := os.WriteFile(filepath.Join(res, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return res, nil
}

func (l *listener) hear(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var e struct {
		ID   string    `json:"id"`
		Type string    `json:"type"`
		Time time.Time `json:"time"`
	}
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.heard[e.ID]; !again && e.Type == "tienda.orders.confirmed" {
		l.heard[e.ID] = arrival{e.Time, now}
	}
}

// since waits for n events that were made after a time, and gives how long
// each was under way, sorted.
func (l *listener) since(ctx context.Context, began time.Time, n int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var delays []time.Duration
		l.mu.Lock()
		for _, a := range l.heard {
			if a.made.After(began) {
				delays = append(delays, a.came.Sub(a.made))
			}
		}
		l.mu.Unlock()
		if len(delays) >= n {
			slices.Sort(delays)
			return delays, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("of %d events only %d were delivered", n, len(delays))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *listener) stop() {
	if l.sidecar != nil {
		l.sidecar.Stop(5 * time.Second)
	}
	if l.server != nil {
		_ = l.server.Close()
	}
}
