package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/state"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/statestore"
)

// sweep runs a turn of the sweep that the service runs every 5 s.
func (s *shop) sweep(t *testing.T) {
	t.Helper()
	require.NoError(t, s.terms.Refresh(t.Context()))
	now, err := s.terms.Get(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.promotions.Sweep(t.Context(), now.Uses))
}

// uses gives what the document of a promotion's uses holds: folded and open.
func (s *shop) uses(t *testing.T, id string) [2]int {
	t.Helper()
	all, err := statestore.NewPromotions(state.Open(s.store, nil, nil)).Uses(t.Context(), id)
	require.NoError(t, err)
	return [2]int{all[id].Folded, len(all[id].Open)}
}

func (s *shop) withCode(t *testing.T, as caller.Caller, h http.Header, code string) {
	t.Helper()
	r := request("PUT", "/v1/cart/promotions/"+code, as, nil)
	r.Header = h
	s.ok(t, 200, r, nil)
}

// A promotion for 10 orders, tried by 60 guests at two replicas: 10 get it, the others
// are told, and what they wanted is back in their carts.
func TestALimitHolds(t *testing.T) {
	for name, store := range map[string]func(state.Store) state.Store{
		"with rollback":    func(s state.Store) state.Store { return s },
		"without rollback": func(s state.Store) state.Store { return halves{s} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.db = store(s.store)
			s = s.restarted(t)
			id := s.promotion(t, map[string]any{"code": "RUSH", "kind": "percentage", "rate": 50_000, "limit": 10})
			other := s.restarted(t)
			const buyers = 60
			guests := make([]http.Header, buyers)
			for i := range guests {
				guests[i] = s.guest(t, coffee, 1)
				s.withCode(t, caller.Caller{}, guests[i], "RUSH")
			}
			codes := make([]string, buyers)
			var wg sync.WaitGroup
			for i := range buyers {
				at := []*shop{s, other}[i%2]
				wg.Go(func() {
					a := at.submit(t, caller.Caller{}, guests[i], fmt.Sprint("guest-key-", i), guestCash)
					if a.Status != 201 {
						codes[i], _ = a.Problem(t)
					}
				})
			}
			wg.Wait()
			count := map[string]int{}
			for _, c := range codes {
				count[c]++
			}
			require.Equal(t, map[string]int{"": 10, "promotion_used_up": 50}, count)
			require.Equal(t, 10, s.used(t, id))
			for i, c := range codes {
				if c != "" {
					require.Len(t, s.cart(t, caller.Caller{}, guests[i]).Lines, 1)
				}
			}
			require.NoError(t, s.terms.Refresh(t.Context()))
			var c billDoc
			r := request("GET", "/v1/cart", caller.Caller{}, nil)
			for i, code := range codes {
				if code != "" {
					r.Header = guests[i]
				}
			}
			s.ok(t, 200, r, &c)
			require.Equal(t, "used_up", c.Promotions[0].Reason)
		})
	}
}

// An automatic promotion that is used up is simply not given any more.
func TestAnAutomaticPromotionIsUsedUp(t *testing.T) {
	s := newShop(t)
	s.promotion(t, map[string]any{"kind": "percentage", "rate": 50_000, "limit": 1})
	stale := s.restarted(t) // it does not hear of the first use
	s.put(t, asAna, nil, tea, 1)
	require.Equal(t, int64(250), s.ordered(t, s.submit(t, asAna, nil, "key-of-ana-1", cash), 201).Totals.Total.Amount)
	s.put(t, asAna, nil, tea, 1)
	require.Equal(t, int64(500), stale.ordered(t, stale.submit(t, asAna, nil, "key-of-ana-2", cash), 201).Totals.Total.Amount)
}

// The use of an order that is cancelled comes back; that of one that was shipped is
// folded into the count, half a minute after its confirmation.
func TestUsesComeBackAndAreFolded(t *testing.T) {
	s := newShop(t)
	id := s.promotion(t, map[string]any{"code": "ONCE", "kind": "percentage", "rate": 50_000, "limit": 2, "limit_per_user": 1})
	buy := func(key string) orderDoc {
		s.put(t, asAna, nil, tea, 1)
		s.withCode(t, asAna, nil, "ONCE")
		return s.ordered(t, s.submit(t, asAna, nil, key, cash), 201)
	}
	refused := func(key, code string) {
		s.put(t, asAna, nil, tea, 1)
		s.withCode(t, asAna, nil, "ONCE")
		got, fields := s.submit(t, asAna, nil, key, cash).Problem(t)
		require.Equal(t, code, got)
		require.Equal(t, []string{"/promotions/ONCE"}, fields)
		s.ok(t, 204, request("DELETE", "/v1/cart", asAna, nil), nil)
	}
	first := buy("key-of-ana-1")
	refused("key-of-ana-2", "promotion_used_by_you")
	s.step(t, asAna, nil, first.ID, "cancel", nil)
	s.clock.ahead.Store(int64(6 * time.Second))
	s.sweep(t)
	require.Equal(t, [2]int{0, 0}, s.uses(t, id), "it is given back")
	second := buy("key-of-ana-3")
	s.step(t, asAgent, nil, second.ID, "ship", nil)
	s.clock.ahead.Store(int64(20 * time.Second))
	s.sweep(t)
	require.Equal(t, [2]int{0, 1}, s.uses(t, id), "too early: a driver of it may still be there")
	s.clock.ahead.Store(int64(40 * time.Second))
	s.sweep(t)
	s.sweep(t)
	require.Equal(t, [2]int{1, 0}, s.uses(t, id))
	require.Equal(t, 1, s.used(t, id))
	refused("key-of-ana-4", "promotion_used_by_you")

	h := s.guest(t, tea, 1)
	s.withCode(t, caller.Caller{}, h, "ONCE")
	got, _ := s.submit(t, caller.Caller{}, h, "guest-key", guestCash).Problem(t)
	require.Equal(t, "promotion_not_applicable", got, "a limit for each user needs a user")
}

