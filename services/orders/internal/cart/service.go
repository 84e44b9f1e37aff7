package cart

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/shopper"
)

// DefaultCurrency is what prices are shown in when nobody says otherwise.
const DefaultCurrency = "EUR"

// Quote is what catalog says about an SKU now, for display.
type Quote struct {
	ProductID, Slug, Name, VariantName string
	UnitPrice                          *money.Money // nil: not sold in the currency asked for
	Available                          bool
}

// Quoter gives the quotes of SKUs by SKU; those that are not sold are missing.
type Quoter interface {
	Quotes(ctx context.Context, currency string, skus []string) (map[string]Quote, error)
}

// Store keeps carts.
type Store interface {
	// Update runs fn over the shopper's cart, into which a guest's cart has
	// been joined where there is one to join, and stores what changed. joined
	// says that there was. fn may run more than once.
	Update(ctx context.Context, s shopper.Shopper, fn func(*Cart) error) (joined bool, err error)
}

// Service is what a shopper can do with the cart.
type Service struct {
	store  Store
	quotes Quoter
	now    func() time.Time
}

// NewService gives the service over its store and catalog's quotes.
func NewService(store Store, quotes Quoter) *Service {
	return &Service{store: store, quotes: quotes, now: func() time.Time { return time.Now().UTC() }}
}

// Priced is a cart with what its lines cost now.
type Priced struct {
	Cart
	Currency string
	Quotes   map[string]Quote
	Joined   bool // a guest's cart has just become part of it
}

// Get gives the shopper's cart, empty where there is none, priced in a
// currency.
func (s *Service) Get(ctx context.Context, who shopper.Shopper, currency string) (Priced, error) {
	return s.priced(ctx, who, currency, func(*Cart) error { return nil }, nil)
}

// Put sets the quantity of an SKU that catalog sells.
func (s *Service) Put(ctx context.Context, who shopper.Shopper, sku string, quantity int, currency string, version int64) (Priced, error) {
	return s.priced(ctx, who, currency, func(c *Cart) error {
		if err := c.Expect(version); err != nil {
			return err
		}
		return c.Set(sku, quantity, s.now())
	}, func(quotes map[string]Quote) error {
		if _, sold := quotes[sku]; !sold {
			return ErrUnknown
		}
		return nil
	})
}

// Remove takes an SKU out.
func (s *Service) Remove(ctx context.Context, who shopper.Shopper, sku string, version int64) (joined bool, err error) {
	return s.change(ctx, who, version, func(c *Cart) { c.Remove(sku, s.now()) })
}

// Empty takes everything out.
func (s *Service) Empty(ctx context.Context, who shopper.Shopper, version int64) (joined bool, err error) {
	return s.change(ctx, who, version, func(c *Cart) { c.Empty(s.now()) })
}

func (s *Service) change(ctx context.Context, who shopper.Shopper, version int64, fn func(*Cart)) (bool, error) {
	if who.Owner() == "" {
		return false, nil
	}
	return s.store.Update(ctx, who, func(c *Cart) error {
		if err := c.Expect(version); err != nil {
			return err
		}
		fn(c)
		return nil
	})
}

// priced changes the cart and prices it. The quotes are asked for between
// reading and writing: one call then serves both the check and the answer.
func (s *Service) priced(ctx context.Context, who shopper.Shopper, currency string, change func(*Cart) error, check func(map[string]Quote) error) (Priced, error) {
	if currency == "" {
		currency = DefaultCurrency
	}
	if !money.ValidCurrency(currency) {
		return Priced{}, fault.New(fault.Unprocessable, "currency_unsupported", "There is no such currency.").At("currency", "is not an ISO 4217 code")
	}
	p := Priced{Currency: currency}
	if who.Owner() == "" {
		return p, nil
	}
	var err error
	p.Joined, err = s.store.Update(ctx, who, func(c *Cart) error {
		if err := change(c); err != nil {
			return err
		}
		if p.Quotes, err = s.quote(ctx, currency, c.Lines); err != nil {
			return err
		}
		if check != nil {
			if err := check(p.Quotes); err != nil {
				return err
			}
		}
		p.Cart = *c
		if c.changed {
			p.Version++
		}
		return nil
	})
	return p, err
}

func (s *Service) quote(ctx context.Context, currency string, lines []Line) (map[string]Quote, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i] = l.SKU
	}
	return s.quotes.Quotes(ctx, currency, skus)
}
