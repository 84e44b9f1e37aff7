package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type found struct {
	Items  []product `json:"items"`
	Total  int       `json:"total"`
	Facets struct {
		Categories   []struct{ Value string } `json:"categories"`
		Availability struct {
			In int `json:"in_stock"`
		} `json:"availability"`
		Attributes []struct {
			Name   string
			Values []struct{ Value string }
		} `json:"attributes"`
	} `json:"facets"`
}

// What staff add is found by guests: by a form of its words in either language,
// with a typo, by its attributes; it is counted and suggested.
func TestSearch(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	p, sku := ownProduct(t, 3)
	changed := map[string]any{"slug": p.Slug, "language": "es", "name": "Zapatillas gigantonas", "description": "", "category": p.Category, "status": "published",
		"translations": map[string]any{"en": map[string]any{"name": "Gargantuan slippers"}},
		"attributes":   map[string]any{"talla, grande": "sí"},
		"variants":     []map[string]any{{"sku": sku, "name": "única", "prices": []money{{999, "EUR"}}}}}
	must[product](t, m, http.StatusOK, "PUT", "/v1/products/"+p.ID, changed)
	t.Cleanup(func() { m.call(t, "DELETE", "/v1/products/"+p.ID, nil) })
	search := func(q url.Values) found {
		return must[found](t, guest(), http.StatusOK, "GET", "/v1/products?"+q.Encode(), nil)
	}
	attribute := `talla\, grande:sí`
	for _, q := range []string{"gigantona", "GIGANTÓNAS zapatilla", "slipper", "gigantnoas", "zapat", sku} {
		eventually(t, "guests find "+q, func() bool {
			l := search(url.Values{"q": {q}, "attributes": {attribute}})
			return l.Total == 1 && l.Items[0].ID == p.ID
		})
	}
	l := search(url.Values{"q": {"gigantona"}, "facets": {"category,availability,attributes"}})
	require.Equal(t, p.Category, l.Facets.Categories[0].Value)
	require.Equal(t, 1, l.Facets.Availability.In)
	require.Equal(t, "talla, grande", l.Facets.Attributes[0].Name)
	require.Equal(t, "sí", l.Facets.Attributes[0].Values[0].Value)
	made := must[list[struct {
		Text     string `json:"text"`
		Products int    `json:"products"`
	}]](t, guest(), http.StatusOK, "GET", "/v1/products/suggestions?q=zapatillas+gigan", nil)
	require.Equal(t, "zapatillas gigantonas", made.Items[0].Text)
	guest().refused(t, http.StatusBadRequest, "GET", "/v1/products?attributes=colour", nil)
}