// A driver of an order of another day cannot use a promotion for it: neither after its
// use was given back nor after it was folded.
func TestALateDriverUsesNothing(t *testing.T) {
	s := newShop(t)
	id := s.promotion(t, map[string]any{"kind": "percentage", "rate": 50_000, "limit": 9})
	cancelled, shipped := s.bought(t, "key-of-ana-1", cash), s.bought(t, "key-of-ana-2", cash)
	s.step(t, asAna, nil, cancelled.ID, "cancel", nil)
	s.step(t, asAgent, nil, shipped.ID, "ship", nil)
	s.clock.ahead.Store(int64(time.Minute))
	s.sweep(t)
	require.Equal(t, [2]int{1, 0}, s.uses(t, id))
	p, _, err := s.promotions.Get(t.Context(), id)
	require.NoError(t, err)
	for _, o := range []orderDoc{cancelled, shipped} {
		require.ErrorIs(t, s.promotions.Take(t.Context(), promotion.Ask{Order: o.ID, Promotions: []promotion.Promotion{p}}), promotion.ErrEnded)
	}
	require.Equal(t, [2]int{1, 0}, s.uses(t, id))
}

// A checkout dies at each of its writes, before it lands and after: in the end its use
// is counted once if it was confirmed, and given back if it was refused.
func TestUsesAfterACrashAtEachWrite(t *testing.T) {
	for _, lands := range []bool{false, true} {
		for _, refused := range []bool{false, true} {
			for at := range 3 {
				t.Run(fmt.Sprint("write ", at, " lands: ", lands, ", then refused: ", refused), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { crashAt(t, at, lands, refused) })
				})
			}
		}
	}
}

func crashAt(t *testing.T, at int, lands, refused bool) {
	s := newShop(t)
	id := s.promotion(t, map[string]any{"code": "CRASH", "kind": "percentage", "rate": 50_000, "limit": 1})
	s.put(t, asAna, nil, tea, 1)
	s.withCode(t, asAna, nil, "CRASH")
	s.db = &dying{Store: s.store, at: at, lands: lands}
	s.restarted(t).submit(t, asAna, nil, "key-of-ana-1", cash)
	s.db = s.store
	s = s.restarted(t) // after the crash
	if refused {
		s.catalog.set(func(c *fakeCatalog) {
			clear(c.held)
			c.stock[tea] = 0
		})
	}
	status := s.wait(t)
	time.Sleep(10 * time.Second)
	s.sweep(t)
	switch status {
	case 201:
		require.Equal(t, [2]int{0, 1}, s.uses(t, id))
	default:
		require.Equal(t, [2]int{0, 0}, s.uses(t, id))
	}
	require.Equal(t, s.live(t), s.uses(t, id)[1], "as many uses as orders that have it")
}

// wait repeats the checkout until it has an end.
func (s *shop) wait(t *testing.T) (status int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		a := s.submit(t, asAna, nil, "key-of-ana-1", cash)
		code := ""
		if a.Status != 201 {
			code, _ = a.Problem(t)
		}
		if code != "checkout_in_progress" && a.Status < 500 {
			return a.Status
		}
		require.True(t, time.Now().Before(deadline), "%s", a.Body)
		time.Sleep(50 * time.Millisecond)
	}
}

// live counts the orders that are neither pending nor cancelled.
func (s *shop) live(t *testing.T) (n int) {
	t.Helper()
	for _, o := range s.listed(t, asAna) {
		if o.Status != "pending" && o.Status != "cancelled" {
			n++
		}
	}
	return n
}

var errDied = errors.New("the process is dead")

// dying is a store that loses its client at a write of a checkout: from then on it
// answers nothing.
type dying struct {
	state.Store
	at    int
	lands bool
	mu    sync.Mutex
	dead  bool
}

func (d *dying) Commit(ctx context.Context, ops ...state.Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDied
	}
	if strings.HasPrefix(ops[0].Key, "promotions:") {
		return d.Store.Commit(ctx, ops...)
	}
	if d.at--; d.at >= 0 {
		return d.Store.Commit(ctx, ops...)
	}
	d.dead = true
	if d.lands {
		_ = d.Store.Commit(ctx, ops...)
	}
	return errDied
}

func (d *dying) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errDied
	}
	return d.Store.Get(ctx, keys...)
}
