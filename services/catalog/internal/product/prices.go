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

// SetPrice states one price of a SKU: that of e's list from its quantity on or,
// where e names no list, the base price in its currency.
func (s *Service) SetPrice(ctx context.Context, sku string, e pricing.Entry, book pricing.Book) error {
	if e.List != "" {
		if err := pricing.CheckEntry(e, book); err != nil {
			return err
		}
	}
	found, err := s.store.FindSKU(ctx, sku)
	if err != nil {
		return err
	}
	p, err := s.store.Update(ctx, found.ID, func(p *Product) error { return p.setPrice(sku, e, s.now()) })
	if err == nil {
		s.window.Show(p)
	}
	return err
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
