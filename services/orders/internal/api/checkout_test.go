package api_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/state"
)

func TestCheckoutRepeats(t *testing.T) {
	s := newShop(t)
	o := s.bought(t, "key-of-ana", cash)
	a := s.submit(t, asAna, nil, "key-of-ana", `{ "payment_method":"cash_on_delivery" }`)
	require.Equal(t, o.ID, s.ordered(t, a, 201).ID)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
	require.Equal(t, 1, s.catalog.reserved)
	code, fields := s.submit(t, asAna, nil, "key-of-ana", invoice).Problem(t)
	require.Equal(t, "idempotency_key_reused", code)
	require.Equal(t, []string{"Idempotency-Key"}, fields)
	code, _ = s.submit(t, asAna, nil, "another-key", cash).Problem(t)
	require.Equal(t, "cart_empty_or_taken", code)
	require.Equal(t, []string{"tienda.orders.confirmed"}, s.events.Types())
}

// Four submits of one cart with keys of their own make one order.
func TestOneCartOneOrder(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 2)
	var wg sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		wg.Go(func() { statuses[i] = s.submit(t, asAna, nil, fmt.Sprintf("key-of-ana-%d", i), cash).Status })
	}
	wg.Wait()
	require.ElementsMatch(t, []int{201, 409, 409, 409}, statuses)
	require.Equal(t, 98, s.catalog.stock[coffee])
	require.Len(t, s.listed(t, asAna), 1)
}

func TestRefusedCheckoutGivesTheCartBack(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 1)
	s.put(t, asAna, nil, plate, 4)
	for range 2 { // the second is a repeat, answered from the order
		a := s.submit(t, asAna, nil, "key-of-ana", cash)
		require.Equal(t, 422, a.Status)
		code, fields := a.Problem(t)
		require.Equal(t, "out_of_stock", code)
		require.Equal(t, []string{"/lines/1/quantity"}, fields)
		require.Len(t, s.cart(t, asAna, nil).Lines, 2, "once, however often it is repeated")
		require.Equal(t, 5, s.cart(t, asAna, nil).Totals.Quantity)
	}
	require.Equal(t, 1, s.catalog.reserved)
	require.Equal(t, []string{"tienda.orders.cancelled"}, s.events.Types())
	s.put(t, asAna, nil, plate, 3)
	s.ordered(t, s.submit(t, asAna, nil, "key-of-ana-2", cash), 201)
}

// Catalog is away: the order waits, and a repeat or the recovery finishes it.
func TestCheckoutThroughAnOutage(t *testing.T) {
	for _, by := range []string{"repeat", "another replica", "recovery"} {
		t.Run(by, func(t *testing.T) {
			s := newShop(t)
			s.put(t, asAna, nil, coffee, 1)
			s.catalog.set(func(c *fakeCatalog) { c.away = true })
			a := s.submit(t, asAna, nil, "key-of-ana", cash)
			require.Equal(t, 503, a.Status)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.Equal(t, 503, s.submit(t, asAna, nil, "key-of-ana", cash).Status)
			s.catalog.set(func(c *fakeCatalog) { c.away = false })
			switch by {
			case "repeat":
				require.Equal(t, "confirmed", s.ordered(t, s.submit(t, asAna, nil, "key-of-ana", cash), 201).Status)
			case "another replica":
				other := s.restarted(t)
				code, _ := other.submit(t, asAna, nil, "key-of-ana", cash).Problem(t)
				require.Equal(t, "checkout_in_progress", code, "somebody may be driving it")
				s.age(t)
				require.Equal(t, "confirmed", other.ordered(t, other.submit(t, asAna, nil, "key-of-ana", cash), 201).Status)
			case "recovery":
				other := s.restarted(t)
				require.NoError(t, other.checkouts.Recover(t.Context()))
				require.Empty(t, s.events.Types(), "too young")
				s.age(t)
				require.NoError(t, other.checkouts.Recover(t.Context()))
				require.Equal(t, []string{"tienda.orders.confirmed"}, s.events.Types())
				require.NoError(t, s.checkouts.Recover(t.Context()))
				require.Equal(t, "confirmed", s.ordered(t, s.submit(t, asAna, nil, "key-of-ana", cash), 201).Status)
			}
			require.Equal(t, []string{"tienda.orders.confirmed"}, s.events.Types())
			require.Equal(t, 99, s.catalog.stock[coffee])
		})
	}
}

