package order

import (
	"context"
	"errors"
	"slices"

	"tienda/internal/fault"
)

// ErrBackordered refuses to ship what has not come yet.
var ErrBackordered = fault.New(fault.Conflict, "backordered", "Some of what was ordered is not in stock yet.")

var errAsk = errors.New("order: it has to be asked whether all is in stock by now")

// Stock knows what of an order is not in stock.
type Stock interface {
	// Waiting says whether anything of an order's SKUs is not in stock yet. Once
	// all is, it stays so.
	Waiting(ctx context.Context, orderID string, skus []string) (bool, error)
}

// AsksOf has what ships ask of what was back-ordered. Call it before the service is used.
func (s *Service) AsksOf(stock Stock) { s.stock = stock }

// awaited gives the SKUs of a parcel, without lines all that is left, that were not all in stock
// when they were ordered.
func (o *Order) awaited(parcel []Item) (skus []string) {
	named := func(sku string) bool {
		return len(parcel) == 0 || slices.ContainsFunc(parcel, func(x Item) bool { return x.SKU == sku })
	}
	for _, left := range o.unsent() {
		at := slices.IndexFunc(o.Lines, func(l Line) bool { return l.SKU == left.SKU })
		if o.Lines[at].Backordered > 0 && named(left.SKU) {
			skus = append(skus, left.SKU)
		}
	}
	return skus
}

// Ship states that all that is left of an order has left the house.
func (s *Service) Ship(ctx context.Context, id, tracking string, version int64) (*Order, error) {
	return s.send(ctx, id, nil, func(o *Order) error { return o.Ship(tracking, version, s.now()) })
}

// Dispatch states that a parcel of an order has left the house; key is the same in a
// request and its repeats.
func (s *Service) Dispatch(ctx context.Context, id, key string, p Parcel, version int64) (*Order, error) {
	return s.send(ctx, id, p.Lines, func(o *Order) error { return o.Dispatch(ShipmentID(id, key), p, version, s.now()) })
}

// send changes an order that a parcel leaves. Of what was back-ordered it asks first
// whether that has come: then the state is read once more.
func (s *Service) send(ctx context.Context, id string, parcel []Item, leaves func(*Order) error) (*Order, error) {
	for asked := false; ; asked = true {
		var skus []string
		o, err := s.update(ctx, id, func(o *Order) error {
			if skus = o.awaited(parcel); len(skus) > 0 && !asked {
				return errAsk
			}
			return leaves(o)
		})
		if !errors.Is(err, errAsk) {
			return o, err
		}
		if waits, err := s.stock.Waiting(ctx, id, skus); err != nil {
			return nil, err
		} else if waits {
			return nil, ErrBackordered
		}
	}
}
