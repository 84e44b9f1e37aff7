package search

import (
	"maps"
	"slices"
	"strings"

	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search/index"
)

// document says what a product is found by.
func document(e *Entry) index.Document {
	p := &e.Product
	d := index.Document{
		ID: p.ID, SKUs: p.SKUs(), Categories: []string{p.Category}, InStock: e.AnyInStock(),
		SortName: cut(index.Fold(p.Name)), Created: p.CreatedAt,
		Texts:      []index.Text{{Language: base(p.Language), Name: p.Name, Description: p.Description}},
		Attributes: map[string][]string{}, Prices: map[string]int64{},
	}
	for _, language := range slices.Sorted(maps.Keys(p.Translations)) {
		t := p.Translations[language]
		d.Texts = append(d.Texts, index.Text{Language: base(language), Name: t.Name, Description: t.Description})
	}
	add := func(texts map[string]string) {
		for name, value := range texts {
			if !slices.Contains(d.Attributes[name], value) {
				d.Attributes[name] = append(d.Attributes[name], value)
			}
		}
	}
	add(p.Attributes)
	for _, v := range p.Variants {
		add(v.Options)
		for _, price := range v.Prices {
			if lowest, ok := d.Prices[price.Currency]; !ok || price.Amount < lowest {
				d.Prices[price.Currency] = price.Amount
			}
		}
	}
	return d
}

// base gives the language of a tag of BCP 47, without its region.
func base(tag string) string {
	language, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(language)
}

// cut keeps the first 40 letters: they go into cursors.
func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > 40 {
			return s[:i]
		}
	}
	return s
}

var _ product.Window = (*Model)(nil)