// The store goes away at each of its writes in turn: the client repeats with
// the same key, and there is one order and one reservation in the end.
func TestCheckoutSurvivesLostWrites(t *testing.T) {
	for lost := range 2 {
		for _, landed := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, landed %v", lost, landed), func(t *testing.T) {
				s := newShop(t)
				h := s.guest(t, coffee, 1)
				n := 0
				fail := func([]state.Op) error {
					if n++; n == lost+1 {
						return errors.New("connection reset")
					}
					return nil
				}
				if landed {
					s.store.AfterCommit = fail
				} else {
					s.store.BeforeCommit = fail
				}
				a := s.submit(t, caller.Caller{}, h, "guest-key", guestCash)
				if !landed {
					require.Equal(t, 503, a.Status)
					a = s.submit(t, caller.Caller{}, h, "guest-key", guestCash)
				}
				require.Equal(t, "confirmed", s.ordered(t, a, 201).Status)
				require.Equal(t, 99, s.catalog.stock[coffee])
				require.Equal(t, []string{"tienda.orders.confirmed"}, s.events.Types())
			})
		}
	}
}

// A transaction that was cut in half left an order to which the cart gave
// nothing (a store that does not roll back): it must not be bought.
func TestStrayOrderIsNotBought(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 1)
	s.catalog.set(func(c *fakeCatalog) { c.away = true })
	require.Equal(t, 503, s.submit(t, asAna, nil, "key-of-ana", cash).Status)
	s.catalog.set(func(c *fakeCatalog) { c.away = false })
	s.rewrite(t, "cart:user:"+ana, func(doc string) string { return strings.Replace(doc, `"taken":["`, `"taken":["not-`, 1) })
	s.age(t)
	require.NoError(t, s.checkouts.Recover(t.Context()))
	code, _ := s.submit(t, asAna, nil, "key-of-ana", cash).Problem(t)
	require.Equal(t, "cart_empty_or_taken", code)
	require.Equal(t, 100, s.catalog.stock[coffee])
}

func TestGuestOrderIsTheGuests(t *testing.T) {
	s := newShop(t)
	h := s.guest(t, coffee, 1)
	o := s.ordered(t, s.submit(t, caller.Caller{}, h, "guest-key", guestCash), 201)
	require.Equal(t, "guest@example.com", o.Email)
	for _, tt := range []struct {
		as   caller.Caller
		own  bool
		want int
	}{{own: true, want: 200}, {want: 401}, {as: asAna, want: 404}, {as: asAna, own: true, want: 200}, {as: asAgent, want: 200}} {
		r := request("GET", "/v1/orders/"+o.ID, tt.as, nil)
		if tt.own {
			r.Header = h
		}
		require.Equal(t, tt.want, s.Do(t, r).Status, "%+v", tt)
	}
}

