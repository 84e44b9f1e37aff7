// Package settings is what the shop has decided about tax, shipping and payments. Each
// of the three is one document that an admin writes whole. Without them there is no
// tax, shipping is free, and cards are charged on shipment.
package settings

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tienda/internal/country"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
)

var errVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
	"The settings have changed since you read them. Read them again.").At("If-Match", "is not the current version")

// Tax is the rates by country, region and tax class, and in which currencies prices
// are stated with tax.
type Tax struct {
	Included  []string         `json:"prices_include_tax"` // currencies
	Rounding  pricing.Rounding `json:"rounding"`
	Rates     []pricing.Rate   `json:"rates"`
	UpdatedAt time.Time        `json:"updated_at,omitzero"`
	Version   int64            `json:"-"` // of the document; 0: there is none
}

// Of gives how tax is reckoned in a currency.
func (t Tax) Of(currency string) pricing.Tax {
	return pricing.Tax{Included: slices.Contains(t.Included, currency), Rounding: t.Rounding, Rates: t.Rates}
}

// Shipping is the ways to ship.
type Shipping struct {
	Methods   []Method  `json:"methods"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	Version   int64     `json:"-"` // of the document; 0: there is none
}

// Method is a way to ship: what it costs hangs on the zone.
type Method struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TaxClass string `json:"tax_class"`
	Zones    []Zone `json:"zones"`
}

// Zone is places with the same prices.
type Zone struct {
	Areas  []Area  `json:"areas"`
	Prices []Price `json:"prices"` // one for each currency
}

// Area is a country or a region of it.
type Area struct {
	Country string `json:"country"`
	Region  string `json:"region,omitempty"` // "": all of the country that no other area of the method names
}

// Price is a table: the first step that an order fits into has its price. An order
// that fits into none cannot be sent that way.
type Price struct {
	Currency  string `json:"currency"`
	FreeAbove *int64 `json:"free_above,omitempty"` // goods before discounts that cost so much, or more, are sent for nothing
	Steps     []Step `json:"steps"`
}

// Step is a price up to a weight and an amount of goods before discounts.
type Step struct {
	UpToWeight *int64 `json:"up_to_weight_grams,omitempty"` // nil: any
	UpToAmount *int64 `json:"up_to_amount,omitempty"`       // nil: any
	Price      int64  `json:"price"`
}

// Offers gives the ways in which goods of an amount (before discounts) and a weight
// can be sent to a place, the cheapest first, of equals by ID.
func (s Shipping) Offers(to pricing.Destination, currency string, amount, grams int64) []pricing.Delivery {
	var out []pricing.Delivery
	for _, m := range s.Methods {
		if price, ok := m.price(to, currency, amount, grams); ok {
			out = append(out, pricing.Delivery{Method: m.ID, Name: m.Name, TaxClass: m.TaxClass, Price: price})
		}
	}
	slices.SortFunc(out, func(a, b pricing.Delivery) int {
		return cmp.Or(cmp.Compare(a.Price, b.Price), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// price gives what a method costs; false: it does not go there.
func (m Method) price(to pricing.Destination, currency string, amount, grams int64) (int64, bool) {
	zone, best := Zone{}, 0
	for _, z := range m.Zones {
		for _, a := range z.Areas {
			rank := 1
			if a.Region != "" {
				rank = 2
			}
			if a.Country == to.Country && (a.Region == "" || strings.EqualFold(a.Region, to.Region)) && rank > best {
				zone, best = z, rank
			}
		}
	}
	for _, p := range zone.Prices {
		if p.Currency != currency {
			continue
		}
		if p.FreeAbove != nil && amount >= *p.FreeAbove {
			return 0, true
		}
		for _, s := range p.Steps {
			if (s.UpToWeight == nil || grams <= *s.UpToWeight) && (s.UpToAmount == nil || amount <= *s.UpToAmount) {
				return s.Price, true
			}
		}
	}
	return 0, false
}

// Store keeps the settings.
type Store interface {
	Tax(ctx context.Context) (Tax, error) // the zero Tax if there is none
	Shipping(ctx context.Context) (Shipping, error)
	// PutTax runs check over the document's version and writes; it gives the new
	// version.
	PutTax(ctx context.Context, t Tax, check func(version int64) error) (int64, error)
	PutShipping(ctx context.Context, s Shipping, check func(version int64) error) (int64, error)
	Payments(ctx context.Context) (Payments, error)
	PutPayments(ctx context.Context, p Payments, check func(version int64) error) (int64, error)
}

// Service reads and writes the settings.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over its store.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Tax gives the tax settings.
func (s *Service) Tax(ctx context.Context) (Tax, error) { return s.store.Tax(ctx) }

// Shipping gives the shipping settings.
func (s *Service) Shipping(ctx context.Context) (Shipping, error) { return s.store.Shipping(ctx) }

// PutTax replaces the tax settings; version is that which the caller has read, 0 for
// any.
func (s *Service) PutTax(ctx context.Context, t Tax, version int64) (Tax, error) {
	if err := t.check(); err != nil {
		return Tax{}, err
	}
	t.UpdatedAt = s.now().UTC()
	var err error
	t.Version, err = s.store.PutTax(ctx, t, expect(version))
	return t, err
}

// PutShipping is PutTax for the shipping settings.
func (s *Service) PutShipping(ctx context.Context, n Shipping, version int64) (Shipping, error) {
	if err := n.check(); err != nil {
		return Shipping{}, err
	}
	n.UpdatedAt = s.now().UTC()
	var err error
	n.Version, err = s.store.PutShipping(ctx, n, expect(version))
	return n, err
}

func expect(version int64) func(int64) error {
	return func(is int64) error {
		if version != 0 && version != is {
			return errVersion
		}
		return nil
	}
}

// bad gathers what the contract cannot say.
type bad []fault.Field

func (b *bad) at(reason, pointer string, args ...any) {
	*b = append(*b, fault.Field{Name: fmt.Sprintf(pointer, args...), Reason: reason})
}

func (b *bad) err() error {
	if len(*b) == 0 {
		return nil
	}
	e := fault.New(fault.Unprocessable, "settings_refused", "The settings contradict themselves or name what there is not.")
	e.Fields = *b
	return e
}

func (t Tax) check() error {
	var wrong bad
	for i, c := range t.Included {
		if !money.ValidCurrency(c) {
			wrong.at("is not an ISO 4217 code", "/prices_include_tax/%d", i)
		}
	}
	seen := map[pricing.Rate]bool{}
	for i, r := range t.Rates {
		if !country.Valid(r.Country) {
			wrong.at("is not a country of ISO 3166", "/rates/%d/country", i)
		}
		r.Rate, r.Region = 0, strings.ToLower(r.Region)
		if seen[r] {
			wrong.at("has the country, region and class of another one", "/rates/%d", i)
		}
		seen[r] = true
	}
	return wrong.err()
}

func (s Shipping) check() error {
	var wrong bad
	ids := map[string]bool{}
	for i, m := range s.Methods {
		if ids[m.ID] {
			wrong.at("is the ID of another method", "/methods/%d/id", i)
		}
		ids[m.ID] = true
		areas := map[Area]bool{}
		for k, z := range m.Zones {
			for n, a := range z.Areas {
				if !country.Valid(a.Country) {
					wrong.at("is not a country of ISO 3166", "/methods/%d/zones/%d/areas/%d/country", i, k, n)
				}
				a.Region = strings.ToLower(a.Region)
				if areas[a] {
					wrong.at("is in this method already", "/methods/%d/zones/%d/areas/%d", i, k, n)
				}
				areas[a] = true
			}
			currencies := map[string]bool{}
			for n, p := range z.Prices {
				if !money.ValidCurrency(p.Currency) {
					wrong.at("is not an ISO 4217 code", "/methods/%d/zones/%d/prices/%d/currency", i, k, n)
				}
				if currencies[p.Currency] {
					wrong.at("has prices in this zone already", "/methods/%d/zones/%d/prices/%d/currency", i, k, n)
				}
				currencies[p.Currency] = true
			}
		}
	}
	return wrong.err()
}
