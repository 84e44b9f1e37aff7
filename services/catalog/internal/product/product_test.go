package product

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

func details(change func(*Details)) Details {
	d := Details{Slug: "cafe", Language: "es", Name: "Café", Category: "coffee", Status: Published, Variants: []Variant{
		{SKU: "A", Name: "a", Prices: []money.Money{money.New(790, "EUR"), money.New(890, "USD")}},
		{SKU: "B", Name: "b", Prices: []money.Money{money.New(1200, "JPY")}},
	}}
	change(&d)
	return d
}

// choices gives the variants of two options a size.
func choices(a, b string) func(*Details) {
	return func(d *Details) {
		d.Options = []Option{{Name: "size/l", Values: []string{"a", "b"}}, {Name: "colour", Values: []string{"red"}}}
		d.Variants[0].Options = map[string]string{"size/l": a, "colour": "red"}
		d.Variants[1].Options = map[string]string{"size/l": b, "colour": "red"}
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Details)
		fields []string
	}{
		{"as it should be", func(*Details) {}, nil},
		{"slug like an ID", func(d *Details) { d.Slug = "0198d2a0-3333-7000-8000-000000000003" }, []string{"/slug"}},
		{"SKU twice", func(d *Details) { d.Variants[1].SKU = "A" }, []string{"/variants/1/sku"}},
		{"currency twice", func(d *Details) { d.Variants[0].Prices[1].Currency = "EUR" }, []string{"/variants/0/prices/1/currency"}},
		{"no such currency", func(d *Details) { d.Variants[0].Prices[0].Currency = "QQQ" }, []string{"/variants/0/prices/0/currency"}},
		{"free", func(d *Details) { d.Variants[0].Prices[0].Amount = 0 }, []string{"/variants/0/prices/0/amount"}},
		{"in more languages", func(d *Details) {
			d.Translations = map[string]Translation{"en": {Name: "Coffee"}, "es-MX": {Name: "Café"}}
		}, nil},
		{"no language", func(d *Details) { d.Language = "spanish!" }, []string{"/language"}},
		{"a language twice", func(d *Details) { d.Translations = map[string]Translation{"es": {Name: "Café"}} }, []string{"/translations/es"}},
		{"languages written unusually", func(d *Details) {
			d.Language = "ES"
			d.Translations = map[string]Translation{"en-us": {Name: "Coffee"}, "iw": {Name: "קפה"}, "und": {Name: "x"}, "x/~": {Name: "x"}}
		}, []string{"/language", "/translations/en-us", "/translations/iw", "/translations/und", "/translations/x~1~0"}},
		{"options", choices("a", "b"), nil},
		{"the same options", choices("a", "a"), []string{"/variants/1/options"}},
		{"a value that is none of the option's", choices("a", "c"), []string{"/variants/1/options/size~1l"}},
		{"an option that is not chosen", func(d *Details) { choices("a", "b")(d); d.Variants[0].Options = nil },
			[]string{"/variants/0/options/colour", "/variants/0/options/size~1l"}},
		{"an option that is not the product's", func(d *Details) { choices("a", "b")(d); d.Variants[1].Options["taste"] = "x" },
			[]string{"/variants/1/options/taste"}},
		{"an option and a value twice", func(d *Details) {
			choices("a", "b")(d)
			d.Options = append(d.Options, Option{Name: "colour", Values: []string{"red", "red"}})
		}, []string{"/options/2/name", "/options/2/values/1"}},
		{"barcodes", func(d *Details) { d.Variants[0].Barcode, d.Variants[1].Barcode = "4006381333931", "96385074" }, nil},
		{"bad check digit", func(d *Details) { d.Variants[0].Barcode = "4006381333932" }, []string{"/variants/0/barcode"}},
		{"a barcode twice", func(d *Details) { d.Variants[0].Barcode, d.Variants[1].Barcode = "96385074", "96385074" }, []string{"/variants/1/barcode"}},
		{"everything at once", func(d *Details) {
			d.Variants[0].Prices[0].Amount = MaxPrice + 1
			d.Variants[1].SKU = "A"
		}, []string{"/variants/0/prices/0/amount", "/variants/1/sku"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := details(tt.change).Check()
			if tt.fields == nil {
				require.NoError(t, err)
				return
			}
			var f *fault.Error
			require.True(t, errors.As(err, &f))
			require.Equal(t, fault.Unprocessable, f.Kind)
			var names []string
			for _, field := range f.Fields {
				names = append(names, field.Name)
			}
			require.Equal(t, tt.fields, names)
		})
	}
}

func TestEqual(t *testing.T) {
	same := details(func(*Details) {})
	for name, change := range map[string]func(*Details){
		"name":   func(d *Details) { d.Name = "x" },
		"status": func(d *Details) { d.Status = Draft },
		"image":  func(d *Details) { d.Images = []string{"https://example.com/a.png"} },
		"text":   func(d *Details) { d.Attributes = map[string]string{"a": "b"} },
		"price":  func(d *Details) { d.Variants[0].Prices[0].Amount++ },
		"option": func(d *Details) { d.Variants[0].Options = map[string]string{"a": "b"} },
		"value":  func(d *Details) { d.Options = []Option{{Name: "a", Values: []string{"b"}}} },
		"tongue": func(d *Details) { d.Language = "en" },
		"words":  func(d *Details) { d.Translations = map[string]Translation{"en": {Name: "Coffee"}} },
		"tax":    func(d *Details) { d.TaxClass = "reduced" },
		"scan":   func(d *Details) { d.Variants[0].Barcode = "96385074" },
		"weight": func(d *Details) { d.Variants[0].WeightGrams = 250 },
		"photo":  func(d *Details) { d.Variants[0].Images = []string{"https://example.com/a.png"} },
		"fewer":  func(d *Details) { d.Variants = d.Variants[:1] },
	} {
		require.False(t, same.Equal(details(change)), name)
	}
	require.True(t, same.Equal(details(func(d *Details) { d.Attributes = map[string]string{} })))
}

