package api_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/internal/state"
	"tienda/services/orders/internal/order"
)

// refundDoc is a refund as it is answered.
type refundDoc struct {
	ReturnID string `json:"return_id"`
	Amount   struct{ Amount int64 }
	Exchange *struct {
		Status   string
		OrderID  string `json:"order_id"`
		Value    struct{ Amount int64 }
		Refunded *struct{ Amount int64 }
		Reason   string
	}
}

// swappedDoc is an order as far as exchanges go.
type swappedDoc struct {
	orderDoc
	Replaces string `json:"replaces"`
	Address  order.Address
	Refunds  []refundDoc
}

// delivered gives an order of ana's that has arrived: two coffees and a tea.
func (s *shop) delivered(t *testing.T) orderDoc {
	t.Helper()
	o := s.bought(t, "key-of-ana", cash)
	s.ordered(t, s.step(t, asAgent, nil, o.ID, "ship", map[string]string{}), 200)
	return s.ordered(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
}

// swap sends both coffees of an order back for plates.
func (s *shop) swap(t *testing.T, id string) (refundDoc, int) {
	t.Helper()
	a := s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/orders/" + id + "/refunds", As: support, Body: map[string]any{
		"return_id": returnA, "lines": []map[string]any{{"sku": coffee, "quantity": 2, "restock": true, "exchange_sku": plate}}}})
	var out struct{ Refund refundDoc }
	if a.Status == 200 {
		a.JSON(t, &out)
	}
	return out.Refund, a.Status
}

func (s *shop) see(t *testing.T, id string) (o swappedDoc) {
	t.Helper()
	a := s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders/" + id, As: asAna})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	a.JSON(t, &o)
	return o
}

// placedOnce holds everything to one replacement of two plates at what two coffees cost.
func (s *shop) placedOnce(t *testing.T, id string) swappedDoc {
	t.Helper()
	o := s.see(t, id)
	require.Len(t, o.Refunds, 1)
	x := o.Refunds[0].Exchange
	require.Equal(t, "placed", x.Status)
	require.Equal(t, order.ReplacementID(id, 0), x.OrderID)
	require.Zero(t, o.Refunds[0].Amount.Amount+o.Payment.Refunded.Amount, "no money moves")
	to := s.see(t, x.OrderID)
	require.Equal(t, id, to.Replaces)
	require.Equal(t, "confirmed", to.Status)
	require.Equal(t, "paid", to.Payment.Status)
	require.Equal(t, int64(2*1249), to.Totals.Total.Amount)
	require.Equal(t, int64(2*1249), x.Value.Amount)
	require.Equal(t, o.Email, to.Email)
	require.Equal(t, o.Address, to.Address)
	require.Len(t, s.listed(t, asAna), 2)
	s.catalog.set(func(c *fakeCatalog) {
		require.Equal(t, 1, c.stock[plate])
		require.Len(t, c.held, 2)
	})
	events := map[string]int{}
	for _, e := range s.events.Types() {
		events[e]++
	}
	require.Equal(t, map[string]int{"tienda.orders.confirmed": 2, "tienda.orders.shipped": 1, "tienda.orders.delivered": 1, "tienda.orders.refunded": 1, "tienda.orders.exchanged": 1}, events)
	return to
}

// The replacement is bought at the value of what came back, once, and lives like any
// order; cancelled, what it is worth is owed to the customer.
func TestExchange(t *testing.T) {
	s := newShop(t)
	id := s.delivered(t).ID
	for range 2 {
		r, status := s.swap(t, id)
		require.Equal(t, 200, status)
		require.Equal(t, "placed", r.Exchange.Status)
	}
	to := s.placedOnce(t, id)
	require.NoError(t, s.checkouts.Recover(t.Context()))
	s.placedOnce(t, id)
	gone := s.ordered(t, s.step(t, asAna, nil, to.ID, "cancel", map[string]string{}), 200)
	require.Equal(t, "refunded", gone.Payment.Status)
	require.Equal(t, int64(2*1249), gone.Payment.Refunded.Amount)
	require.Equal(t, "placed", s.see(t, id).Refunds[0].Exchange.Status, "it was bought")
}

