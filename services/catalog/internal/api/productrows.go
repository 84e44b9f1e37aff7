package api

import (
	"encoding/json"
	"strconv"
	"strings"

	"tienda/internal/money"
	"tienda/services/catalog/internal/export"
	"tienda/services/catalog/internal/product"
)

// productRow is an ImportProduct: what is exported can be imported.
type productRow struct {
	ID           string              `json:"id"`
	Slug         string              `json:"slug"`
	Language     string              `json:"language"`
	Name         string              `json:"name"`
	Description  string              `json:"description,omitempty"`
	Translations map[string]textBody `json:"translations,omitempty"`
	Category     string              `json:"category"`
	CategoryName string              `json:"category_name,omitempty"`
	TaxClass     string              `json:"tax_class"`
	Status       product.Status      `json:"status"`
	Images       []string            `json:"images,omitempty"`
	Attributes   map[string]string   `json:"attributes,omitempty"`
	Options      []optionBody        `json:"options,omitempty"`
	Variants     []variantRow        `json:"variants"`
}

type variantRow struct {
	SKU         string            `json:"sku"`
	Name        string            `json:"name"`
	Barcode     string            `json:"barcode,omitempty"`
	WeightGrams int               `json:"weight_grams,omitempty"`
	Images      []string          `json:"images,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
	Prices      []money.Money     `json:"prices"`
	Stock       int               `json:"stock"`
}

func (a *API) productRows(it export.Item) []row {
	p := it.Product
	l := productRow{
		ID: p.ID, Slug: p.Slug, Language: p.Language, Name: p.Name, Description: p.Description, Category: p.Category,
		TaxClass: p.TaxClass, Status: p.Status, Images: p.Images, Attributes: p.Attributes,
	}
	for _, c := range a.Shown.Categories() {
		if c.Slug == p.Category {
			l.CategoryName = c.Name
		}
	}
	for lang, text := range p.Translations {
		if l.Translations == nil {
			l.Translations = map[string]textBody{}
		}
		l.Translations[lang] = textBody(text)
	}
	for _, o := range p.Options {
		l.Options = append(l.Options, optionBody(o))
	}
	for _, v := range p.Variants {
		row := variantRow{
			SKU: v.SKU, Name: v.Name, Barcode: v.Barcode, WeightGrams: v.WeightGrams, Images: v.Images,
			Options: v.Options, Prices: v.Prices,
		}
		if s := it.Stock[v.SKU]; s != nil {
			row.Stock = s.OnHand
		}
		l.Variants = append(l.Variants, row)
	}
	return []row{l}
}

// productColumns are those of a product, which stand on each of its rows, and then
// those of the variant.
var productColumns = []string{
	"id", "slug", "status", "language", "name", "description", "translations", "category", "category_name", "tax_class",
	"images", "attributes", "options",
	"sku", "variant_name", "barcode", "weight_grams", "variant_images", "variant_options", "prices", "stock",
}

// records gives a record for each variant.
func (l productRow) records() [][]string {
	of := []string{
		l.ID, l.Slug, string(l.Status), l.Language, l.Name, l.Description, jsonText(l.Translations, len(l.Translations)),
		l.Category, l.CategoryName, l.TaxClass, strings.Join(l.Images, " "), jsonText(l.Attributes, len(l.Attributes)), jsonText(l.Options, len(l.Options)),
	}
	out := make([][]string, len(l.Variants))
	for i, v := range l.Variants {
		prices := make([]string, len(v.Prices))
		for j, p := range v.Prices {
			prices[j] = strconv.FormatInt(p.Amount, 10) + " " + p.Currency
		}
		out[i] = append(append([]string(nil), of...), v.SKU, v.Name, v.Barcode, number(v.WeightGrams),
			strings.Join(v.Images, " "), jsonText(v.Options, len(v.Options)), strings.Join(prices, "; "), strconv.Itoa(v.Stock))
	}
	return out
}

// jsonText gives a value with n elements as it stands in a cell; "" for none.
func jsonText(v any, n int) string {
	if n == 0 {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("api: a product that is not JSON: " + err.Error()) // strings and lists of them always are
	}
	return string(b)
}
