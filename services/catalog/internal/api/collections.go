package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/collection"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/search/index"
)

// collectionInput is a collection as stated.
type collectionInput struct {
	Slug         string                     `json:"slug"`
	Language     string                     `json:"language"`
	Name         string                     `json:"name"`
	Description  string                     `json:"description"`
	Translations map[string]collection.Text `json:"translations"`
	Status       product.Status             `json:"status"`
	Position     int                        `json:"position"`
	Products     []string                   `json:"products"`
	Rule         *collection.Rule           `json:"rule"`
}

func (in collectionInput) collection(slug string) collection.Collection {
	return collection.Collection{
		Slug: slug, Language: in.Language, Name: in.Name, Description: in.Description, Translations: in.Translations,
		Status: cmp.Or(in.Status, product.Draft), Position: in.Position, Products: in.Products, Rule: in.Rule,
	}
}

// collectionView is a collection in one language, or as it was stated: with its
// translations, products and rule.
type collectionView struct {
	Slug         string                     `json:"slug"`
	Language     string                     `json:"language"`
	Languages    []string                   `json:"languages"`
	Name         string                     `json:"name"`
	Description  string                     `json:"description,omitempty"`
	Translations map[string]collection.Text `json:"translations,omitempty"`
	Status       product.Status             `json:"status"`
	Position     int                        `json:"position"`
	Products     []string                   `json:"products,omitempty"`
	Rule         *collection.Rule           `json:"rule,omitempty"`
}

func collectionAsStated(c collection.Collection) collectionView {
	texts := c.Texts()
	return collectionView{
		Slug: c.Slug, Language: c.Language, Languages: texts.Languages(), Name: c.Name, Description: c.Description, Translations: c.Translations,
		Status: c.Status, Position: c.Position, Products: c.Products, Rule: c.Rule,
	}
}

// collectionSpoken gives a collection in the language that suits a caller best.
func (a *API) collectionSpoken(r *http.Request, c collection.Collection) collectionView {
	texts := c.Texts()
	language := a.Languages.Choose(strings.Join(r.Header["Accept-Language"], ","), &texts)
	text := texts.Text(language)
	v := collectionAsStated(c)
	v.Language, v.Name, v.Description, v.Translations, v.Products, v.Rule = language, text.Name, text.Description, nil, nil, nil
	return v
}

// listCollections: no state call, or 1 get once a second.
func (a *API) listCollections(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Collections.All(r.Context())
	if err != nil {
		return err
	}
	out := page.Of[collectionView]{Items: []collectionView{}}
	var spoken []string
	for _, c := range all.All {
		if c.Status != product.Published && !managesProducts(r) {
			continue
		}
		v := a.collectionSpoken(r, c)
		if out.Items = append(out.Items, v); !slices.Contains(spoken, v.Language) {
			spoken = append(spoken, v.Language)
		}
	}
	setLanguage(w, spoken...)
	return httpapi.Write(w, http.StatusOK, out)
}

// findCollection gives the collection of the path, if the caller may see it.
func (a *API) findCollection(r *http.Request) (collection.Collection, error) {
	all, err := a.Collections.All(r.Context())
	if err != nil {
		return collection.Collection{}, err
	}
	c, err := all.Find(httpapi.Var(r, "slug"))
	if err == nil && c.Status != product.Published && !managesProducts(r) {
		return collection.Collection{}, collection.ErrMissing
	}
	return c, err
}

