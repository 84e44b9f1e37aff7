// Package product is what the shop offers: products with their variants, and
// the categories they stand in.
package product

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
	"tienda/services/catalog/internal/pricing"
)

// MaxPrice is the highest price in minor units.
const MaxPrice = 100_000_000

// Status says who may see a product.
type Status string

// The statuses. Only what is published can be found and bought.
const (
	Draft     Status = "draft"
	Published Status = "published"
	Archived  Status = "archived"
)

// DefaultTaxClass is the tax class of a product that states none.
const DefaultTaxClass = "standard"

// Variant is what can be bought: one SKU.
type Variant struct {
	SKU         string            `json:"sku"`
	Name        string            `json:"name"`
	Barcode     string            `json:"barcode,omitempty"`      // a GTIN
	WeightGrams int               `json:"weight_grams,omitempty"` // 0: not stated
	Images      []string          `json:"images,omitempty"`       // of this variant alone
	Options     map[string]string `json:"options,omitempty"`
	Prices      []money.Money     `json:"prices"` // at most one a currency
}

// Price gives the variant's price in a currency; false: it has none.
func (v Variant) Price(currency string) (money.Money, bool) {
	for _, p := range v.Prices {
		if p.Currency == currency {
			return p, true
		}
	}
	return money.Money{}, false
}

// Details are what staff state about a product.
type Details struct {
	Slug         string                 `json:"slug"`
	Language     string                 `json:"language"` // BCP 47, of Name and Description
	Name         string                 `json:"name"`
	Description  string                 `json:"description,omitempty"`
	Translations map[string]Translation `json:"translations,omitempty"` // by language, BCP 47
	Category     string                 `json:"category"`
	TaxClass     string                 `json:"tax_class"`
	Status       Status                 `json:"status"`
	Images       []string               `json:"images,omitempty"`
	Attributes   map[string]string      `json:"attributes,omitempty"`
	Options      []Option               `json:"options,omitempty"` // what the variants differ in
	Variants     []Variant              `json:"variants"`
}

// Complete gives the details with what they leave out.
func (d Details) Complete() Details {
	d.Language = cmp.Or(d.Language, DefaultLanguage)
	d.TaxClass = cmp.Or(d.TaxClass, DefaultTaxClass)
	return d
}

// Product is one product, with its prices but without its stock.
type Product struct {
	ID string `json:"id"`
	Details
	Former []FormerSlug               `json:"former_slugs,omitempty"` // the latest last
	Listed map[string][]pricing.Entry `json:"listed,omitempty"`       // prices on lists, by SKU
	// What the last change did to prices, by SKU; the next one hands it on.
	Changes   map[string][]pricing.Change `json:"price_changes,omitempty"`
	CreatedAt time.Time                   `json:"created_at"`
	UpdatedAt time.Time                   `json:"updated_at"`
	Version   int64                       `json:"-"` // of the stored document

	Origin *origin.Source `json:"origin,omitempty"` // nil: it was made here
	Stated []string       `json:"stated,omitempty"` // see Moved.details
}

// New makes a product of valid details.
func New(d Details, now time.Time) (Product, error) {
	d = d.Complete()
	if err := d.Check(); err != nil {
		return Product{}, err
	}
	return Product{ID: uuid.Must(uuid.NewV7()).String(), Details: d, CreatedAt: now, UpdatedAt: now}, nil
}

// Replace states the product anew.
func (p *Product) Replace(d Details, now time.Time) error {
	d = d.Complete()
	if err := d.Check(); err != nil {
		return err
	}
	p.state(d, now)
	return nil
}

func (p *Product) state(d Details, now time.Time) {
	p.rename(d.Slug, now)
	p.Details, p.UpdatedAt = d, now
	p.dropListed()
}

// SKUs lists the variants' SKUs.
func (d Details) SKUs() []string {
	out := make([]string, len(d.Variants))
	for i, v := range d.Variants {
		out[i] = v.SKU
	}
	return out
}

// ShownIn says whether the shop shows the product in a category.
func (d Details) ShownIn(category string) bool {
	return d.Status == Published && d.Category == category
}

// Equal says whether two statements about a product are the same.
func (d Details) Equal(o Details) bool {
	return d.Slug == o.Slug && d.Language == o.Language && d.Name == o.Name && d.Description == o.Description &&
		maps.Equal(d.Translations, o.Translations) && d.Category == o.Category && d.TaxClass == o.TaxClass &&
		d.Status == o.Status && slices.Equal(d.Images, o.Images) && maps.Equal(d.Attributes, o.Attributes) &&
		slices.EqualFunc(d.Options, o.Options, Option.equal) && slices.EqualFunc(d.Variants, o.Variants, Variant.equal)
}

func (v Variant) equal(o Variant) bool {
	return v.SKU == o.SKU && v.Name == o.Name && v.Barcode == o.Barcode && v.WeightGrams == o.WeightGrams &&
		slices.Equal(v.Images, o.Images) && maps.Equal(v.Options, o.Options) && slices.Equal(v.Prices, o.Prices)
}

// Check holds the details to the rules that a schema cannot state. The error
// is fault.Unprocessable and names every bad field.
func (d Details) Check() error {
	var fields []fault.Field
	bad := func(name, reason string) { fields = append(fields, fault.Field{Name: name, Reason: reason}) }
	if uuid.Validate(d.Slug) == nil {
		bad("/slug", "looks like an ID")
	}
	d.CheckLanguages(bad)
	d.checkOptions(bad)
	d.checkVariants(bad)
	if len(fields) == 0 {
		return nil
	}
	e := fault.New(fault.Unprocessable, "invalid_product", "The product breaks a rule.")
	e.Fields = fields
	return e
}

func (d Details) checkVariants(bad func(name, reason string)) {
	seen, scanned := map[string]bool{}, map[string]bool{}
	for i, v := range d.Variants {
		at := "/variants/" + strconv.Itoa(i)
		if seen[v.SKU] {
			bad(at+"/sku", "stands twice")
		}
		seen[v.SKU] = true
		switch {
		case v.Barcode == "":
		case !validGTIN(v.Barcode):
			bad(at+"/barcode", "is not a GTIN: its check digit is wrong")
		case scanned[v.Barcode]:
			bad(at+"/barcode", "stands twice")
		}
		scanned[v.Barcode] = true
		v.checkPrices(at, bad)
	}
}

func (v Variant) checkPrices(at string, bad func(name, reason string)) {
	priced := map[string]bool{}
	for j, p := range v.Prices {
		price := at + "/prices/" + strconv.Itoa(j)
		switch {
		case !money.ValidCurrency(p.Currency):
			bad(price+"/currency", "is not a currency of ISO 4217")
		case priced[p.Currency]:
			bad(price+"/currency", "stands twice")
		case p.Amount < 1 || p.Amount > MaxPrice:
			bad(price+"/amount", "is not between 1 and 100000000")
		}
		priced[p.Currency] = true
	}
}
