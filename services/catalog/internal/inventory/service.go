package inventory

import (
	"context"
	"time"
)

// Store keeps the stock documents.
type Store interface {
	// Get gives the stock of a SKU that a product has, ErrMissing otherwise.
	Get(ctx context.Context, sku string) (Stock, error)
	// Update runs change, perhaps more than once, over the stock of all the
	// SKUs, empty where there is none yet, and stores what it changed in one
	// commit. It announces adjustments and what became available or ran out.
	Update(ctx context.Context, skus []string, change func(map[string]*Stock) error) error
	// UpdateOne is Update for one SKU that must belong to a product.
	UpdateOne(ctx context.Context, sku string, change func(*Stock) error) (Stock, error)
	// Restocked says whether a return was taken in; NoteRestocked keeps it.
	Restocked(ctx context.Context, returnID string) (bool, error)
	NoteRestocked(ctx context.Context, returnID string) error
}

// Offers tells what is sold under SKUs; unknown ones are left out.
type Offers interface {
	Offers(ctx context.Context, skus []string) (map[string]Offer, error)
	// ShowStock says at once, in this replica, whether a SKU is in stock.
	ShowStock(sku string, inStock bool)
}

// Service is what staff and orders do with stock.
type Service struct {
	store  Store
	offers Offers
	lanes  *lanes
	now    func() time.Time
}

// NewService gives the service over its store and what is offered.
func NewService(store Store, offers Offers) *Service {
	return &Service{store: store, offers: offers, lanes: newLanes(), now: func() time.Time { return time.Now().UTC() }}
}

// Get gives the stock of a SKU.
func (s *Service) Get(ctx context.Context, sku string) (Stock, error) { return s.store.Get(ctx, sku) }

// Quotes tells what SKUs cost now; unknown ones are left out.
func (s *Service) Quotes(ctx context.Context, skus []string) (map[string]Offer, error) {
	return s.offers.Offers(ctx, skus)
}

// Adjust changes what is on hand by a delta or, with count, to a number.
// version is the one that the caller has read; 0: any.
func (s *Service) Adjust(ctx context.Context, sku string, delta int, count *int, reason string, version int64) (Stock, error) {
	unlock, err := s.lanes.lock(ctx, sku)
	if err != nil {
		return Stock{}, err
	}
	defer unlock()
	stock, err := s.store.UpdateOne(ctx, sku, func(stock *Stock) error {
		if version != 0 && version != stock.Version {
			return ErrVersion
		}
		change := delta
		if count != nil {
			change = *count - stock.OnHand
		}
		return stock.Adjust(change, reason)
	})
	if err == nil {
		s.offers.ShowStock(sku, stock.Available() > 0)
	}
	return stock, err
}

// Release frees what an order holds of the SKUs, once.
func (s *Service) Release(ctx context.Context, orderID string, skus []string) error {
	return s.each(ctx, skus, func(stock *Stock) { stock.Release(orderID) })
}

// Commit takes what an order holds of the SKUs out of the house, once.
func (s *Service) Commit(ctx context.Context, orderID string, skus []string) error {
	return s.each(ctx, skus, func(stock *Stock) { stock.Commit(orderID) })
}

// Restock takes a return's goods back in, once for each return. Each stock
// remembers its latest returns, which covers a message that comes twice in a
// row and a commit that was kept in part; the note of the return, written
// after them, covers one that is sent again much later.
func (s *Service) Restock(ctx context.Context, returnID string, lines []Line) error {
	done, err := s.store.Restocked(ctx, returnID)
	if err != nil || done {
		return err
	}
	quantity := map[string]int{}
	var skus []string
	for _, l := range lines {
		if quantity[l.SKU] == 0 {
			skus = append(skus, l.SKU)
		}
		quantity[l.SKU] += l.Quantity
	}
	if err := s.each(ctx, skus, func(stock *Stock) { stock.Restock(returnID, quantity[stock.SKU]) }); err != nil {
		return err
	}
	return s.store.NoteRestocked(ctx, returnID)
}

func (s *Service) each(ctx context.Context, skus []string, change func(*Stock)) error {
	return s.update(ctx, skus, func(stocks map[string]*Stock) error {
		for _, stock := range stocks {
			change(stock)
		}
		return nil
	})
}

// update changes stock one writer a SKU at a time in this replica, which
// spares the store conflicts, and shows what changed.
func (s *Service) update(ctx context.Context, skus []string, change func(map[string]*Stock) error) error {
	if len(skus) == 0 {
		return nil
	}
	unlock, err := s.lanes.lock(ctx, skus...)
	if err != nil {
		return err
	}
	defer unlock()
	var after map[string]*Stock
	err = s.store.Update(ctx, skus, func(stocks map[string]*Stock) error {
		after = stocks
		return change(stocks)
	})
	if err != nil {
		return err
	}
	for sku, stock := range after {
		if stock.Changed() {
			s.offers.ShowStock(sku, stock.Available() > 0)
		}
	}
	return nil
}