func TestReplaceKeepsWhoItIs(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p, err := New(details(func(*Details) {}), noon)
	require.NoError(t, err)
	id := p.ID
	require.Error(t, p.Replace(details(func(d *Details) { d.Variants[1].SKU = "A" }), noon))
	require.Equal(t, noon, p.UpdatedAt)
	require.NoError(t, p.Replace(details(func(d *Details) { d.Name = "Té" }), noon.Add(time.Hour)))
	require.Equal(t, []any{id, "Té", noon, noon.Add(time.Hour)}, []any{p.ID, p.Name, p.CreatedAt, p.UpdatedAt})
}

func TestWhatIsLeftOut(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p, err := New(details(func(d *Details) { d.Language = "" }), noon)
	require.NoError(t, err)
	require.Equal(t, []string{"en", "standard"}, []string{p.Language, p.TaxClass})
	require.NoError(t, p.Replace(details(func(d *Details) { d.Language, d.TaxClass = "", "reduced" }), noon))
	require.Equal(t, []string{"en", "reduced"}, []string{p.Language, p.TaxClass})
}

func TestLanguages(t *testing.T) {
	d := details(func(d *Details) {
		d.Translations = map[string]Translation{"fr": {Name: "Café moulu"}, "en": {Name: "Coffee", Description: "Ground."}}
	})
	require.Equal(t, []string{"es", "en", "fr"}, d.Languages())
	require.Equal(t, Translation{Name: "Coffee", Description: "Ground."}, d.Text("en"))
	require.Equal(t, Translation{Name: "Café"}, d.Text("es"))
	require.Equal(t, Translation{Name: "Café"}, d.Text("pt"))
}

// Codes of GS1's own examples, and each with every other last digit.
func TestGTIN(t *testing.T) {
	for _, code := range []string{"96385074", "614141007349", "036000291452", "4006381333931", "9501101530003", "10614141000415"} {
		for last := range byte(10) {
			other := code[:len(code)-1] + string('0'+last)
			require.Equal(t, other == code, validGTIN(other), other)
		}
	}
	for _, code := range []string{"", "0", "00000000000", "9638507x", "000000000000000"} {
		require.False(t, validGTIN(code), code)
	}
}

func TestImportedID(t *testing.T) {
	a := Imported{Details: Details{Slug: "a"}}
	require.Equal(t, a.ID(), Imported{Details: Details{Slug: "a", Name: "x"}}.ID())
	external := Imported{Details: Details{Slug: "a"}, ExternalID: "a"}
	require.NotEqual(t, a.ID(), external.ID())
	require.Equal(t, external.ID(), Imported{Details: Details{Slug: "b"}, ExternalID: "a"}.ID())
}

func TestCategories(t *testing.T) {
	var c Categories
	for _, slug := range []string{"tea", "coffee"} {
		added, err := c.Add(Category{Slug: slug, Name: slug})
		require.NoError(t, err)
		require.Equal(t, int64(1), added.Version)
	}
	_, err := c.Add(Category{Slug: "tea", Name: "x"})
	require.ErrorIs(t, err, ErrSlugTaken)
	require.Equal(t, 0, c.Find("coffee"), "in order of their slugs")
	_, err = c.Change(Category{Slug: "tea", Name: "Té"}, 2)
	require.ErrorIs(t, err, ErrVersion)
	renamed, err := c.Change(Category{Slug: "tea", Name: "Té"}, 1)
	require.NoError(t, err)
	require.Equal(t, Category{Slug: "tea", Name: "Té", Version: 2}, renamed)
	require.ErrorIs(t, c.Remove("wine", 0, "x"), ErrMissingCategory)
	require.ErrorIs(t, c.Remove("tea", 0, "x"), ErrCategoryInUse, "it was not closed, or reopened")
	require.NoError(t, c.Close("tea", 2, "x"))
	require.ErrorIs(t, c.Takes("tea"), ErrCategoryClosing)
	require.NoError(t, c.Close("tea", 2, "y"))
	require.ErrorIs(t, c.Remove("tea", 0, "x"), ErrCategoryClosing, "another delete has come")
	c.Reopen("tea", "x")
	require.ErrorIs(t, c.Takes("tea"), ErrCategoryClosing)
	require.NoError(t, c.Remove("tea", 0, "y"))
	require.ErrorIs(t, c.Takes("tea"), ErrNoCategory)
	require.Len(t, c, 1)
	c = make(Categories, MaxCategories)
	_, err = c.Add(Category{Slug: "one-more", Name: "x"})
	require.ErrorIs(t, err, ErrTooMany)
}
