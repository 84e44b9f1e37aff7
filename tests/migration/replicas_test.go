package migration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/tests/shop"
)

// balancer sends each request to one of the gateways, and to another where nobody listens.
type balancer struct {
	gateways []string
	next     atomic.Int64
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	for range b.gateways {
		at := b.gateways[int(b.next.Add(1))%len(b.gateways)]
		req, err := http.NewRequestWithContext(r.Context(), r.Method, at+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			break
		}
		req.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			continue
		}
		if err != nil {
			break
		}
		defer func() { _ = resp.Body.Close() }()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	w.WriteHeader(http.StatusBadGateway)
}

// tellTwice is tellBehind with two replicas of each owner, and two gateways behind one door.
func tellTwice(t *testing.T, o generator.Options, profile string) *story {
	t.Helper()
	s := tellBehindOn(t, o, func(o *shop.Options) {
		o.Profile = profile
		for _, app := range append([]string{"gateway"}, owners...) {
			o.Replicas = append(o.Replicas, app+"=2")
		}
	}, "MIGRATION_CHUNK=7")
	b := &balancer{}
	for _, g := range s.shop.Of("gateway") {
		b.gateways = append(b.gateways, fmt.Sprintf("http://127.0.0.1:%d", g.Port))
	}
	require.Len(t, b.gateways, 2)
	door := httptest.NewServer(b)
	t.Cleanup(door.Close)
	s.door = door.URL
	return s
}

// victims are what dies, by name; one of two replicas where there are two.
var victims = []struct {
	name string
	kill func(s *story, app string, n int)
}{
	{"a gateway", func(s *story, _ string, n int) { s.signalAt("gateway", n, false, syscall.SIGKILL) }},
	{"the owner", func(s *story, app string, n int) { s.signalAt(app, n, false, syscall.SIGKILL) }},
	{"the migration", func(s *story, _ string, _ int) { s.kill("migration", false) }},
	{"the owner's sidecar", func(s *story, app string, n int) { s.signalAt(app, n, true, syscall.SIGKILL) }},
	{"a gateway's sidecar", func(s *story, _ string, n int) { s.signalAt("gateway", n, true, syscall.SIGKILL) }},
	{"the migration's sidecar", func(s *story, _ string, _ int) { s.kill("migration", true) }},
	{"the source's connections", func(s *story, _ string, _ int) { s.cut() }},
}

// hands are the stages of a change of hands, and where it begins and ends.
var hands = []struct{ what, from, stage, to string }{
	{"begin", "monolith", "preparing", "shop"},
	{"rollback", "shop", "returning", "monolith"},
	{"begin", "monolith", "fenced", "shop"},
	{"rollback", "shop", "unflipping", "monolith"},
	{"begin", "monolith", "checked", "shop"},
	{"rollback", "shop", "returning", "monolith"},
	{"begin", "monolith", "flipping", "shop"},
}

// faultSeed is the seed of a long run, by MOVE_FAULTS; false: some faults will do.
func faultSeed(t *testing.T) (seed uint64, long bool) {
	t.Helper()
	text := os.Getenv("MOVE_FAULTS")
	if text == "" {
		return 1, false
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "MOVE_FAULTS")
	return seed, true
}

// dies has something die at a stage of a change of hands: it is carried out, or given up
// with a reason.
func (s *story) dies(service string, hand int, victim, replica int) {
	s.t.Helper()
	step, who := hands[hand], victims[victim]
	if now := s.settles(service); now.Stage != step.from {
		back := map[string]string{"shop": "begin", "monolith": "rollback"}[step.from]
		s.changes(service, back, step.from)
	}
	status, body := s.does(service, step.what)
	require.Equal(s.t, http.StatusAccepted, status, body)
	seen := s.at(service, step.stage, step.to)
	who.kill(s, service, replica)
	now := s.settles(service)
	s.t.Logf("%s %s: %s died at %s, to be %s: then %+v", service, step.what, who.name, seen, step.stage, now)
	require.True(s.t, now.Stage == step.to || now.Stage == step.from && now.Reason != "", "%+v", now)
}

// at waits for a stage, or for the end, and gives what was seen.
func (s *story) at(service, stage, end string) (seen string) {
	s.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		c, ok := s.cutover(service)
		if seen = c.Stage; ok && (seen == stage || seen == end) || time.Now().After(limit) {
			return seen
		}
	}
}

// Whichever of two replicas dies while services change hands, of an owner, of the gateways
// or of what is between them: it is carried out or given up with a reason, and nothing that
// was acknowledged is lost or there twice, on either side. MOVE_FAULTS says which seed of
// the long run: each stage of each service with everything that can die.
func TestReplicasDieWhileServicesChangeHands(t *testing.T) {
	localtest.Needs(t)
	seed, long := faultSeed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	profile := os.Getenv("PROFILE")
	if profile == "" {
		profile = "redis" // the other tests are on local
	}
	s := tellTwice(t, generator.Options{Size: 30, Seed: seed}, profile)
	s.start()
	s.becomes("following")
	s.sellAt(s.door, 8)
	m := s.merchant()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var trading sync.WaitGroup
	trading.Go(func() { m.trade(ctx) })
	for hand := range hands {
		who := []int{hand % 2} // a gateway and the owner by turns
		if long {
			who = r.Perm(len(victims))
		}
		for _, victim := range who {
			s.dies("catalog", hand, victim, r.IntN(2))
		}
	}
	for _, service := range owners {
		if long && service != "catalog" {
			for _, hand := range r.Perm(len(hands)) {
				s.dies(service, hand, r.IntN(len(victims)), r.IntN(2))
			}
		}
		if (long || service == "catalog") && s.settles(service).Stage == "monolith" {
			s.changes(service, "begin", "shop")
		}
	}
	stop()
	trading.Wait()
	s.quiet()
	s.bothHave(m)
	s.drained()
	s.equal()
}