// getCollection: no state call, or 1 get once a second.
func (a *API) getCollection(w http.ResponseWriter, r *http.Request) error {
	c, err := a.findCollection(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("translations") == "true" {
		return sendCollection(w, http.StatusOK, c)
	}
	v := a.collectionSpoken(r, c)
	setLanguage(w, v.Language)
	httpapi.SetETag(w, c.Version)
	return httpapi.Write(w, http.StatusOK, v)
}

// createCollection: 1 get, 1 save.
func (a *API) createCollection(w http.ResponseWriter, r *http.Request) error {
	var in collectionInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, err := a.Collections.Create(r.Context(), in.collection(in.Slug))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/collections/"+c.Slug)
	return sendCollection(w, http.StatusCreated, c)
}

// changeCollection: 1 get, 1 save.
func (a *API) changeCollection(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in collectionInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, err := a.Collections.Change(r.Context(), in.collection(httpapi.Var(r, "slug")), version)
	if err != nil {
		return err
	}
	return sendCollection(w, http.StatusOK, c)
}

// deleteCollection: 1 get, 1 save.
func (a *API) deleteCollection(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.Collections.Delete(r.Context(), httpapi.Var(r, "slug"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

func sendCollection(w http.ResponseWriter, status int, c collection.Collection) error {
	setLanguage(w, c.Language)
	httpapi.SetETag(w, c.Version)
	return httpapi.Write(w, status, collectionAsStated(c))
}

// listCollectionProducts: no state call, or 1 get once a second.
func (a *API) listCollectionProducts(w http.ResponseWriter, r *http.Request) error {
	c, err := a.findCollection(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	currency, limit, cursor := cmp.Or(query.Get("currency"), defaultCurrency), page.Limit(httpapi.QueryInt(r, "limit")), query.Get("cursor")
	var found search.Page
	if c.Rule != nil {
		found, err = a.Shown.List(ruled(*c.Rule, currency, limit, cursor))
	} else {
		found, err = a.picked(c, limit, cursor)
	}
	if err != nil {
		return err
	}
	return a.sendList(w, r, found, currency, nil)
}

// ruled makes a query of a rule. Prices are shown in the caller's currency, and bounded
// in the rule's.
func ruled(rule collection.Rule, currency string, limit int, cursor string) search.Query {
	q := search.Query{
		Text: rule.Text, Category: rule.Category, Currency: cmp.Or(rule.Currency, currency), MinPrice: rule.MinPrice, MaxPrice: -1, InStock: rule.InStock,
		Sort: index.Sort(cmp.Or(rule.Sort, string(index.Newest))), Limit: limit, Cursor: cursor,
	}
	if rule.MaxPrice != nil {
		q.MaxPrice = *rule.MaxPrice
	}
	for _, p := range rule.Attributes {
		q.Attributes = append(q.Attributes, index.Attribute{Name: p.Name, Value: p.Value})
	}
	return q
}

// seenPick is the last product of a page of what was picked, and its place then.
type seenPick struct {
	ID string `json:"i"`
	At int    `json:"p"`
}

// picked gives a page of the published ones of a collection's products, in its order.
// A cursor goes on after the product that was seen last, wherever that stands by now,
// or from its place where it has been taken out.
func (a *API) picked(c collection.Collection, limit int, cursor string) (out search.Page, err error) {
	var last *seenPick
	if err := page.Decode(cursor, &last); err != nil {
		return out, err
	}
	if cursor != "" && (last == nil || last.At < 0) {
		return out, fault.BadField("cursor", "belongs to another list")
	}
	from := 0
	if last != nil {
		from = min(last.At, len(c.Products))
		if i := slices.Index(c.Products, last.ID); i >= 0 {
			from = i + 1
		}
	}
	for i, id := range c.Products {
		e := a.Shown.Detail(id)
		if e == nil {
			continue
		}
		out.Total++
		switch {
		case i < from:
		case len(out.Entries) < limit:
			out.Entries = append(out.Entries, e)
			last = &seenPick{id, i}
		default:
			out.Next = page.Encode(last)
		}
	}
	return out, nil
}

// sendList writes a page of products.
func (a *API) sendList(w http.ResponseWriter, r *http.Request, found search.Page, currency string, counted *facetsView) error {
	out := productList{Total: found.Total, Facets: counted}
	out.Items, out.NextCursor = make([]productSummary, len(found.Entries)), found.Next
	book, err := a.Prices.Book(r.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	var spoken []string
	for i, e := range found.Entries {
		language := a.speak(r, &e.Product)
		out.Items[i] = summary(e, language, currency, book, now)
		if !slices.Contains(spoken, language) {
			spoken = append(spoken, language)
		}
	}
	setLanguage(w, spoken...)
	return httpapi.Write(w, http.StatusOK, out)
}
