// Package collection is what the shop shows together: products that somebody has
// picked, in an order, or all that a rule finds.
package collection

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/fault"
	"tienda/services/catalog/internal/product"
)

// What bounds the one document that holds all collections.
const (
	MaxCollections = 100
	MaxProducts    = 100 // that are picked for one
)

// Text is what a collection is called, and what is said of it.
type Text = product.Translation

// Pair is an attribute that a rule asks for.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Rule finds the products of a collection as a list of products does; what is left
// out asks for nothing. Amounts are minor units.
type Rule struct {
	Text       string `json:"q,omitempty"`
	Category   string `json:"category,omitempty"`
	Attributes []Pair `json:"attributes,omitempty"` // of one name any of its values
	MinPrice   int64  `json:"min_price,omitempty"`
	MaxPrice   *int64 `json:"max_price,omitempty"`
	Currency   string `json:"currency,omitempty"` // of both
	InStock    *bool  `json:"in_stock,omitempty"`
	Sort       string `json:"sort,omitempty"`
}

// Collection is products that are shown together: Products, by ID and in their order,
// or what Rule finds.
type Collection struct {
	Slug         string          `json:"slug"`
	Language     string          `json:"language"` // BCP 47, of Name and Description
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	Translations map[string]Text `json:"translations,omitempty"`
	Status       product.Status  `json:"status"` // draft or published
	Position     int             `json:"position,omitempty"`
	Products     []string        `json:"products,omitempty"`
	Rule         *Rule           `json:"rule,omitempty"`
	Version      int64           `json:"version"`
}

// What collections refuse.
var (
	ErrMissing   = fault.Missing("collection")
	ErrSlugTaken = fault.New(fault.Conflict, "slug_taken", "Another collection has this slug.").At("/slug", "is taken")
	ErrTooMany   = fault.New(fault.Conflict, "too_many_collections", "There are 100 collections, which is all that there may be.")
	ErrVersion   = fault.New(fault.PreconditionFailed, "version_mismatch",
		"It has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Texts gives what a collection says as that of a product, which languages are
// chosen for.
func (c *Collection) Texts() product.Details {
	return product.Details{Language: c.Language, Name: c.Name, Description: c.Description, Translations: c.Translations}
}

// check refuses what contradicts itself: fault.Unprocessable, naming every field.
func (c *Collection) check() error {
	var fields []fault.Field
	bad := func(name, reason string) { fields = append(fields, fault.Field{Name: name, Reason: reason}) }
	texts := c.Texts()
	texts.CheckLanguages(bad)
	if (c.Products == nil) == (c.Rule == nil) {
		bad("/products", "either products or a rule is stated")
		bad("/rule", "either products or a rule is stated")
	}
	for i, id := range c.Products {
		if slices.Contains(c.Products[:i], id) {
			bad("/products/"+strconv.Itoa(i), "is named before")
		}
	}
	if r := c.Rule; r != nil && r.MaxPrice != nil && *r.MaxPrice < r.MinPrice {
		bad("/rule/max_price", "is below min_price")
	}
	if len(fields) == 0 {
		return nil
	}
	e := fault.New(fault.Unprocessable, "invalid_collection", "The collection contradicts itself.")
	e.Fields = fields
	return e
}

// Collections are all of them, in the order in which they are shown.
type Collections struct {
	All  []Collection `json:"all"`
	Last int64        `json:"last"` // version given: a slug that is used again has none of its old ones
}

func (all *Collections) find(slug string) int {
	return slices.IndexFunc(all.All, func(c Collection) bool { return c.Slug == slug })
}

// Find gives a collection by its slug.
func (all *Collections) Find(slug string) (Collection, error) {
	i := all.find(slug)
	if i < 0 {
		return Collection{}, ErrMissing
	}
	return all.All[i], nil
}

// Add takes a new collection in.
func (all *Collections) Add(c Collection) (Collection, error) {
	switch {
	case all.find(c.Slug) >= 0:
		return Collection{}, ErrSlugTaken
	case len(all.All) >= MaxCollections:
		return Collection{}, ErrTooMany
	}
	return all.put(len(all.All), c)
}

// Change states a collection anew. version is the one that the caller has read; 0: any.
func (all *Collections) Change(c Collection, version int64) (Collection, error) {
	i, err := all.at(c.Slug, version)
	if err != nil {
		return Collection{}, err
	}
	return all.put(i, c)
}

// Remove takes a collection out; its products stay.
func (all *Collections) Remove(slug string, version int64) error {
	i, err := all.at(slug, version)
	if err == nil {
		all.All = slices.Delete(all.All, i, i+1)
	}
	return err
}

func (all *Collections) at(slug string, version int64) (int, error) {
	i := all.find(slug)
	switch {
	case i < 0:
		return 0, ErrMissing
	case version != 0 && version != all.All[i].Version:
		return 0, ErrVersion
	}
	return i, nil
}

func (all *Collections) put(i int, c Collection) (Collection, error) {
	c.Language = cmp.Or(c.Language, product.DefaultLanguage)
	if err := c.check(); err != nil {
		return Collection{}, err
	}
	all.Last++
	c.Version = all.Last
	if i == len(all.All) {
		all.All = append(all.All, c)
	} else {
		all.All[i] = c
	}
	slices.SortFunc(all.All, func(a, b Collection) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.Slug, b.Slug))
	})
	return c, nil
}
