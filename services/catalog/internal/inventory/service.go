package inventory

import (
	"context"
	"time"

	"tienda/services/catalog/internal/pricing"
)

// Store keeps the stock documents.
type Store interface {
	// Get gives the stock of a SKU that a product has, ErrMissing otherwise.
	Get(ctx context.Context, sku string) (Stock, error)
	// GetAll gives the stock of SKUs; those that never had any are left out.
	GetAll(ctx context.Context, skus []string) ([]Stock, error)
	// Update asks plan what to read, runs change over it, and stores what that
	// changed in one commit. After a conflict it does all of it again, until
	// ctx ends. It announces adjustments, what became available or ran out, and
	// what became low.
	Update(ctx context.Context, plan func() Plan, change func(*Books)) error
	// UpdateOne is Update for one SKU that must belong to a product.
	UpdateOne(ctx context.Context, sku string, change func(*Stock) error) (Stock, error)
	// Restocked says whether a return was taken in; NoteRestocked keeps it.
	Restocked(ctx context.Context, returnID string) (bool, error)
	NoteRestocked(ctx context.Context, returnID string) error
	// Entries gives up to limit entries of the ledger of a SKU that a product has,
	// the newest first, from a cursor on ("": the newest), and the cursor of the
	// next; "": the end.
	Entries(ctx context.Context, sku string, limit int, cursor string) ([]Entry, string, error)
	SettingsStore
}

// Offers tells what is sold under SKUs; unknown ones are left out.
type Offers interface {
	Offers(ctx context.Context, skus []string) (map[string]Offer, error)
	// ShowStock shows at once, in this replica, how a SKU stands.
	ShowStock(sku string, now Availability)
	// Low gives up to limit SKUs that are shown to be low, in their order, after
	// one ("": from the first).
	Low(after string, limit int) []string
}

// PriceLists are the price lists that this replica knows.
type PriceLists interface {
	Book(ctx context.Context) (pricing.Book, error)
}

// Service is what staff and orders do with stock.
type Service struct {
	store    Store
	offers   Offers
	prices   PriceLists
	together *combiner
	known    *known
	now      func() time.Time

	outcomes outcomes
}

// NewService gives the service over its store and what is offered.
func NewService(store Store, offers Offers, prices PriceLists) *Service {
	s := &Service{store: store, offers: offers, prices: prices, known: &known{}, now: func() time.Time { return time.Now().UTC() }}
	s.together = newCombiner(store, s.watch, func(stock *Stock) { offers.ShowStock(stock.SKU, stock.Availability()) })
	return s
}

// Get gives the stock of a SKU.
func (s *Service) Get(ctx context.Context, sku string) (Stock, error) { return s.store.Get(ctx, sku) }

// Quote is what a SKU costs now.
type Quote struct {
	Offer
	Price *pricing.Price // nil: it has none in the currency
}

// Quotes tells what quantities of SKUs cost now for a customer group ("": none);
// unknown SKUs are left out.
func (s *Service) Quotes(ctx context.Context, currency, group string, lines []Line) ([]Quote, error) {
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i] = l.SKU
	}
	offers, err := s.offers.Offers(ctx, skus)
	if err != nil {
		return nil, err
	}
	book, err := s.prices.Book(ctx)
	if err != nil {
		return nil, err
	}
	now, out := s.now(), make([]Quote, 0, len(lines))
	for _, l := range lines {
		o, ok := offers[l.SKU]
		if !ok {
			continue
		}
		q := Quote{Offer: o}
		if p, ok := o.Prices.At(book, pricing.Ask{Currency: currency, Quantity: l.Quantity, Group: group, Now: now}); ok {
			q.Price = &p
		}
		out = append(out, q)
	}
	return out, nil
}

// Ledger gives a page of the ledger of a SKU, the newest entry first.
func (s *Service) Ledger(ctx context.Context, sku string, limit int, cursor string) ([]Entry, string, error) {
	return s.store.Entries(ctx, sku, limit, cursor)
}