// Sixteen checkouts of one shopper can be under way. Another one is refused
// and keeps its cart; none of the open ones loses its lines.
func TestSoManyOpenCheckouts(t *testing.T) {
	s := newShop(t)
	away := func(away bool) { s.catalog.set(func(c *fakeCatalog) { c.away = away }) }
	const open = 16
	for i := range open {
		s.put(t, asAna, nil, coffee, 1)
		away(true)
		require.Equal(t, 503, s.submit(t, asAna, nil, fmt.Sprintf("key-of-ana-%d", i), cash).Status)
		away(false)
	}
	s.put(t, asAna, nil, coffee, 1)
	a := s.submit(t, asAna, nil, "one-too-many", cash)
	require.Equal(t, 409, a.Status)
	code, _ := a.Problem(t)
	require.Equal(t, "too_many_open_checkouts", code)
	require.Len(t, s.cart(t, asAna, nil).Lines, 1)
	s.age(t)
	require.NoError(t, s.checkouts.Recover(t.Context()))
	require.Equal(t, 100-open, s.catalog.stock[coffee], "each was bought")
	s.ordered(t, s.submit(t, asAna, nil, "one-too-many", cash), 201)
	for i := range 2 * open { // settled ones take up no room
		s.bought(t, fmt.Sprintf("later-key-%d", i), cash)
	}
}

// A key answers for its order for a day. Then it is free again, each time anew.
func TestIdempotencyKeyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		seen := map[string]bool{}
		for day := range 3 {
			o := s.bought(t, "key-of-ana", cash)
			require.False(t, seen[o.ID], "day %d: another order", day)
			seen[o.ID] = true
			time.Sleep(24*time.Hour - time.Second)
			a := s.submit(t, asAna, nil, "key-of-ana", cash)
			require.Equal(t, o.ID, s.ordered(t, a, 201).ID, "day %d: still its repeat", day)
			require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
			code, _ := s.submit(t, asAna, nil, "key-of-ana", invoice).Problem(t)
			require.Equal(t, "idempotency_key_reused", code)
			time.Sleep(time.Second)
		}
		require.Equal(t, 3, s.catalog.reserved)
	})
}

// A bad request is not kept under the key; that there was nothing to buy is, and
// a duplicate that arrives late does not buy what was put into the cart since.
func TestWhatAKeyKeeps(t *testing.T) {
	s := newShop(t)
	require.Equal(t, 400, s.submit(t, asAna, nil, "key-of-ana", `{"payment_method":"beans"}`).Status)
	code, _ := s.submit(t, asAna, nil, "key-of-ana", cash).Problem(t)
	require.Equal(t, "cart_empty_or_taken", code)
	s.put(t, asAna, nil, coffee, 1)
	code, _ = s.submit(t, asAna, nil, "key-of-ana", cash).Problem(t)
	require.Equal(t, "cart_empty_or_taken", code)
	code, _ = s.submit(t, asAna, nil, "key-of-ana", invoice).Problem(t)
	require.Equal(t, "idempotency_key_reused", code)
	require.Zero(t, s.catalog.reserved)
	require.Empty(t, s.events.Types(), "nobody has heard of an order")
	require.Empty(t, s.listed(t, asAna))
	o := s.ordered(t, s.submit(t, asAna, nil, "a-new-key", cash), 201)
	require.Len(t, o.Lines, 1, "the cart has kept its lines")
}

// The record of a refusal is not listed, so that no erasure would find it:
// nothing personal is in it.
func TestARefusalKeepsNothingPersonal(t *testing.T) {
	s := newShop(t)
	body := map[string]any{"payment_method": "invoice", "email": "ana@private.example", "note": "second floor"}
	code, _ := s.submit(t, asAna, nil, "key-of-ana", body).Problem(t)
	require.Equal(t, "cart_empty_or_taken", code)
	kept, err := s.store.Get(t.Context(), s.store.Keys("")...)
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	for _, item := range kept {
		require.NotContains(t, string(item.Value), "private.example", item.Key)
		require.NotContains(t, string(item.Value), "second floor", item.Key)
	}
}

func TestARefusalExpiresWithItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		code, _ := s.submit(t, asAna, nil, "key-of-ana", cash).Problem(t)
		require.Equal(t, "cart_empty_or_taken", code)
		s.put(t, asAna, nil, coffee, 1)
		time.Sleep(24 * time.Hour)
		s.ordered(t, s.submit(t, asAna, nil, "key-of-ana", cash), 201)
	})
}
