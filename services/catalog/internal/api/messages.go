package api

import (
	"cmp"
	"encoding/json"
	"time"

	"tienda/internal/money"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

type variantInput struct {
	SKU         string            `json:"sku"`
	Name        string            `json:"name"`
	Barcode     string            `json:"barcode"`
	WeightGrams int               `json:"weight_grams"`
	Images      []string          `json:"images"`
	Options     map[string]string `json:"options"`
	Prices      []money.Money     `json:"prices"`
}

type textBody struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type optionBody struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type productInput struct {
	Slug         string              `json:"slug"`
	Language     string              `json:"language"`
	Name         string              `json:"name"`
	Description  string              `json:"description"`
	Translations map[string]textBody `json:"translations"`
	Category     string              `json:"category"`
	TaxClass     string              `json:"tax_class"`
	Status       product.Status      `json:"status"`
	Images       []string            `json:"images"`
	Attributes   map[string]string   `json:"attributes"`
	Options      []optionBody        `json:"options"`
	Variants     []variantInput      `json:"variants"`
}

// details reads the input; status is for one that states none.
func (in productInput) details(status product.Status) product.Details {
	d := product.Details{
		Slug: in.Slug, Language: in.Language, Name: in.Name, Description: in.Description, Category: in.Category,
		TaxClass: in.TaxClass, Status: cmp.Or(in.Status, status), Images: in.Images, Attributes: in.Attributes,
		Variants: make([]product.Variant, len(in.Variants)),
	}
	for lang, text := range in.Translations {
		if d.Translations == nil {
			d.Translations = make(map[string]product.Translation, len(in.Translations))
		}
		d.Translations[lang] = product.Translation(text)
	}
	for _, o := range in.Options {
		d.Options = append(d.Options, product.Option(o))
	}
	for i, v := range in.Variants {
		d.Variants[i] = product.Variant(v)
	}
	return d
}

type variantView struct {
	SKU         string            `json:"sku"`
	Name        string            `json:"name"`
	Barcode     string            `json:"barcode,omitempty"`
	WeightGrams int               `json:"weight_grams,omitempty"`
	Images      []string          `json:"images,omitempty"`
	Options     map[string]string `json:"options"`
	Prices      []money.Money     `json:"prices"`
	Now         []priceView       `json:"now"`
	Tiers       []priceView       `json:"tiers,omitempty"`
	InStock     bool              `json:"in_stock"`
	Stock       string            `json:"availability"`
	ExpectedAt  time.Time         `json:"expected_at,omitzero"`
}

type productView struct {
	ID           string              `json:"id"`
	Slug         string              `json:"slug"`
	Language     string              `json:"language"`
	Languages    []string            `json:"languages"`
	Name         string              `json:"name"`
	Description  string              `json:"description"`
	Translations map[string]textBody `json:"translations,omitempty"`
	Category     string              `json:"category"`
	TaxClass     string              `json:"tax_class"`
	Status       product.Status      `json:"status"`
	Images       []string            `json:"images"`
	Attributes   map[string]string   `json:"attributes"`
	Options      []optionBody        `json:"options,omitempty"`
	Variants     []variantView       `json:"variants"`
	InStock      bool                `json:"in_stock"`
	CreatedAt    time.Time           `json:"created_at"`
	UpdatedAt    time.Time           `json:"updated_at"`
}

// stockShown is what is shown of the stock of a product's SKUs.
type stockShown struct {
	in    map[string]bool
	waits map[string]inventory.Waitable
}

// view shows a product in one of its languages, with its prices at a time.
func view(p product.Product, language string, shown stockShown, book pricing.Book, now time.Time) productView {
	text := p.Text(language)
	out := productView{
		ID: p.ID, Slug: p.Slug, Language: language, Languages: p.Languages(),
		Name: text.Name, Description: text.Description, Category: p.Category,
		TaxClass: p.TaxClass, Status: p.Status, Images: p.Images, Attributes: p.Attributes,
		Variants: make([]variantView, len(p.Variants)), CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if out.Images == nil {
		out.Images = []string{}
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	for _, o := range p.Options {
		out.Options = append(out.Options, optionBody(o))
	}
	for i, v := range p.Variants {
		if v.Options == nil {
			v.Options = map[string]string{}
		}
		one, tiers := pricesAt(p.Prices(v), book, now)
		out.Variants[i] = variantView{
			SKU: v.SKU, Name: v.Name, Barcode: v.Barcode, WeightGrams: v.WeightGrams, Images: v.Images,
			Options: v.Options, Prices: v.Prices, Now: one, Tiers: tiers, InStock: shown.in[v.SKU],
		}
		out.Variants[i].Stock, out.Variants[i].ExpectedAt = availability(shown.in[v.SKU], shown.waits[v.SKU])
		out.InStock = out.InStock || shown.in[v.SKU]
	}
	return out
}

// asStated shows a product as it was stated: in its own language, with its
// translations.
func asStated(p product.Product, shown stockShown, book pricing.Book, now time.Time) productView {
	out := view(p, p.Language, shown, book, now)
	out.Translations = make(map[string]textBody, len(p.Translations))
	for lang, text := range p.Translations {
		out.Translations[lang] = textBody(text)
	}
	return out
}

// DetailEncoder makes the bodies of GET /v1/products/{id}, once for each state of a
// product in a language, and for each time that a price list begins or ends, instead
// of once for each request.
func DetailEncoder(board *pricing.Board) search.Encoder {
	return func(e *search.Entry, language string, now time.Time) ([]byte, time.Time) {
		book := board.Book()
		b, err := json.Marshal(view(e.Product, language, stockShown{e.InStock, e.Waits}, book, now))
		if err != nil {
			panic("api: a product that is not JSON: " + err.Error()) // strings, numbers and times always are
		}
		var until time.Time
		for _, v := range e.Product.Variants {
			if t := e.Product.Prices(v).NextChange(book, now); !t.IsZero() && (until.IsZero() || t.Before(until)) {
				until = t
			}
		}
		return append(b, '\n'), until
	}
}

type productSummary struct {
	ID        string       `json:"id"`
	Slug      string       `json:"slug"`
	Language  string       `json:"language"`
	Name      string       `json:"name"`
	Category  string       `json:"category"`
	Image     string       `json:"image,omitempty"`
	PriceFrom *money.Money `json:"price_from,omitempty"`
	InStock   bool         `json:"in_stock"`
	SKUs      []string     `json:"skus"`
}

// summary shows an entry in one of its languages, with its lowest price at a time.
func summary(e *search.Entry, language, currency string, book pricing.Book, now time.Time) productSummary {
	p := &e.Product
	s := productSummary{
		ID: p.ID, Slug: p.Slug, Language: language, Name: p.Text(language).Name, Category: p.Category,
		InStock: e.AnyInStock(), SKUs: p.SKUs(),
	}
	if len(p.Images) > 0 {
		s.Image = p.Images[0]
	}
	for _, v := range p.Variants {
		at, ok := p.Prices(v).At(book, pricing.Ask{Currency: currency, Quantity: 1, Now: now})
		if ok && (s.PriceFrom == nil || at.Amount < s.PriceFrom.Amount) {
			s.PriceFrom = &at.Money
		}
	}
	return s
}
