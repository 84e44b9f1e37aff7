package cart

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
	"tienda/services/orders/internal/terms"
)

// DefaultCurrency is what prices are shown in when nobody says otherwise.
const DefaultCurrency = "EUR"

// Quote is what catalog says about an SKU now, for display.
type Quote struct {
	ProductID, Slug, Name, VariantName string
	Category, TaxClass                 string
	Weight                             int64        // of one, in grams
	UnitPrice                          *money.Money // nil: not sold in the currency asked for
	Available                          bool         // it can be ordered
	Availability                       string       // in_stock, backorder, preorder, out_of_stock; "": not known
	ExpectedAt                         time.Time
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

// Terms are what prices hang on.
type Terms interface {
	Get(ctx context.Context) (*terms.Terms, error)
}

// Service is what a shopper can do with the cart.
type Service struct {
	store  Store
	quotes Quoter
	terms  Terms
	now    func() time.Time
}

// NewService gives the service over its store, catalog's quotes, and the terms.
func NewService(store Store, quotes Quoter, t Terms) *Service {
	return &Service{store: store, quotes: quotes, terms: t, now: func() time.Time { return time.Now().UTC() }}
}

// For is what a cart is to be priced for.
type For struct {
	Currency string               // "": DefaultCurrency
	To       *pricing.Destination // nil: not known yet; then without tax and shipping
	Method   string               // of shipping; "": the cheapest
}

// Priced is a cart with what its lines cost now.
type Priced struct {
	Cart
	Currency string
	Quotes   map[string]Quote
	Changes  map[string]Change // by SKU
	Bill     terms.Quote       // of the lines that have a price, in their order
	Joined   bool              // a guest's cart has just become part of it
}

// Get gives the shopper's cart, empty where there is none, priced.
func (s *Service) Get(ctx context.Context, who shopper.Shopper, f For) (Priced, error) {
	return s.priced(ctx, who, f, func(*Cart) error { return nil }, nil)
}

// Apply notes the code of a promotion in the cart.
func (s *Service) Apply(ctx context.Context, who shopper.Shopper, code string, f For, version int64) (Priced, error) {
	t, err := s.terms.Get(ctx)
	if err != nil {
		return Priced{}, err
	}
	if _, known := t.Book.ByCode(code); !known {
		return Priced{}, ErrCode
	}
	return s.priced(ctx, who, f, func(c *Cart) error {
		if err := c.Expect(version); err != nil {
			return err
		}
		return c.Apply(code, s.now())
	}, nil)
}

// Drop takes the code of a promotion out of the cart.
func (s *Service) Drop(ctx context.Context, who shopper.Shopper, code string, version int64) (joined bool, err error) {
	return s.change(ctx, who, version, func(c *Cart) { c.Drop(code, s.now()) })
}

// Put sets the quantity of an SKU that catalog sells.
func (s *Service) Put(ctx context.Context, who shopper.Shopper, sku string, quantity int, f For, version int64) (Priced, error) {
	return s.priced(ctx, who, f, func(c *Cart) error {
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
func (s *Service) priced(ctx context.Context, who shopper.Shopper, f For, change func(*Cart) error, check func(map[string]Quote) error) (Priced, error) {
	if f.Currency == "" {
		f.Currency = DefaultCurrency
	}
	if !money.ValidCurrency(f.Currency) {
		return Priced{}, fault.New(fault.Unprocessable, "currency_unsupported", "There is no such currency.").At("currency", "is not an ISO 4217 code")
	}
	p := Priced{Currency: f.Currency}
	if who.Owner() == "" {
		return p, nil
	}
	t, err := s.terms.Get(ctx)
	if err != nil {
		return p, err
	}
	p.Joined, err = s.store.Update(ctx, who, func(c *Cart) error {
		if err := change(c); err != nil {
			return err
		}
		if p.Quotes, err = s.quote(ctx, f.Currency, c.Lines); err != nil {
			return err
		}
		if check != nil {
			if err := check(p.Quotes); err != nil {
				return err
			}
		}
		p.Changes = c.See(p.Quotes, s.now())
		p.Cart = *c
		if c.changed {
			p.Version++
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	p.Bill, err = t.Price(terms.Query{
		Currency: f.Currency, Lines: p.goods(), To: f.To, Method: f.Method, Codes: p.Codes, Owner: who.Owner(), At: s.now(),
	})
	if err == nil && f.Method != "" {
		err = p.Bill.Delivery
	}
	return p, err
}

// goods gives the lines that have a price.
func (p *Priced) goods() []pricing.Line {
	var out []pricing.Line
	for _, l := range p.Lines {
		if q := p.Quotes[l.SKU]; q.UnitPrice != nil {
			out = append(out, pricing.Line{
				SKU: l.SKU, ProductID: q.ProductID, Category: q.Category, TaxClass: q.TaxClass,
				Quantity: l.Quantity, Unit: q.UnitPrice.Amount, Weight: q.Weight,
			})
		}
	}
	return out
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
