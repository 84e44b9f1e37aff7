package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
)

type shipmentsDoc struct {
	Status    string `json:"status"`
	Shipments []struct {
		ID          string `json:"id"`
		Lines       []any  `json:"lines"`
		DeliveredAt string `json:"delivered_at"`
	} `json:"shipments"`
}

// dispatch sends a parcel and gives the order.
func (s *shop) dispatch(t *testing.T, id, key string, body any, status int) (o shipmentsDoc) {
	t.Helper()
	a := s.step(t, asAgent, http.Header{"Idempotency-Key": {key}}, id, "shipments", body)
	require.Equal(t, status, a.Status, "%s", a.Body)
	if status == 200 {
		a.JSON(t, &o)
	}
	return o
}

func parcel(sku string, n int) map[string]any {
	return map[string]any{
		"lines": []map[string]any{{"sku": sku, "quantity": n}}, "carrier": "Correos", "tracking": "ES-1", "tracking_url": "https://example.com/ES-1",
	}
}

// tryShipments walks what shipments have of the contract, with success.
func (s *shop) tryShipments(t *testing.T) {
	t.Helper()
	o := s.bought(t, "key-of-two-shipments", cash)
	s.dispatch(t, o.ID, "shipment-1", parcel(coffee, 1), 200)
	sent := s.dispatch(t, o.ID, "shipment-2", nil, 200)
	for i, x := range sent.Shipments {
		a := s.step(t, asAgent, nil, o.ID, "shipments/"+x.ID+"/deliver", nil)
		require.Equal(t, 200, a.Status, "%s", a.Body)
		a.JSON(t, &sent)
		require.Equal(t, map[bool]string{false: "shipped", true: "delivered"}[i == 1], sent.Status)
	}
	require.Equal(t, "paid", s.ordered(t, s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders/" + o.ID, As: asAna}), 200).Payment.Status)
}

// The card is charged with the first shipment, for all of the order, and once.
func TestShipmentsByCard(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 2)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	for range 2 {
		sent := s.dispatch(t, o.ID, "shipment-1", parcel(tea, 1), 200)
		require.Equal(t, "partially_shipped", sent.Status)
		require.Len(t, sent.Shipments, 1)
	}
	require.Equal(t, "paid", s.paid(t, o.ID).Payment.Status)
	s.dispatch(t, o.ID, "shipment-1", parcel(tea, 2), 422)
	s.dispatch(t, o.ID, "shipment-2", parcel(tea, 2), 422)
	require.Equal(t, 409, s.step(t, asAna, nil, o.ID, "cancel", nil).Status)
	require.Equal(t, 409, s.step(t, asAgent, nil, o.ID, "deliver", nil).Status)
	require.Equal(t, 403, s.step(t, asAna, http.Header{"Idempotency-Key": {"shipment-3"}}, o.ID, "shipments", nil).Status)
	s.card(t, s.step(t, asAgent, nil, o.ID, "ship", nil), 200)
	o = s.paid(t, o.ID)
	require.Equal(t, []string{"shipped", "paid", "captured"}, []string{o.Status, o.Payment.Status, o.Payment.Card.State})
	_, taken, back := s.provider.Sums(o.ID)
	require.Equal(t, []int64{1000, 0}, []int64{taken, back})
	require.Equal(t, []string{"tienda.orders.confirmed", "tienda.orders.partially_shipped", "tienda.orders.shipped"}, s.events.Types())
}

// Two agents send the same three pieces, piece by piece, each request sent several times
// and to two replicas at once: three shipments, never a piece more.
func TestShipmentsAtOnce(t *testing.T) {
	s := newShop(t)
	other := s.restarted(t)
	s.put(t, asAna, nil, tea, 3)
	o := s.ordered(t, s.submit(t, asAna, nil, "key-of-ana", cash), 201)
	for _, key := range []string{"agent-1-a", "agent-2-a", "agent-1-b", "agent-2-b"} {
		r := contracttest.Request{
			Method: "POST", Path: "/v1/orders/" + o.ID + "/shipments", As: asAgent, Header: with(nil, "Idempotency-Key", key), Body: parcel(tea, 1),
		}
		for status := range atOnce(t, s, other, r) {
			require.Contains(t, []int{200, 409, 503}, status)
		}
		require.Contains(t, []int{200, 409}, s.Do(t, r).Status, "409: all has left")
	}
	var sent shipmentsDoc
	a := s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders/" + o.ID, As: asAna})
	a.JSON(t, &sent)
	require.Equal(t, "shipped", sent.Status)
	require.Len(t, sent.Shipments, 3)
	require.Equal(t, []string{"tienda.orders.confirmed", "tienda.orders.partially_shipped", "tienda.orders.partially_shipped", "tienda.orders.shipped"},
		s.events.Types())
}
