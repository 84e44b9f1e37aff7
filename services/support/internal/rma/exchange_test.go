package rma_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/support/internal/rma"
)

// sells is a catalog that sells what it lists.
type sells struct {
	skus  []string
	away  bool
	asked int
}

func (c *sells) Sold(_ context.Context, currency string, skus []string) (map[string]bool, error) {
	c.asked++
	if c.away {
		return nil, errAway
	}
	out := map[string]bool{}
	for _, sku := range skus {
		out[sku] = currency == "" && slices.Contains(c.skus, sku) // the order of these tests has no currency
	}
	return out, nil
}

// What is wanted in exchange has to be sold, each SKU for one line; without an exchange
// nobody is asked.
func TestWhatCanBeWanted(t *testing.T) {
	s, c := open(t), &sells{skus: []string{"LAMP", "BULB"}}
	s.SetCatalog(c)
	ask := func(lines ...rma.Line) error {
		_, err := s.Request(t.Context(), ana, "o", "", lines)
		return err
	}
	line := func(sku, want string) rma.Line {
		return rma.Line{SKU: sku, Quantity: 1, Reason: rma.Damaged, Exchange: want}
	}
	require.NoError(t, ask(line("LAMP", "")))
	require.Zero(t, c.asked)
	for name, tt := range map[string]struct {
		lines []rma.Line
		code  string
		field string
	}{
		"not sold":      {[]rma.Line{line("LAMP", ""), line("LAMP", "NONE")}, "exchange_unknown", "/lines/1/exchange_sku"},
		"for two lines": {[]rma.Line{line("LAMP", "BULB"), line("CORD", "BULB")}, "duplicate_sku", "/lines/1/exchange_sku"},
	} {
		t.Run(name, func(t *testing.T) {
			var why *fault.Error
			require.ErrorAs(t, ask(tt.lines...), &why)
			require.Equal(t, tt.code, why.Code)
			require.Equal(t, tt.field, why.Fields[0].Name)
		})
	}
	require.NoError(t, ask(line("LAMP", "LAMP")), "a good one for a broken one")
	c.away = true
	require.ErrorIs(t, ask(line("LAMP", "BULB")), errAway)
}

// swapped gives an approved return of a lamp for a bulb.
func swapped(t *testing.T, s *shop) string {
	t.Helper()
	s.SetCatalog(&sells{skus: []string{"BULB"}})
	r, err := s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: 1, Reason: rma.Damaged, Exchange: "BULB"}})
	require.NoError(t, err)
	_, err = s.Approve(t.Context(), r.ID, 0, rma.Label{})
	require.NoError(t, err)
	return r.ID
}

func returned(t *testing.T, s *shop, id string) rma.Return {
	t.Helper()
	r, err := s.Get(t.Context(), ana, id)
	require.Equal(t, "ana", r.CustomerID)
	require.NoError(t, err)
	return r
}

// A return waits for its replacement, whichever way its end becomes known, and takes it
// in once: the answer of orders, its event, both in any order, the background work.
func TestAReturnWaitsForItsReplacement(t *testing.T) {
	two := money.New(200, "EUR")
	owed, placed, refused := rma.Exchange{OrderID: "x", Status: rma.ExchangeOwed}, rma.Exchange{OrderID: "x", Status: rma.ExchangePlaced},
		rma.Exchange{OrderID: "x", Status: rma.ExchangeRefused, Refund: &two}
	hear := func(x rma.Exchange) func(*testing.T, *shop, string) {
		return func(t *testing.T, s *shop, id string) {
			require.NoError(t, s.HearExchange(t.Context(), "o", id, x))
			require.NoError(t, s.HearRefund(t.Context(), "o", id, rma.Made{Amount: tenEuros, Exchange: &owed}))
		}
	}
	work := func(x rma.Exchange) func(*testing.T, *shop, string) {
		return func(t *testing.T, s *shop, _ string) {
			s.orders.exchange = &x
			s.clock = s.clock.Add(time.Minute)
			require.NoError(t, s.RefundReceived(t.Context()))
		}
	}
	for name, tt := range map[string]struct {
		end  func(*testing.T, *shop, string)
		want rma.Exchange
		sum  int64
	}{
		"heard of as placed":  {hear(placed), placed, 1000},
		"heard of as refused": {hear(refused), refused, 1200},
		"asked, placed":       {work(placed), placed, 1000},
		"asked, refused":      {work(refused), refused, 1200},
	} {
		for _, answered := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				s := open(t)
				id := swapped(t, s)
				s.orders.exchange, s.orders.lose = &owed, !answered
				_, err := s.Receive(t.Context(), id, 0, nil)
				require.Equal(t, answered, err == nil)
				s.orders.lose = false
				require.Equal(t, rma.Received, returned(t, s, id).Status)
				require.Equal(t, "BULB", returned(t, s, id).Receipts[0].Lines[0].Exchange)
				for range 2 {
					tt.end(t, s, id)
					r := returned(t, s, id)
					require.Equal(t, rma.Refunded, r.Status)
					require.Equal(t, &tt.want, r.Receipts[0].Exchange)
					require.Equal(t, money.New(tt.sum, "EUR"), *r.Refund)
				}
				require.NoError(t, s.HearExchange(t.Context(), "o", id, placed), "what has ended stays as it is")
				require.Equal(t, tt.want.Status, returned(t, s, id).Receipts[0].Exchange.Status)
				require.NoError(t, s.HearExchange(t.Context(), "o", "none", placed))
			})
		}
	}
}

// The pieces of a return that come in parts are wanted for the same.
func TestEachPartIsExchanged(t *testing.T) {
	s := open(t)
	s.SetCatalog(&sells{skus: []string{"BULB"}})
	r, err := s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: 3, Reason: rma.Damaged, Exchange: "BULB"}})
	require.NoError(t, err)
	_, err = s.Approve(t.Context(), r.ID, 0, rma.Label{})
	require.NoError(t, err)
	first := []rma.Came{{SKU: "LAMP", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 1, Deduction: 10, Why: "worn"}}
	for range 2 {
		r, err = s.Take(t.Context(), r.ID, "p", 0, first)
		require.NoError(t, err, "the same again")
	}
	r, err = s.Receive(t.Context(), r.ID, 0, nil)
	require.NoError(t, err)
	for _, p := range r.Receipts {
		for _, c := range p.Lines {
			require.Equal(t, "BULB", c.Exchange)
		}
	}
	require.Len(t, r.Receipts, 2)
}
