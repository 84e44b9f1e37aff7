package order

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func confirmed(t *testing.T) *Order {
	t.Helper()
	o := pending(CashOnDelivery)
	require.NoError(t, confirm(o, sold(100, 50)))
	return o
}

func TestShipments(t *testing.T) {
	o := confirmed(t)
	first, second := ShipmentID(o.ID, "key-first"), ShipmentID(o.ID, "key-second")
	p := Parcel{Lines: []Item{{"A", 2}}, Carrier: "Correos", Tracking: "ES-1", TrackingURL: "https://example.com/ES-1"}
	require.NoError(t, o.Dispatch(first, p, 1, now))
	require.Equal(t, PartiallyShipped, o.Status)
	require.Zero(t, o.ShippedAt)
	require.NoError(t, o.Dispatch(first, p, 9, now), "a repeat, whatever it has read")
	require.Equal(t, "idempotency_key_reused", fault.CodeOf(o.Dispatch(first, Parcel{}, 0, now)))
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(o.Dispatch(second, Parcel{}, 9, now)))
	require.Equal(t, "order_is_partially_shipped", fault.CodeOf(o.Cancel("", 0, now)))
	require.Equal(t, "order_is_partially_shipped", fault.CodeOf(o.Deliver(0, now)))
	require.Equal(t, "order_is_partially_shipped", fault.CodeOf(o.Readdress(Address{City: "Sevilla"}, 0)))
	require.NoError(t, o.DeliverShipment(first, 0, now.Add(time.Hour)))
	require.Equal(t, PartiallyShipped, o.Status, "more follows")

	require.NoError(t, o.Dispatch(second, Parcel{}, 0, now.Add(2*time.Hour)))
	require.Equal(t, Shipped, o.Status)
	require.Equal(t, []Item{{"A", 1}, {"B", 1}}, o.Shipments[1].Lines, "all that is left")
	require.Equal(t, "ES-1", o.Tracking)
	require.NoError(t, o.Dispatch(second, Parcel{}, 0, now), "a repeat of all that is left")
	require.NoError(t, o.Ship("", 0, now))
	require.Len(t, o.Shipments, 2)
	require.Equal(t, "order_is_shipped", fault.CodeOf(o.Dispatch("third", Parcel{}, 0, now)))

	require.Equal(t, fault.NotFound, fault.KindOf(o.DeliverShipment("third", 0, now)))
	for range 2 {
		require.NoError(t, o.DeliverShipment(second, 0, now.Add(3*time.Hour)))
	}
	require.Equal(t, Delivered, o.Status)
	require.Equal(t, []time.Time{now.Add(time.Hour), now.Add(3 * time.Hour)}, []time.Time{o.Shipments[0].DeliveredAt, o.Shipments[1].DeliveredAt})
	require.Equal(t, Payment{Method: CashOnDelivery, Status: Paid, Paid: 350}, o.Payment)
	var told []FactKind
	for _, f := range o.Facts() {
		told = append(told, f.Kind)
	}
	require.Equal(t, []FactKind{WasConfirmed, WasPartiallyShipped, WasShipped, WasDelivered}, told)
}

// The shortcuts ship and deliver all that is left.
func TestShortcuts(t *testing.T) {
	o := confirmed(t)
	require.NoError(t, o.Dispatch("first", Parcel{Lines: []Item{{"B", 1}}}, 0, now))
	require.NoError(t, o.Ship("ES-2", 0, now))
	require.Equal(t, []Item{{"A", 3}}, o.Shipments[1].Lines)
	require.Equal(t, "ES-2", o.Shipments[1].Tracking)
	require.NoError(t, o.Deliver(0, now))
	for _, s := range o.Shipments {
		require.Equal(t, now, s.DeliveredAt)
	}
}

func TestParcelsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		lines []Item
		field string
	}{
		"more than was bought":  {[]Item{{"A", 4}}, "/lines/0/quantity"},
		"more than is left":     {[]Item{{"B", 1}, {"A", 3}}, "/lines/1/quantity"},
		"nothing is left of it": {[]Item{{"C", 1}}, "/lines/0/quantity"},
		"of another order":      {[]Item{{"Z", 1}}, "/lines/0/sku"},
		"a SKU twice":           {[]Item{{"A", 1}, {"A", 1}}, "/lines/1/sku"},
	} {
		t.Run(name, func(t *testing.T) {
			o := confirmed(t)
			o.Lines = append(o.Lines, Line{SKU: "C", Quantity: 1})
			require.NoError(t, o.Dispatch("first", Parcel{Lines: []Item{{"A", 1}, {"C", 1}}}, 0, now))
			err := o.Dispatch("second", Parcel{Lines: c.lines}, 0, now)
			require.Equal(t, "quantity_exceeded", fault.CodeOf(err))
			var e *fault.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Fields[0].Name)
			require.Len(t, o.Shipments, 1)
		})
	}
}

// Whatever is asked for: what was sent never passes what was bought, and all is sent
// exactly when the order says so, in 50 shipments at most.
func TestNeverMoreThanOrdered(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		o := confirmed(t)
		o.Lines[0].Quantity, o.Lines[1].Quantity = 1+r.IntN(80), 1+r.IntN(80)
		bought := o.Quantity()
		for range 200 {
			var p Parcel
			for _, l := range o.Lines {
				if n := r.IntN(4); n > 0 {
					p.Lines = append(p.Lines, Item{l.SKU, n})
				}
			}
			before := len(o.Shipments)
			err := o.Dispatch(ShipmentID(o.ID, string(rune(r.IntN(1000)))), p, 0, now)
			sent := 0
			for _, s := range o.Shipments {
				for _, l := range s.Lines {
					sent += l.Quantity
				}
			}
			require.LessOrEqual(t, sent, bought)
			require.Equal(t, sent == bought, o.Status == Shipped)
			require.LessOrEqual(t, len(o.Shipments), maxShipments)
			if err != nil {
				require.Len(t, o.Shipments, before)
			}
		}
		require.NoError(t, o.Ship("", 0, now), "what is left can always be sent")
		require.Empty(t, o.unsent())
	}
}
