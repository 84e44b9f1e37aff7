package product

import (
	"context"
	"slices"
	"time"

	"tienda/internal/money"
	"tienda/services/catalog/internal/pricing"
)

// Prices gives all that is stated about a variant's price.
func (p *Product) Prices(v Variant) pricing.Prices {
	return pricing.Prices{Base: v.Prices, Listed: p.Listed[v.SKU]}
}

// setListed states the prices of a SKU on lists.
func (p *Product) setListed(sku string, entries []pricing.Entry) {
	all := map[string][]pricing.Entry{}
	for s, e := range p.Listed {
		all[s] = e
	}
	all[sku] = entries
	p.Listed = all
	p.dropListed()
}

// dropListed forgets the prices of SKUs that the product does not have.
func (p *Product) dropListed() {
	var kept map[string][]pricing.Entry
	for sku, entries := range p.Listed {
		if len(entries) > 0 && slices.Contains(p.SKUs(), sku) {
			if kept == nil {
				kept = map[string][]pricing.Entry{}
			}
			kept[sku] = entries
		}
	}
	p.Listed = kept
}

// FindSKU gives the product that has a SKU.
func (s *Service) FindSKU(ctx context.Context, sku string) (Product, error) {
	return s.store.FindSKU(ctx, sku)
}

// SetListed states the prices of a SKU on lists. version is the one of its product
// that the caller has read; 0: any.
func (s *Service) SetListed(ctx context.Context, sku string, entries []pricing.Entry, book pricing.Book, version int64) (Product, error) {
	if err := pricing.CheckEntries(entries, book); err != nil {
		return Product{}, err
	}
	found, err := s.store.FindSKU(ctx, sku)
	if err != nil {
		return Product{}, err
	}
	p, err := s.store.Update(ctx, found.ID, func(p *Product) error {
		switch {
		case !slices.Contains(p.SKUs(), sku):
			return ErrMissingSKU
		case version != 0 && version != p.Version:
			return ErrVersion
		}
		p.setListed(sku, entries)
		p.UpdatedAt = s.now()
		return nil
	})
	if err != nil {
		return Product{}, err
	}
	s.window.Show(p)
	return p, nil
}

// Price is one price of a SKU: that of the entry's list from its quantity on or, where it
// names no list, the base price in its currency.
type Price struct {
	SKU string
	pricing.Entry
}

// SetPrices states prices, in their order, in one commit. The slice tells for each why it
// was refused (nil: taken); the error that nothing was stored. Of several prices of one
// product its history has what they come to.
func (s *Service) SetPrices(ctx context.Context, batch []Price, book pricing.Book) ([]error, error) {
	refused := make([]error, len(batch))
	var skus []string
	var place []int // skus[i] is of batch[place[i]]
	for i, p := range batch {
		if p.List != "" {
			if refused[i] = pricing.CheckEntry(p.Entry, book); refused[i] != nil {
				continue
			}
		}
		skus, place = append(skus, p.SKU), append(place, i)
	}
	if len(skus) == 0 {
		return refused, nil
	}
	now := s.now()
	failed, changed, err := s.store.Reprice(ctx, skus, func(i int, p *Product) error {
		return p.setPrice(skus[i], batch[place[i]].Entry, now)
	})
	if err != nil {
		return nil, err
	}
	for _, p := range changed {
		s.window.Show(p)
	}
	for i, err := range failed {
		refused[place[i]] = err
	}
	return refused, nil
}

func (p *Product) setPrice(sku string, e pricing.Entry, now time.Time) error {
	i := slices.IndexFunc(p.Variants, func(v Variant) bool { return v.SKU == sku })
	if i < 0 {
		return ErrMissingSKU
	}
	if e.List == "" {
		d := p.Details
		d.Variants = slices.Clone(d.Variants)
		d.Variants[i].Prices = withPrice(d.Variants[i].Prices, money.New(e.Amount, e.Currency))
		return p.Replace(d, now)
	}
	entries := slices.DeleteFunc(slices.Clone(p.Listed[sku]), func(o pricing.Entry) bool {
		return o.List == e.List && o.Currency == e.Currency && o.MinQuantity == e.MinQuantity
	})
	if len(entries) >= pricing.MaxEntries {
		return ErrTooManyPrices
	}
	p.setListed(sku, append(entries, e))
	p.UpdatedAt = now
	return nil
}

// withPrice gives prices with another one in its currency.
func withPrice(prices []money.Money, m money.Money) []money.Money {
	prices = slices.Clone(prices)
	for i := range prices {
		if prices[i].Currency == m.Currency {
			prices[i] = m
			return prices
		}
	}
	return append(prices, m)
}
