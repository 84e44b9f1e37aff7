package operations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"tienda/internal/caller"
	"tienda/internal/daprd"
	"tienda/internal/profile/profiletest"
	"tienda/tests/shop"
)

const (
	buyers    = 8
	thinkTime = 100 * time.Millisecond // at most, between two requests
	rollLimit = 5 * time.Minute

	keptBySidecars = 20 * time.Second // the addresses of a name, in a cluster (docs/adr/0051)
)

// Every replica of every app and its sidecar are replaced while customers and guests buy,
// with the times that the manifests have. No request fails, and each acknowledged order is
// there once. It is tried on the stores that clusters have; SQLite's locks between
// processes can refuse writers for a second when one of them opens or closes the file.
func TestRollingRestart(t *testing.T) {
	profiletest.OnServers(t, rollingRestart)
}

func rollingRestart(t *testing.T, profile string) {
	m := readManifest(t)
	s, err := shop.Start(t.Context(), shop.Options{
		Bin: bin, Dir: t.TempDir(), Rolling: true, Env: m.env, Profile: profile,
		Replicas: []string{"gateway=2,users=2,catalog=2,orders=2,support=2"},
	})
	require.NoError(t, err)
	defer s.Stop()
	m.requireFlags(t, s)

	doors := watchDoors(t, s)
	skus := goods(t, doors.one, 4, 100_000)
	load := &load{doors: doors, skus: skus}
	began := load.start(t)
	require.Eventually(t, func() bool { return load.sent.Load() > 200 }, time.Minute, 20*time.Millisecond, "the load has not begun: %s", load.failed())
	before, old := load.sent.Load(), processes(s)
	require.NoError(t, s.Roll())
	require.Eventually(t, func() bool { return allReplaced(s, old) }, rollLimit, 100*time.Millisecond, "not every replica was replaced:\n%s", s.Log())
	during := load.sent.Load() - before
	load.stop()

	t.Logf("%d requests while %d processes were replaced, %d orders, %d failed", during, len(old), len(load.orders()), len(load.failures))
	if len(load.failures) > 0 {
		t.Log(causes(t, s, load.failed()))
	}
	require.Empty(t, load.failed())
	require.Greater(t, during, int64(300), "that is hardly a load")
	began.requireOrders(t)
	requireStock(t, load, 100_000)
}

