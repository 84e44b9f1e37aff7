package product

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
)

// ErrMadeHere refuses to move in what was made here under the same ID.
var ErrMadeHere = fault.New(fault.Conflict, "made_here", "A product that was made here has this ID.")

// Moved is a product as it is moved in from another system, and given back. What is left
// out is nil, and so told from what is stated and empty.
type Moved struct {
	Slug         string                      `json:"slug"`
	Language     *string                     `json:"language,omitempty"` // nil: DefaultLanguage
	Name         string                      `json:"name"`
	Description  *string                     `json:"description,omitempty"`
	Translations map[string]MovedTranslation `json:"translations,omitzero"`
	Category     string                      `json:"category"`
	TaxClass     *string                     `json:"tax_class,omitempty"` // nil: DefaultTaxClass
	Status       *Status                     `json:"status,omitempty"`    // nil: Published
	Images       []string                    `json:"images,omitzero"`
	Attributes   map[string]string           `json:"attributes,omitzero"`
	Options      []Option                    `json:"options,omitzero"`
	Variants     []MovedVariant              `json:"variants"`
}

// MovedTranslation is a Translation as it is moved in.
type MovedTranslation struct {
	Name        string  `json:"name"`
	Description *string `json:"description,omitempty"`
}

// MovedVariant is a Variant as it is moved in.
type MovedVariant struct {
	SKU         string            `json:"sku"`
	Name        string            `json:"name"`
	Barcode     string            `json:"barcode,omitempty"`
	WeightGrams int               `json:"weight_grams,omitempty"`
	Images      []string          `json:"images,omitzero"`
	Options     map[string]string `json:"options,omitzero"`
	Prices      []money.Money     `json:"prices"`
}

// details gives what the product says, and which fields say what their being left out
// would have said, as JSON pointers in order.
func (m Moved) details() (d Details, stated []string) {
	said := func(at string, idle bool) {
		if idle {
			stated = append(stated, at)
		}
	}
	d = Details{
		Slug: m.Slug, Language: DefaultLanguage, Name: m.Name, Category: m.Category, TaxClass: DefaultTaxClass, Status: Published,
		Images: m.Images, Attributes: m.Attributes, Options: m.Options,
	}
	take(&d.Language, m.Language, "/language", said)
	take(&d.Description, m.Description, "/description", said)
	take(&d.TaxClass, m.TaxClass, "/tax_class", said)
	take(&d.Status, m.Status, "/status", said)
	said("/images", m.Images != nil && len(m.Images) == 0)
	said("/attributes", m.Attributes != nil && len(m.Attributes) == 0)
	said("/options", m.Options != nil && len(m.Options) == 0)
	said("/translations", m.Translations != nil && len(m.Translations) == 0)
	for _, lang := range slices.Sorted(maps.Keys(m.Translations)) {
		if d.Translations == nil {
			d.Translations = map[string]Translation{}
		}
		t := Translation{Name: m.Translations[lang].Name}
		take(&t.Description, m.Translations[lang].Description, translationAt(lang), said)
		d.Translations[lang] = t
	}
	for i, v := range m.Variants {
		d.Variants = append(d.Variants, Variant(v))
		said(variantAt(i, "images"), v.Images != nil && len(v.Images) == 0)
		said(variantAt(i, "options"), v.Options != nil && len(v.Options) == 0)
	}
	return d, stated
}

// take takes over what is stated, and says whether it is what into was before.
func take[T comparable](into *T, from *T, at string, said func(at string, idle bool)) {
	if from != nil {
		said(at, *from == *into)
		*into = *from
	}
}

func translationAt(lang string) string { return "/translations/" + lang + "/description" }

func variantAt(i int, field string) string { return "/variants/" + strconv.Itoa(i) + "/" + field }

// MoveIn gives the product that a moved one makes of what is held (nil: nothing is), under an
// ID. The error is fault.Unprocessable and names every field that breaks a rule.
func (m Moved) MoveIn(held *Product, id string, from origin.Source, now time.Time) (Product, error) {
	d, stated := m.details()
	if err := d.Check(); err != nil {
		return Product{}, err
	}
	next := Product{ID: id, Details: d, CreatedAt: now, UpdatedAt: now}
	if held != nil {
		next = *held
		if !held.Equal(d) {
			next.state(d, now)
		}
	}
	next.Origin, next.Stated = &from, stated
	return next, nil
}

// Moved gives a product in the shape in which it was moved in, as it is now.
func (p *Product) Moved() Moved {
	said := func(at string) bool { return slices.Contains(p.Stated, at) }
	m := Moved{
		Slug: p.Slug, Name: p.Name, Category: p.Category,
		Language: given(p.Language, DefaultLanguage, said("/language")), Description: given(p.Description, "", said("/description")),
		TaxClass: given(p.TaxClass, DefaultTaxClass, said("/tax_class")), Status: given(p.Status, Published, said("/status")),
		Images: list(p.Images, said("/images")), Attributes: texts(p.Attributes, said("/attributes")), Options: list(p.Options, said("/options")),
	}
	if len(p.Translations) > 0 || said("/translations") {
		m.Translations = make(map[string]MovedTranslation, len(p.Translations))
	}
	for lang, t := range p.Translations {
		m.Translations[lang] = MovedTranslation{Name: t.Name, Description: given(t.Description, "", said(translationAt(lang)))}
	}
	for i, v := range p.Variants {
		v.Images, v.Options = list(v.Images, said(variantAt(i, "images"))), texts(v.Options, said(variantAt(i, "options")))
		m.Variants = append(m.Variants, MovedVariant(v))
	}
	return m
}

// given gives a value unless it is what its being left out says, and was not stated all the same.
func given[T comparable](value, absent T, stated bool) *T {
	if value == absent && !stated {
		return nil
	}
	return &value
}

func list[T any](all []T, stated bool) []T {
	if len(all) > 0 {
		return all
	}
	if stated {
		return []T{}
	}
	return nil
}

func texts(all map[string]string, stated bool) map[string]string {
	if len(all) > 0 {
		return all
	}
	if stated {
		return map[string]string{}
	}
	return nil
}