// Change is what staff do to the stock of a SKU at a location.
type Change struct {
	Delta    int
	Count    *int   // instead of Delta: what is there, by a count
	Location string // "": Main
	Cause
}

// Adjust changes what is on hand, by a delta or to a count. version is the one
// that the caller has read; 0: any.
func (s *Service) Adjust(ctx context.Context, sku string, c Change, version int64) (Stock, error) {
	if c.Delta > 0 || c.Count != nil && *c.Count > 0 {
		if err := s.takes(ctx, c.Location, "/location"); err != nil {
			return Stock{}, err
		}
	}
	return s.alone(ctx, sku, version, func(stock *Stock) error {
		delta := c.Delta
		if c.Count != nil {
			delta = *c.Count - stock.OnHandAt(place(c.Location))
		}
		return stock.Adjust(delta, c.Location, c.Cause, s.now())
	})
}

// Transfer moves what is available from one location to another.
func (s *Service) Transfer(ctx context.Context, sku, from, to string, quantity int, why Cause, version int64) (Stock, error) {
	if place(from) == place(to) {
		return Stock{}, ErrSamePlace
	}
	if err := s.takes(ctx, to, "/to"); err != nil {
		return Stock{}, err
	}
	why.Kind = Transfer
	return s.alone(ctx, sku, version, func(stock *Stock) error {
		if err := stock.Adjust(-quantity, from, why, s.now()); err != nil {
			return err
		}
		return stock.Adjust(quantity, to, why, s.now())
	})
}

// alone changes the stock of one SKU by itself.
func (s *Service) alone(ctx context.Context, sku string, version int64, change func(*Stock) error) (Stock, error) {
	var stock Stock
	err := s.together.do(ctx, &work{skus: []string{sku}, alone: func(ctx context.Context) (err error) {
		stock, err = s.store.UpdateOne(ctx, sku, func(stock *Stock) error {
			if version != 0 && version != stock.Version {
				return ErrVersion
			}
			err := change(stock)
			s.watch(stock)
			return err
		})
		return err
	}})
	if err != nil {
		return Stock{}, err
	}
	s.offers.ShowStock(sku, stock.Availability())
	return stock, nil
}

// Release frees what an order holds of the SKUs, once. A reservation of the
// order that comes later is refused.
func (s *Service) Release(ctx context.Context, orderID string, skus []string) error {
	return s.update(ctx, &work{skus: skus, orderID: orderID, change: func(b *Books) { b.release(orderID, skus, s.now()) }})
}

// Lower leaves an order no more of each SKU than the quantity of its line, and frees the
// rest: news which comes twice or late changes nothing.
func (s *Service) Lower(ctx context.Context, orderID string, lines []Line) error {
	return s.update(ctx, &work{skus: skusOf(lines), orderID: orderID, change: func(b *Books) { b.lower(orderID, lines, s.now()) }})
}

// Commit takes what an order holds of the SKUs out of the house, once: no more of each
// than the quantity of its line, where that is not 0; the rest is free.
func (s *Service) Commit(ctx context.Context, orderID string, lines []Line) error {
	return s.update(ctx, &work{skus: skusOf(lines), orderID: orderID, change: func(b *Books) { b.commit(orderID, lines, s.now()) }})
}

func skusOf(lines []Line) []string {
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i] = l.SKU
	}
	return skus
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
	err = s.update(ctx, &work{skus: skus, change: func(b *Books) {
		for _, sku := range skus {
			b.Stocks[sku].Restock(returnID, quantity[sku], s.now())
		}
	}})
	if err != nil {
		return err
	}
	return s.store.NoteRestocked(ctx, returnID)
}

func (s *Service) update(ctx context.Context, w *work) error {
	if len(w.skus) == 0 {
		return nil
	}
	return s.together.do(ctx, w)
}
