package order

import (
	"context"
	"errors"

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

// AsksOf has Ship ask of what was back-ordered. Call it before the service is used.
func (s *Service) AsksOf(stock Stock) { s.stock = stock }

// backordered gives the SKUs that were not all in stock when they were ordered.
func (o *Order) backordered() (skus []string) {
	for _, l := range o.Lines {
		if l.Backordered > 0 {
			skus = append(skus, l.SKU)
		}
	}
	return skus
}

// Ship states that a confirmed order has left the house. Of one that had something
// back-ordered it asks first whether that has come: then the state is read once more.
func (s *Service) Ship(ctx context.Context, id, tracking string, version int64) (*Order, error) {
	for asked := false; ; asked = true {
		var skus []string
		o, err := s.update(ctx, id, func(o *Order) error {
			if skus = o.backordered(); len(skus) > 0 && !asked {
				return errAsk
			}
			return o.Ship(tracking, version, s.now())
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