// What cannot be had is refunded, once, and is no order of the customer's.
func TestExchangeForWhatIsNotThere(t *testing.T) {
	s := newShop(t)
	id := s.delivered(t).ID
	s.catalog.set(func(c *fakeCatalog) { c.stock[plate] = 1 })
	for range 2 {
		r, status := s.swap(t, id)
		require.Equal(t, 200, status)
		require.Equal(t, "refused", r.Exchange.Status)
		require.Equal(t, "out_of_stock", r.Exchange.Reason)
		require.Zero(t, r.Amount.Amount)
		require.Equal(t, int64(2*1249), r.Exchange.Refunded.Amount)
		s.catalog.set(func(c *fakeCatalog) { c.stock[plate] = 9 }) // too late
	}
	require.Equal(t, int64(2*1249), s.see(t, id).Payment.Refunded.Amount)
	require.Len(t, s.listed(t, asAna), 1)
	s.catalog.set(func(c *fakeCatalog) { require.Equal(t, 9, c.stock[plate]) })
}

// While catalog is away, or loses its answers, the exchange is owed; a repeat or the
// recovery of any replica goes on with it, and it is made once.
func TestExchangeThroughAnOutage(t *testing.T) {
	for _, by := range []string{"repeat", "recovery", "another replica", "an answer lost"} {
		t.Run(by, func(t *testing.T) {
			s := newShop(t)
			id := s.delivered(t).ID
			s.catalog.set(func(c *fakeCatalog) { c.away = true })
			if by == "an answer lost" {
				s.catalog.set(func(c *fakeCatalog) { c.away, c.lose = false, 1 })
			}
			r, status := s.swap(t, id)
			require.Equal(t, 200, status)
			require.Equal(t, "owed", r.Exchange.Status)
			s.catalog.set(func(c *fakeCatalog) { c.away = false })
			switch by {
			case "repeat", "an answer lost":
				r, _ = s.swap(t, id)
				require.Equal(t, "placed", r.Exchange.Status)
			case "recovery":
				require.NoError(t, s.checkouts.Recover(t.Context()))
			case "another replica":
				require.NoError(t, s.restarted(t).checkouts.Recover(t.Context()))
			}
			s.placedOnce(t, id)
			for range 2 {
				require.NoError(t, s.checkouts.Recover(t.Context()))
			}
			s.placedOnce(t, id)
		})
	}
}

// The store loses each of the writes in turn, before it lands or after: there is one
// replacement in the end.
func TestExchangeSurvivesLostWrites(t *testing.T) {
	for lost := range 4 {
		for _, landed := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, landed %v", lost, landed), func(t *testing.T) {
				s := newShop(t)
				id := s.delivered(t).ID
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
				if _, status := s.swap(t, id); status != 200 {
					require.Equal(t, 503, status)
					_, status = s.swap(t, id)
					require.Equal(t, 200, status)
				}
				require.NoError(t, s.restarted(t).checkouts.Recover(t.Context()))
				s.placedOnce(t, id)
			})
		}
	}
}

// Of an order that was paid by card, what cannot be had goes back to the card, once:
// after the answer of the receipt, or by the recovery of another replica.
func TestARefusedExchangeGoesBackToTheCard(t *testing.T) {
	for _, away := range []bool{false, true} {
		s := newShop(t)
		id := s.bought(t, "card-of-ana", byCard("sandbox_approves")).ID
		s.card(t, s.step(t, asAgent, nil, id, "ship", nil), 200)
		s.paid(t, id)
		s.card(t, s.step(t, asAgent, nil, id, "deliver", nil), 200)
		s.catalog.set(func(c *fakeCatalog) { c.stock[plate], c.away = 0, away })
		r, status := s.swap(t, id)
		require.Equal(t, 200, status)
		_, taken, back := s.provider.Sums(id)
		require.Equal(t, []int64{2*1249 + 500, 0}, []int64{taken, back})
		if away {
			require.Equal(t, "owed", r.Exchange.Status)
			s.catalog.set(func(c *fakeCatalog) { c.away = false })
			require.NoError(t, s.restarted(t).checkouts.Recover(t.Context()))
		} else {
			require.Equal(t, "refused", r.Exchange.Status)
		}
		for range 2 {
			require.Equal(t, "partially_refunded", s.paid(t, id).Payment.Status)
			require.NoError(t, s.checkouts.Recover(t.Context()))
		}
		_, _, back = s.provider.Sums(id)
		require.Equal(t, int64(2*1249), back)
	}
}
