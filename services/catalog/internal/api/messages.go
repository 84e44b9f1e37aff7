package api

import (
	"cmp"
	"encoding/json"
	"time"

	"tienda/internal/money"
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
	InStock     bool              `json:"in_stock"`
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

// view shows a product in one of its languages.
func view(p product.Product, language string, inStock map[string]bool) productView {
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
		out.Variants[i] = variantView{
			SKU: v.SKU, Name: v.Name, Barcode: v.Barcode, WeightGrams: v.WeightGrams, Images: v.Images,
			Options: v.Options, Prices: v.Prices, InStock: inStock[v.SKU],
		}
		out.InStock = out.InStock || inStock[v.SKU]
	}
	return out
}

// asStated shows a product as it was stated: in its own language, with its
// translations.
func asStated(p product.Product, inStock map[string]bool) productView {
	out := view(p, p.Language, inStock)
	out.Translations = make(map[string]textBody, len(p.Translations))
	for lang, text := range p.Translations {
		out.Translations[lang] = textBody(text)
	}
	return out
}

// EncodeDetail makes the body of GET /v1/products/{id} in a language, once for
// each state of a product instead of once for each request.
func EncodeDetail(e *search.Entry, language string) []byte {
	b, err := json.Marshal(view(e.Product, language, e.InStock))
	if err != nil {
		panic("api: a product that is not JSON: " + err.Error()) // strings, numbers and times always are
	}
	return append(b, '\n')
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

// summary shows an entry in one of its languages.
func summary(e *search.Entry, language, currency string) productSummary {
	p := &e.Product
	s := productSummary{
		ID: p.ID, Slug: p.Slug, Language: language, Name: p.Text(language).Name, Category: p.Category,
		InStock: e.AnyInStock(), SKUs: p.SKUs(),
	}
	if len(p.Images) > 0 {
		s.Image = p.Images[0]
	}
	if n, ok := e.PriceFrom(currency); ok {
		price := money.New(n, currency)
		s.PriceFrom = &price
	}
	return s
}
