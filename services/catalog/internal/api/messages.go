package api

import (
	"encoding/json"
	"time"

	"tienda/internal/money"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

type variantInput struct {
	SKU     string            `json:"sku"`
	Name    string            `json:"name"`
	Options map[string]string `json:"options"`
	Prices  []money.Money     `json:"prices"`
}

type productInput struct {
	Slug        string            `json:"slug"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Category    string            `json:"category"`
	Status      product.Status    `json:"status"`
	Images      []string          `json:"images"`
	Attributes  map[string]string `json:"attributes"`
	Variants    []variantInput    `json:"variants"`
}

// details reads the input; status is for one that states none.
func (in productInput) details(status product.Status) product.Details {
	d := product.Details{
		Slug: in.Slug, Name: in.Name, Description: in.Description, Category: in.Category,
		Status: in.Status, Images: in.Images, Attributes: in.Attributes,
		Variants: make([]product.Variant, len(in.Variants)),
	}
	if d.Status == "" {
		d.Status = status
	}
	for i, v := range in.Variants {
		d.Variants[i] = product.Variant(v)
	}
	return d
}

type variantView struct {
	SKU     string            `json:"sku"`
	Name    string            `json:"name"`
	Options map[string]string `json:"options"`
	Prices  []money.Money     `json:"prices"`
	InStock bool              `json:"in_stock"`
}

type productView struct {
	ID          string            `json:"id"`
	Slug        string            `json:"slug"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Category    string            `json:"category"`
	Status      product.Status    `json:"status"`
	Images      []string          `json:"images"`
	Attributes  map[string]string `json:"attributes"`
	Variants    []variantView     `json:"variants"`
	InStock     bool              `json:"in_stock"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
}

func view(p product.Product, inStock map[string]bool) productView {
	out := productView{
		ID: p.ID, Slug: p.Slug, Name: p.Name, Description: p.Description, Category: p.Category, Status: p.Status,
		Images: p.Images, Attributes: p.Attributes, Variants: make([]variantView, len(p.Variants)),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if out.Images == nil {
		out.Images = []string{}
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	for i, v := range p.Variants {
		if v.Options == nil {
			v.Options = map[string]string{}
		}
		out.Variants[i] = variantView{SKU: v.SKU, Name: v.Name, Options: v.Options, Prices: v.Prices, InStock: inStock[v.SKU]}
		out.InStock = out.InStock || inStock[v.SKU]
	}
	return out
}

// EncodeDetail makes the body of GET /v1/products/{id}, once for each state of
// a product instead of once for each request.
func EncodeDetail(e *search.Entry) []byte {
	b, err := json.Marshal(view(e.Product, e.InStock))
	if err != nil {
		panic("api: a product that is not JSON: " + err.Error()) // strings, numbers and times always are
	}
	return append(b, '\n')
}

type productSummary struct {
	ID        string       `json:"id"`
	Slug      string       `json:"slug"`
	Name      string       `json:"name"`
	Category  string       `json:"category"`
	Image     string       `json:"image,omitempty"`
	PriceFrom *money.Money `json:"price_from,omitempty"`
	InStock   bool         `json:"in_stock"`
	SKUs      []string     `json:"skus"`
}

func summary(e *search.Entry, currency string) productSummary {
	p := &e.Product
	s := productSummary{ID: p.ID, Slug: p.Slug, Name: p.Name, Category: p.Category, InStock: e.AnyInStock(), SKUs: p.SKUs()}
	if len(p.Images) > 0 {
		s.Image = p.Images[0]
	}
	if n, ok := e.PriceFrom(currency); ok {
		price := money.New(n, currency)
		s.PriceFrom = &price
	}
	return s
}
