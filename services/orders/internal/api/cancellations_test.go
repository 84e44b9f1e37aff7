package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/money"
)

type cancellationsDoc struct {
	Status string `json:"status"`
	Lines  []struct {
		SKU       string `json:"sku"`
		Quantity  int    `json:"quantity"`
		Cancelled int    `json:"cancelled"`
	} `json:"lines"`
	Cancellations []struct {
		ID       string      `json:"id"`
		Reason   string      `json:"reason"`
		Amount   money.Money `json:"amount"`
		Refunded money.Money `json:"refunded"`
	} `json:"cancellations"`
	Payment struct {
		Status string      `json:"status"`
		Due    money.Money `json:"due"`
	} `json:"payment"`
}

func pieces(sku string, n int) map[string]any {
	return map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": n}}, "reason": "too many"}
}

// cancelLines cancels pieces of an order and gives it.
func (s *shop) cancelLines(t *testing.T, as caller.Caller, id, key string, body any, status int) (o cancellationsDoc) {
	t.Helper()
	a := s.step(t, as, http.Header{"Idempotency-Key": {key}}, id, "cancellations", body)
	require.Equal(t, status, a.Status, "%s", a.Body)
	if status == 200 {
		a.JSON(t, &o)
	}
	return o
}

// tryCancellations walks what cancellations of lines have of the contract, with success.
func (s *shop) tryCancellations(t *testing.T) {
	t.Helper()
	o := s.bought(t, "key-of-too-many", cash)
	s.cancelLines(t, asBen, o.ID, "less-of-it", pieces(coffee, 1), 404)
	var got cancellationsDoc
	for range 2 {
		got = s.cancelLines(t, asAna, o.ID, "less-of-it", pieces(coffee, 1), 200)
	}
	require.Equal(t, "confirmed", got.Status)
	require.Equal(t, []int{2, 1, 0}, []int{got.Lines[0].Quantity, got.Lines[0].Cancelled, got.Lines[1].Cancelled})
	require.Len(t, got.Cancellations, 1)
	require.Equal(t, o.Totals.Total.Amount-got.Cancellations[0].Amount.Amount, got.Payment.Due.Amount)
	s.cancelLines(t, asAna, o.ID, "less-of-it", pieces(tea, 1), 422)
	s.cancelLines(t, asAna, o.ID, "even-less-of-it", pieces(coffee, 2), 422)
	got = s.cancelLines(t, asAgent, o.ID, "nothing-of-it", map[string]any{"lines": []any{
		map[string]any{"sku": coffee, "quantity": 1}, map[string]any{"sku": tea, "quantity": 1}}}, 200)
	require.Equal(t, "cancelled", got.Status)
	require.Equal(t, "void", got.Payment.Status)
	s.cancelLines(t, asAna, o.ID, "after-the-end", pieces(coffee, 1), 409)
}

// A card is charged for what is left with the first shipment; what is cancelled later
// comes back.
func TestCancelledLinesByCard(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 4)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	s.cancelLines(t, asAna, o.ID, "one-too-many", pieces(tea, 1), 200)
	s.dispatch(t, o.ID, "shipment-1", parcel(tea, 1), 200)
	o = s.paid(t, o.ID)
	_, taken, back := s.provider.Sums(o.ID)
	require.Equal(t, []int64{1500, 0}, []int64{taken, back})
	got := s.cancelLines(t, asAgent, o.ID, "another-one", pieces(tea, 1), 200)
	require.Equal(t, []int64{0, 500}, []int64{got.Cancellations[0].Refunded.Amount, got.Cancellations[1].Refunded.Amount})
	s.paid(t, o.ID)
	require.Equal(t, "shipped", s.cancelLines(t, asAna, o.ID, "and-the-last", pieces(tea, 1), 200).Status)
	o = s.paid(t, o.ID)
	_, taken, back = s.provider.Sums(o.ID)
	require.Equal(t, []int64{1500, 1000}, []int64{taken, back})
	require.Equal(t, []string{"shipped", "partially_refunded", "refunded"}, []string{o.Status, o.Payment.Status, o.Payment.Card.State})
	require.Equal(t, []string{"tienda.orders.confirmed", "tienda.orders.lines_cancelled", "tienda.orders.partially_shipped",
		"tienda.orders.lines_cancelled", "tienda.orders.lines_cancelled", "tienda.orders.shipped"}, s.events.Types())
}

// Buyer and agents cancel and ship the same pieces at once, each request several times
// and at two replicas: each piece has one end.
func TestCancelledAndShippedAtOnce(t *testing.T) {
	s := newShop(t)
	other := s.restarted(t)
	s.put(t, asAna, nil, tea, 4)
	o := s.ordered(t, s.submit(t, asAna, nil, "key-of-ana", cash), 201)
	for _, r := range []contracttest.Request{
		{Method: "POST", Path: "/v1/orders/" + o.ID + "/cancellations", As: asAna, Header: with(nil, "Idempotency-Key", "less-of-it"), Body: pieces(tea, 1)},
		{Method: "POST", Path: "/v1/orders/" + o.ID + "/shipments", As: asAgent, Header: with(nil, "Idempotency-Key", "parcel-1"), Body: parcel(tea, 2)},
		{Method: "POST", Path: "/v1/orders/" + o.ID + "/cancellations", As: asAgent, Header: with(nil, "Idempotency-Key", "even-less"), Body: pieces(tea, 1)},
	} {
		for status := range atOnce(t, s, other, r) {
			require.Contains(t, []int{200, 503}, status)
		}
		require.Equal(t, 200, s.Do(t, r).Status)
	}
	var got cancellationsDoc
	a := s.Do(t, request("GET", "/v1/orders/"+o.ID, asAna, nil))
	a.JSON(t, &got)
	require.Equal(t, "shipped", got.Status)
	require.Equal(t, 2, got.Lines[0].Cancelled)
	require.Len(t, got.Cancellations, 2)
	require.Equal(t, []string{"tienda.orders.confirmed", "tienda.orders.lines_cancelled", "tienda.orders.partially_shipped",
		"tienda.orders.lines_cancelled", "tienda.orders.shipped"}, s.events.Types())
}
