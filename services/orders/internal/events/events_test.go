package events

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/event"
	"tienda/internal/event/eventtest"
	"tienda/internal/money"
	"tienda/internal/origin/intake"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

const (
	orderID  = "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11"
	userID   = "0198d2a0-1111-7000-8000-000000000001"
	returnID = "0198d2b0-2222-7000-8000-000000000002"
)

// What the constructors give is what the contract's schema takes and its
// golden example shows.
func TestEventsFitTheirContract(t *testing.T) {
	price := money.New(1249, "EUR")
	o := &order.Order{
		ID: orderID, Owner: shopper.User(userID), Email: "ana@example.com", Currency: "EUR", Total: 2498,
		Lines:    []order.Line{{SKU: "COFFEE-250", Quantity: 2, UnitPrice: &price}},
		Tracking: "ES-12345", CancelReason: "changed my mind",
	}
	part := order.Shipment{ID: "5a0d6f1e-0c52-5d7a-9a4e-3f1b7c2d9e10", Lines: []order.Item{{SKU: "COFFEE-250", Quantity: 1}},
		Carrier: "Correos", Tracking: "ES-12345", TrackingURL: "https://example.com/track/ES-12345"}
	back := order.Refund{ReturnID: returnID, Amount: 1249, Lines: []order.RefundLine{{SKU: "COFFEE-250", Quantity: 1, Restock: true, Deduction: 10, Reason: "not announced"}}}
	swapped := order.Refund{ReturnID: returnID, Lines: []order.RefundLine{{SKU: "COFFEE-250", Quantity: 1, Exchange: "TEA-100"}}, Exchange: &order.Exchange{
		OrderID: order.ReplacementID(orderID, 0), Status: order.ExchangePlaced, Value: 1249,
		Swaps: []order.Swap{{For: "COFFEE-250", SKU: "TEA-100", Quantity: 1, Value: 1249}}}}
	refused := swapped
	refused.Exchange = &order.Exchange{OrderID: order.ReplacementID(orderID, 0), Status: order.ExchangeRefused, Refunded: 1249}
	eventtest.RequireSchema(t, Of(o, order.Fact{Kind: order.WasRefunded, Refund: swapped}))
	eventtest.RequireSchema(t, Of(o, order.Fact{Kind: order.WasExchanged, Refund: refused}))
	o.Lines[0].Cancelled = 1
	less := order.Cancellation{ID: "5a0d6f1e-0c52-5d7a-9a4e-3f1b7c2d9e11", Lines: []order.Item{{SKU: "COFFEE-250", Quantity: 1}}, Reason: "changed my mind"}
	guests := *o
	guests.Owner = "guest:0123456789abcdef0123456789abcdef"
	var made []event.Event
	for _, f := range []order.Fact{
		{Kind: order.WasConfirmed}, {Kind: order.WasCancelled}, {Kind: order.WereCancelled, Cancellation: less}, {Kind: order.WasPartiallyShipped, Shipment: part}, {Kind: order.WasShipped}, {Kind: order.WasDelivered}, {Kind: order.WasHandedOver},
		{Kind: order.WasRefunded, Refund: back}, {Kind: order.WasExchanged, Refund: swapped},
	} {
		made = append(made, Of(o, f))
		eventtest.RequireSchema(t, Of(&guests, f))
	}
	made = append(made, intake.Changed(Topic, "orders", "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11", false))
	eventtest.RequireContract(t, Topic, made...)
}

// Every event that support has of a return is news here.
func TestAllNewsOfReturnsIsHeard(t *testing.T) {
	schemas, err := fs.Glob(contracts.FS, "events/tienda.support.return_*.schema.json")
	require.NoError(t, err)
	require.NotEmpty(t, schemas)
	for _, name := range schemas {
		kind := strings.TrimSuffix(strings.TrimPrefix(name, "events/"), ".schema.json")
		require.Contains(t, news, kind)
	}
	require.Len(t, news, len(schemas))
}
