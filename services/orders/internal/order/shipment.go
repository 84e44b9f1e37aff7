package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
)

// maxShipments bounds the shipments of an order; the last one takes all that is left.
const maxShipments = 50

// Item is pieces of one SKU.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Parcel is what is to be sent. Without lines it is all that is left of the order.
type Parcel struct {
	Lines       []Item `json:"lines,omitempty"`
	Carrier     string `json:"carrier,omitempty"`
	Tracking    string `json:"tracking,omitempty"`
	TrackingURL string `json:"tracking_url,omitempty"`
}

// Shipment is a part of an order, or all of it, that has left the house.
type Shipment struct {
	ID          string    `json:"id"`
	Lines       []Item    `json:"lines"`
	Rest        bool      `json:"rest,omitempty"` // no lines were asked for: they are what was left
	Carrier     string    `json:"carrier,omitempty"`
	Tracking    string    `json:"tracking,omitempty"`
	TrackingURL string    `json:"tracking_url,omitempty"`
	ShippedAt   time.Time `json:"shipped_at"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
}

// ShipmentID gives the ID of the shipment that an idempotency key makes, "" that of
// Ship. Because it is derived, a repeat finds what was made first.
func ShipmentID(orderID, key string) string {
	return uuid.NewSHA1(namespace, []byte("shipment\n"+orderID+"\n"+key)).String()
}

// Dispatch states that a parcel of the order has left the house. A repeat, told by its
// ID, changes nothing, whatever version it names.
func (o *Order) Dispatch(id string, p Parcel, version int64, now time.Time) error {
	if s, ok := o.ShipmentOf(id); ok {
		if !s.is(p) {
			return fault.New(fault.Unprocessable, "idempotency_key_reused", "Another shipment was made with this key.").
				At("Idempotency-Key", "was used for another request")
		}
		return nil
	}
	return o.send(id, p, version, now)
}

// Ship states that all that is left of the order has left the house.
func (o *Order) Ship(tracking string, version int64, now time.Time) error {
	if o.Status == Shipped {
		return nil
	}
	return o.send(ShipmentID(o.ID, ""), Parcel{Tracking: tracking}, version, now)
}

// send adds a shipment. The first one charges the card, with all that is due: see
// docs/adr/0034.
func (o *Order) send(id string, p Parcel, version int64, now time.Time) error {
	if version != 0 && version != o.Version {
		return errVersion
	}
	if !o.Status.CanBecome(Shipped) {
		return wrongState(o.Status, Shipped)
	}
	lines, all, err := o.pack(p.Lines)
	if err != nil {
		return err
	}
	if !all && len(o.Shipments) >= maxShipments-1 {
		return fault.New(fault.Conflict, "too_many_shipments", "An order has at most 50 shipments: this one has to take all that is left.")
	}
	s := Shipment{
		ID: id, Lines: lines, Rest: len(p.Lines) == 0, Carrier: p.Carrier, Tracking: p.Tracking, TrackingURL: p.TrackingURL, ShippedAt: now,
	}
	o.Shipments = append(o.Shipments, s)
	if p.Tracking != "" {
		o.Tracking = p.Tracking
	}
	if all {
		o.Status, o.ShippedAt = Shipped, now
		o.happened(Fact{Kind: WasShipped, Shipment: s})
	} else {
		o.Status = PartiallyShipped
		o.happened(Fact{Kind: WasPartiallyShipped, Shipment: s})
	}
	if len(o.Shipments) > 1 {
		return nil
	}
	return o.charge(now)
}

// pack gives the lines of a parcel, and says whether they are all that is left.
func (o *Order) pack(asked []Item) (lines []Item, all bool, err error) {
	if len(asked) == 0 {
		return o.unsent(), true, nil
	}
	rest, err := o.pick(asked, "More would be shipped than is left of the order.")
	return slices.Clone(asked), len(rest) == 0, err
}

// pick takes items out of what is left to ship, and gives the rest.
func (o *Order) pick(asked []Item, exceeded string) (rest []Item, err error) {
	left := o.unsent()
	var fields []fault.Field
	for i, l := range asked {
		bad := func(name, reason string) {
			fields = append(fields, fault.Field{Name: fmt.Sprintf("/lines/%d/%s", i, name), Reason: reason})
		}
		at := slices.IndexFunc(left, func(x Item) bool { return x.SKU == l.SKU })
		switch {
		case slices.ContainsFunc(asked[:i], func(x Item) bool { return x.SKU == l.SKU }):
			bad("sku", "is named twice")
		case at < 0 && !o.has(l.SKU):
			bad("sku", "is not in the order")
		case at < 0:
			bad("quantity", "only 0 are left")
		case l.Quantity > left[at].Quantity:
			bad("quantity", fmt.Sprintf("only %d are left", left[at].Quantity))
		default:
			left[at].Quantity -= l.Quantity
		}
	}
	if len(fields) > 0 {
		e := fault.New(fault.Unprocessable, "quantity_exceeded", exceeded)
		e.Fields = fields
		return nil, e
	}
	return slices.DeleteFunc(left, func(x Item) bool { return x.Quantity == 0 }), nil
}

func (o *Order) has(sku string) bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return l.SKU == sku })
}

// unsent gives what no shipment has taken yet and is still wanted, in the order of the lines.
func (o *Order) unsent() []Item {
	sent := map[string]int{}
	for _, s := range o.Shipments {
		for _, l := range s.Lines {
			sent[l.SKU] += l.Quantity
		}
	}
	var out []Item
	for _, l := range o.Lines {
		if n := l.Left() - sent[l.SKU]; n > 0 {
			out = append(out, Item{SKU: l.SKU, Quantity: n})
		}
	}
	return out
}

// is says whether the shipment is the one that was asked for.
func (s Shipment) is(p Parcel) bool {
	same := s.Rest && len(p.Lines) == 0 || !s.Rest && slices.Equal(s.Lines, p.Lines)
	return same && s.Carrier == p.Carrier && s.Tracking == p.Tracking && s.TrackingURL == p.TrackingURL
}

// ShipmentOf gives the shipment of an ID; false: there is none.
func (o *Order) ShipmentOf(id string) (Shipment, bool) {
	i := slices.IndexFunc(o.Shipments, func(s Shipment) bool { return s.ID == id })
	if i < 0 {
		return Shipment{}, false
	}
	return o.Shipments[i], true
}

// DeliverShipment states that a shipment has arrived; with the last one of an order
// that is shipped, the order has.
func (o *Order) DeliverShipment(id string, version int64, now time.Time) error {
	i := slices.IndexFunc(o.Shipments, func(s Shipment) bool { return s.ID == id })
	switch {
	case i < 0:
		return fault.Missing("shipment")
	case !o.Shipments[i].DeliveredAt.IsZero():
		return nil
	case version != 0 && version != o.Version:
		return errVersion
	}
	o.Shipments[i].DeliveredAt, o.changed = now, true
	under := func(s Shipment) bool { return s.DeliveredAt.IsZero() }
	if o.Status != Shipped || slices.ContainsFunc(o.Shipments, under) {
		return nil
	}
	return o.Deliver(0, now)
}

// Deliver states that the order has arrived, with all of its shipments. Cash on
// delivery is paid with it.
func (o *Order) Deliver(version int64, now time.Time) error {
	if done, err := o.move(Delivered, version); done || err != nil {
		return err
	}
	o.DeliveredAt = now
	for i := range o.Shipments {
		if s := &o.Shipments[i]; s.DeliveredAt.IsZero() {
			s.DeliveredAt = now
		}
	}
	o.strip()
	if p := &o.Payment; p.Method == CashOnDelivery && (p.Due > 0 || p.Paid == 0) {
		p.Status, p.Paid, p.Due = Paid, p.Paid+p.Due, 0
	}
	o.happened(Fact{Kind: WasDelivered})
	return nil
}
