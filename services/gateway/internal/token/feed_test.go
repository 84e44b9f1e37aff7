package token

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// usersApp plays the log of revoked sessions of the users app.
type usersApp struct {
	*issuerOf

	mu      sync.Mutex
	revoked []string
	asked   []string      // the since of each question
	hang    time.Duration // before an answer
	err     error
}

func (u *usersApp) revoke(session string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revoked = append(u.revoked, session)
}

func (u *usersApp) fail(err error, hang time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err, u.hang = err, hang
}

func (u *usersApp) news(ctx context.Context, since string) (News, error) {
	u.mu.Lock()
	u.asked = append(u.asked, since)
	hang, err := u.hang, u.err
	n := News{Now: time.Now().Format(time.RFC3339Nano), Sessions: slices.Clone(u.revoked)}
	u.mu.Unlock()
	u.issuerOf.mu.Lock()
	for kid := range u.keys {
		n.Keys = append(n.Keys, kid)
	}
	u.issuerOf.mu.Unlock()
	select {
	case <-ctx.Done():
		return News{}, ctx.Err()
	case <-time.After(hang):
	}
	return n, err
}

// replica is a gateway's token check.
type replica struct {
	keys *Keys
	feed *Feed
	*Verifier
	log *strings.Builder
}

// gateway starts a replica; it ends with ctx.
func gateway(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup) *replica {
	t.Helper()
	r := &replica{log: &strings.Builder{}}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	r.keys = NewKeys(u.fetch, time.Now, log)
	r.feed = NewFeed(u.news, r.keys, time.Now, log)
	r.Verifier = NewVerifier(issuer, r.keys, r.feed.Revoked)
	require.Error(t, r.feed.Ready(ctx), "not before it knows what was revoked")
	running.Go(func() { _ = r.keys.Part(ctx) })
	running.Go(func() { _ = r.feed.Part(ctx) })
	synctest.Wait()
	return r
}

// bubble runs a test with a users app whose clock is the bubble's.
func bubble(t *testing.T, test func(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		u := &usersApp{issuerOf: newIssuer(t, "a")}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		test(ctx, t, u, &running)
	})
}

// token signs one at the bubble's time.
func (u *usersApp) token(t *testing.T, kid, session string) string {
	t.Helper()
	u.issuerOf.mu.Lock()
	u.now = time.Now()
	u.issuerOf.mu.Unlock()
	c := u.claims()
	c["sid"] = session
	return u.sign(t, kid, c, nil)
}

const other = "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a12"

// Every replica refuses a revoked session within two seconds, also a token that
// it has taken before, and no other session.
func TestARevokedSessionIsRefusedEverywhere(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup) {
		first := gateway(ctx, t, u, running)
		time.Sleep(300 * time.Millisecond) // replicas do not ask at the same moment
		second := gateway(ctx, t, u, running)
		require.NoError(t, first.feed.Ready(ctx))
		mine, others := u.token(t, "a", session), u.token(t, "a", other)
		for _, r := range []*replica{first, second} {
			for range 2 {
				_, err := r.Verify(ctx, mine)
				require.NoError(t, err)
			}
		}
		u.revoke(session)
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		for _, r := range []*replica{first, second} {
			_, err := r.Verify(ctx, mine)
			require.Equal(t, "session_ended", fault.CodeOf(err))
			require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
			_, err = r.Verify(ctx, u.token(t, "a", session))
			require.Equal(t, "session_ended", fault.CodeOf(err), "another token of the session")
			_, err = r.Verify(ctx, others)
			require.NoError(t, err)
		}
		third := gateway(ctx, t, u, running)
		_, err := third.Verify(ctx, mine)
		require.Equal(t, "session_ended", fault.CodeOf(err), "a replica that starts knows what was revoked before")
		require.Empty(t, u.asked[0])
		require.NotEmpty(t, u.asked[2])
	})
}

// figures gives what a collector shows, by name.
func figures(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(c))
	families, err := r.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		out[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return out
}

func TestWithUsersAwayTheFeedGoesOn(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup) {
		r := gateway(ctx, t, u, running)
		u.revoke(session)
		time.Sleep(time.Second + time.Millisecond)
		u.fail(errors.New("away"), 0)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		_, err := r.Verify(ctx, u.token(t, "a", session))
		require.Equal(t, "session_ended", fault.CodeOf(err), "what is known stays known")
		_, err = r.Verify(ctx, u.token(t, "a", other))
		require.NoError(t, err)
		require.NoError(t, r.feed.Ready(ctx))
		require.InDelta(t, 30, r.feed.Age().Seconds(), 1.5)
		require.Equal(t, map[string]float64{"tienda_gateway_revocations_age_seconds": r.feed.Age().Seconds(),
			"tienda_gateway_revoked_sessions": 1, "tienda_gateway_revocations_failures_total": 30}, figures(t, r.feed))
		u.fail(nil, 0)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Less(t, r.feed.Age(), 2*time.Second)
		require.Equal(t, 1, strings.Count(r.log.String(), "cannot be asked"), r.log)
		require.Equal(t, 1, strings.Count(r.log.String(), "known again"))
	})
}

// A replica of users that stands still does not keep the answers of another one
// away, and an answer that was overtaken changes no keys.
func TestAQuestionThatHangs(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup) {
		r := gateway(ctx, t, u, running)
		time.Sleep(900 * time.Millisecond)
		u.fail(nil, 3*time.Second)
		time.Sleep(200 * time.Millisecond) // it is asked, and hangs with the keys as they are
		u.fail(nil, 0)
		u.add(t, "b")
		u.revoke(session)
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, r.feed.Revoked(session))
		_, err := r.Verify(ctx, u.token(t, "b", other))
		require.NoError(t, err)
		time.Sleep(2100 * time.Millisecond) // now the answer comes
		synctest.Wait()
		require.Contains(t, r.keys.set.Load().byID, "b")
		require.True(t, r.feed.Revoked(session))
	})
}

// A new key is known before it signs, an old one is refused within two seconds,
// and neither costs more than one reading of the keys.
func TestTheKeysFollow(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T, u *usersApp, running *sync.WaitGroup) {
		r := gateway(ctx, t, u, running)
		before := u.fetches.Load()
		u.add(t, "b")
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		require.Equal(t, before+1, u.fetches.Load())
		old := u.token(t, "a", session)
		_, err := r.Verify(ctx, old)
		require.NoError(t, err)
		_, err = r.Verify(ctx, u.token(t, "b", session))
		require.NoError(t, err)
		require.Equal(t, before+1, u.fetches.Load(), "nobody had to look for it")

		u.remove("a")
		u.issuerOf.mu.Lock()
		u.down = true // not even read again
		u.issuerOf.mu.Unlock()
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		_, err = r.Verify(ctx, old)
		require.Equal(t, "invalid_token", fault.CodeOf(err))
		_, err = r.Verify(ctx, u.token(t, "b", session))
		require.NoError(t, err)
	})
}

func TestRevokedSessionsAreForgotten(t *testing.T) {
	now := time.Now()
	g := newGenerations(now)
	g.add([]string{"a"}, now)
	g.add([]string{"a", "b"}, now.Add(keep-1))
	require.Equal(t, 2, g.size())
	g.add([]string{"c"}, now.Add(keep))
	require.True(t, g.has("b"), "for as long as a token may be good")
	g.add(nil, now.Add(2*keep-1))
	require.True(t, g.has("b"))
	g.add(nil, now.Add(2*keep))
	require.False(t, g.has("a") || g.has("b"))
	require.True(t, g.has("c"))
}