// manifest is what k8s/common says of a stop.
type manifest struct {
	env   []string
	flags []string
}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	root, err := shop.Root()
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(root, "k8s", "common", "service.yaml"))
	require.NoError(t, err)
	var d struct {
		Spec struct {
			Template struct {
				Metadata struct{ Annotations map[string]string }
				Spec     struct {
					Grace      int `yaml:"terminationGracePeriodSeconds"`
					Containers []struct {
						Env []struct{ Name, Value string }
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(b, &d))
	pod := d.Spec.Template
	var times time.Duration
	for _, e := range pod.Spec.Containers[0].Env {
		if slices.Contains([]string{"TIENDA_READY_OFF", "TIENDA_DRAIN", "TIENDA_LINGER"}, e.Name) {
			here := e.Value
			if e.Name == "TIENDA_READY_OFF" {
				here = "5s" // sidecars of one machine keep no address: make k8s-e2e tries this one
			}
			m.env = append(m.env, e.Name+"="+here)
			d, err := time.ParseDuration(e.Value)
			require.NoError(t, err)
			require.True(t, e.Name != "TIENDA_READY_OFF" || d > keptBySidecars, "sidecars in a cluster ask a replica that refuses")
			times += d
			if e.Name == "TIENDA_DRAIN" {
				times += d // for events
			}
		}
	}
	require.Len(t, m.env, 3)
	graceful := pod.Metadata.Annotations["dapr.io/graceful-shutdown-seconds"]
	sidecar, err := time.ParseDuration(graceful + "s")
	require.NoError(t, err)
	require.LessOrEqual(t, times+sidecar, time.Duration(pod.Spec.Grace)*time.Second, "nothing is killed that keeps to its times")
	m.flags = []string{
		"--dapr-graceful-shutdown-seconds " + graceful,
		"--dapr-block-shutdown-duration " + pod.Metadata.Annotations["dapr.io/block-shutdown-duration"],
		"--app-health-threshold " + pod.Metadata.Annotations["dapr.io/app-health-threshold"],
		"--app-health-probe-interval " + pod.Metadata.Annotations["dapr.io/app-health-probe-interval"],
		"--app-health-check-path " + pod.Metadata.Annotations["dapr.io/app-health-check-path"],
	}
	return m
}

// requireFlags holds the sidecars to the manifests.
func (m manifest) requireFlags(t *testing.T, s *shop.Shop) {
	t.Helper()
	for _, a := range s.Apps {
		if a.SidecarPID == 0 {
			continue
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", a.SidecarPID))
		require.NoError(t, err)
		line := strings.ReplaceAll(string(b), "\x00", " ")
		for _, f := range m.flags {
			require.Contains(t, line, f, a.Name)
		}
	}
}

// processes gives the apps with a sidecar, and their sidecars, by process ID.
func processes(s *shop.Shop) map[int]string {
	out := map[int]string{}
	for _, a := range s.Apps {
		if a.SidecarPID != 0 {
			out[a.PID], out[a.SidecarPID] = a.AppID, a.AppID
		}
	}
	return out
}

// allReplaced says that there are as many processes of each app as before, all of them new.
func allReplaced(s *shop.Shop, old map[int]string) bool {
	if s.Reload() != nil {
		return false
	}
	now, count := processes(s), map[string]int{}
	for _, app := range old {
		count[app]++
	}
	for pid, app := range now {
		if _, was := old[pid]; was {
			return false
		}
		count[app]--
	}
	return !slices.ContainsFunc(slices.Collect(maps.Values(count)), func(n int) bool { return n != 0 })
}

// doors are the gateways that are ready, as who balances load knows them: by their probes,
// at the interval of the manifests' failure threshold at most.
type doors struct {
	mu    sync.Mutex
	ready []string
}

func watchDoors(t *testing.T, s *shop.Shop) *doors {
	t.Helper()
	d := &doors{ready: []string{s.Gateway}}
	look := &shop.Shop{State: s.State}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if again, err := s.Look(); err == nil {
				look.State = again
			}
			var ready []string
			for _, a := range look.Of("gateway") {
				base := fmt.Sprintf("http://127.0.0.1:%d", a.Port)
				if daprd.Healthy(ctx, base+"/readyz") {
					ready = append(ready, base)
				}
			}
			if len(ready) > 0 {
				d.mu.Lock()
				d.ready = ready
				d.mu.Unlock()
			}
			select {
			case <-ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return d
}

func (d *doors) one() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready[rand.IntN(len(d.ready))]
}

// load is what customers and guests do.
type load struct {
	doors *doors
	skus  []string
	sent  atomic.Int64

	mu       sync.Mutex
	failures []error
	bought   map[string]int // pieces by SKU
	people   []*person
	end      chan struct{}
	wg       sync.WaitGroup
}

// person is a customer, or a guest.
type person struct {
	*client
	guest  bool
	mine   []order
	serial int
}

type crowd struct{ *load }

func (l *load) start(t *testing.T) crowd {
	t.Helper()
	l.end, l.bought = make(chan struct{}), map[string]int{}
	for n := range buyers {
		p := &person{client: newClient(l.doors.one), guest: n%3 == 2}
		p.sent = &l.sent
		if !p.guest {
			_, err := p.register(t.Context())
			require.NoError(t, err)
		}
		l.people = append(l.people, p)
	}
	for _, p := range l.people {
		l.wg.Go(func() { l.buy(t.Context(), p) })
	}
	return crowd{l}
}

func (l *load) stop() {
	close(l.end)
	l.wg.Wait()
}

func (l *load) buy(ctx context.Context, p *person) {
	for {
		for _, step := range []func(context.Context, *person) error{l.browse, l.fill, l.checkout, l.look, l.write, l.renew} {
			select {
			case <-l.end:
				return
			case <-time.After(rand.N(thinkTime)):
			}
			if err := step(ctx, p); err != nil {
				l.mu.Lock()
				l.failures = append(l.failures, fmt.Errorf("%s: %w", time.Now().Format("15:04:05.000"), err))
				l.mu.Unlock()
				break // the steps that follow would fail for want of this one
			}
		}
	}
}

func (l *load) failed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := errors.Join(l.failures[:min(len(l.failures), 20)]...)
	if err == nil {
		return ""
	}
	return err.Error()
}

var requestID = regexp.MustCompile(`"request_id":"([^"]+)"`)

// causes gives what the shop's logs have of the requests that failed.
func causes(t *testing.T, s *shop.Shop, failed string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.DataDir, "logs", "*.log"))
	require.NoError(t, err)
	var out strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			for _, id := range requestID.FindAllStringSubmatch(failed, -1) {
				if strings.Contains(line, id[1]) {
					out.WriteString(filepath.Base(f) + ": " + line)
				}
			}
		}
	}
	return out.String()
}

