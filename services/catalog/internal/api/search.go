package api

import (
	"cmp"
	"net/http"
	"strings"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/search/index"
)

const (
	defaultCurrency    = "EUR"
	maxAttributes      = 20 // name:value pairs of a filter
	defaultSuggestions = 10
)

type countView struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

type priceCountView struct {
	MinPrice int64 `json:"min_price"`
	MaxPrice int64 `json:"max_price"`
	Count    int   `json:"count"`
}

type availabilityView struct {
	InStock    int `json:"in_stock"`
	OutOfStock int `json:"out_of_stock"`
}

type attributeCountsView struct {
	Name   string      `json:"name"`
	Values []countView `json:"values"`
}

// facetsView has the facets that were asked for; nil: it was not.
type facetsView struct {
	Categories   *[]countView           `json:"categories,omitempty"`
	Prices       *[]priceCountView      `json:"prices,omitempty"`
	Availability *availabilityView      `json:"availability,omitempty"`
	Attributes   *[]attributeCountsView `json:"attributes,omitempty"`
}

type productList struct {
	page.Of[productSummary]
	Total  int         `json:"total"`
	Facets *facetsView `json:"facets,omitempty"`
}

// listProducts makes no state call.
func (a *API) listProducts(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r)
	if err != nil {
		return err
	}
	found, err := a.Shown.List(q)
	if err != nil {
		return err
	}
	return a.sendList(w, r, found, q.Currency, facets(found.Counts, q.Facets))
}

func listQuery(r *http.Request) (search.Query, error) {
	query := r.URL.Query()
	q := search.Query{
		Text: query.Get("q"), Category: query.Get("category"), Currency: cmp.Or(query.Get("currency"), defaultCurrency),
		MinPrice: int64(httpapi.QueryInt(r, "min_price")), MaxPrice: -1,
		Sort: index.Sort(query.Get("sort")), Limit: page.Limit(httpapi.QueryInt(r, "limit")), Cursor: query.Get("cursor"),
	}
	if q.Sort == "" {
		q.Sort = index.Newest
		if q.Text != "" {
			q.Sort = index.Relevance
		}
	}
	if query.Has("max_price") {
		q.MaxPrice = int64(httpapi.QueryInt(r, "max_price"))
	}
	if query.Has("in_stock") {
		in := query.Get("in_stock") == "true"
		q.InStock = &in
	}
	for _, name := range strings.Split(query.Get("facets"), ",") {
		q.Facets.Category = q.Facets.Category || name == "category"
		q.Facets.Price = q.Facets.Price || name == "price"
		q.Facets.Availability = q.Facets.Availability || name == "availability"
		q.Facets.Attributes = q.Facets.Attributes || name == "attributes"
	}
	var err error
	q.Attributes, err = attributes(query.Get("attributes"))
	return q, err
}

// attributes reads name:value pairs that commas separate. The error is
// fault.Invalid and names "attributes".
func attributes(text string) (out []index.Attribute, err error) {
	if text == "" {
		return nil, nil
	}
	var parts [2]strings.Builder // name and value
	part := 0
	end := func() bool {
		a := index.Attribute{Name: parts[0].String(), Value: parts[1].String()}
		out, part = append(out, a), 0
		parts[0].Reset()
		parts[1].Reset()
		return a.Name != "" && a.Value != "" && len(out) <= maxAttributes
	}
	bad := fault.BadField("attributes", "is not up to 20 pairs name:value, separated by commas")
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			parts[part].WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == ':' && part == 0:
			part = 1
		case c == ':':
			return nil, bad
		case c == ',':
			if !end() {
				return nil, bad
			}
		default:
			parts[part].WriteRune(c)
		}
	}
	if escaped || !end() {
		return nil, bad
	}
	return out, nil
}

// facets gives the counts that were asked for; nil: none were.
func facets(c index.Counts, want index.Facets) *facetsView {
	if want == (index.Facets{}) {
		return nil
	}
	out := &facetsView{}
	if want.Category {
		all := counts(c.Categories)
		out.Categories = &all
	}
	if want.Price {
		all := make([]priceCountView, len(c.Prices))
		for i, p := range c.Prices {
			all[i] = priceCountView{p.Min, p.Max, p.Count}
		}
		out.Prices = &all
	}
	if want.Availability {
		out.Availability = &availabilityView{c.InStock, c.OutOfStock}
	}
	if want.Attributes {
		all := make([]attributeCountsView, len(c.Attributes))
		for i, a := range c.Attributes {
			all[i] = attributeCountsView{a.Name, counts(a.Values)}
		}
		out.Attributes = &all
	}
	return out
}

func counts(all []index.Count) []countView {
	out := make([]countView, len(all))
	for i, c := range all {
		out[i] = countView(c)
	}
	return out
}

type suggestionView struct {
	Text     string `json:"text"`
	Products int    `json:"products"`
}

// suggest makes no state call.
func (a *API) suggest(w http.ResponseWriter, r *http.Request) error {
	found, err := a.Shown.Suggest(r.URL.Query().Get("q"), cmp.Or(httpapi.QueryInt(r, "limit"), defaultSuggestions))
	if err != nil {
		return err
	}
	out := page.Of[suggestionView]{Items: make([]suggestionView, len(found))}
	for i, s := range found {
		out.Items[i] = suggestionView(s)
	}
	return httpapi.Write(w, http.StatusOK, out)
}