func (l *load) orders() (all []order) {
	for _, p := range l.people {
		all = append(all, p.mine...)
	}
	return all
}

func (l *load) browse(ctx context.Context, p *person) error {
	for _, path := range []string{"/v1/products?limit=10", "/v1/categories", "/v1/products?q=taza&limit=5"} {
		if err := p.do(ctx, http.StatusOK, http.MethodGet, path, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) fill(ctx context.Context, p *person) error {
	sku := l.skus[rand.IntN(len(l.skus))]
	return p.do(ctx, http.StatusOK, http.MethodPut, "/v1/cart/items/"+sku, map[string]int{"quantity": 1 + rand.IntN(3)}, nil)
}

func (l *load) checkout(ctx context.Context, p *person) error {
	body := map[string]any{"payment_method": "invoice", "email": "buyer@example.com", "currency": "EUR", "address": madrid}
	var o order
	if err := p.do(ctx, http.StatusCreated, http.MethodPost, "/v1/orders", body, &o, "Idempotency-Key", uuid.NewString()); err != nil {
		return err
	}
	p.mine = append(p.mine, o)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range o.Lines {
		l.bought[line.SKU] += line.Quantity
	}
	return nil
}

func (l *load) look(ctx context.Context, p *person) error {
	last := p.mine[len(p.mine)-1]
	if err := p.do(ctx, http.StatusOK, http.MethodGet, "/v1/orders/"+last.ID, nil, nil); err != nil || p.guest {
		return err
	}
	return p.do(ctx, http.StatusOK, http.MethodGet, "/v1/orders?limit=20", nil, nil)
}

// write makes what has no key: a repeat would be a second one. It is done once.
func (l *load) write(ctx context.Context, p *person) error {
	if p.guest {
		return nil
	}
	p.serial++
	return p.do(ctx, http.StatusCreated, http.MethodPost, "/v1/tickets", map[string]any{"subject": fmt.Sprintf("Pregunta %d", p.serial), "message": "¿Cuándo llega?"}, nil)
}

// renew uses a refresh token, which can be used once: a repeat would end the session.
func (l *load) renew(ctx context.Context, p *person) error {
	if p.guest {
		return nil
	}
	return p.client.renew(ctx)
}

// requireOrders looks for each acknowledged order, and each ticket, once.
func (c crowd) requireOrders(t *testing.T) {
	t.Helper()
	for _, p := range c.people {
		if p.guest {
			for _, o := range p.mine {
				require.NoError(t, p.do(t.Context(), http.StatusOK, http.MethodGet, "/v1/orders/"+o.ID, nil, nil))
			}
			continue
		}
		there, err := p.client.orders(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, ids(p.mine), ids(there))
		var tickets struct {
			Items []struct{ Subject string } `json:"items"`
		}
		require.NoError(t, p.do(t.Context(), http.StatusOK, http.MethodGet, "/v1/tickets?limit=100", nil, &tickets))
		require.Len(t, tickets.Items, min(p.serial, 100))
	}
}

func ids(all []order) (out []string) {
	for _, o := range all {
		out = append(out, o.ID)
	}
	return out
}

// requireStock compares what is left with what was bought.
func requireStock(t *testing.T, l *load, initial int) {
	t.Helper()
	m := staff(t, l.doors.one, caller.CatalogManager)
	for _, sku := range l.skus {
		require.Eventually(t, func() bool {
			s := stockOf(t, m, sku)
			return s.Available == initial-l.bought[sku]
		}, 30*time.Second, 200*time.Millisecond, "%s: %d were bought of %d: %+v", sku, l.bought[sku], initial, stockOf(t, m, sku))
	}
}
