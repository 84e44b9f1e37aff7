package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// What a guest reads in one language is not given to another guest who reads
// another: the gateway shares its answers by language.
func TestProductsSpeakTheReadersLanguage(t *testing.T) {
	slug := "e2e-" + uuid.NewString()[:8]
	must[product](t, staff(t, caller.CatalogManager), http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": slug, "language": "es", "name": "Taza azul", "translations": map[string]any{"en": map[string]any{"name": "Blue cup"}},
		"category": anyCategory(t), "status": "published",
		"variants": []map[string]any{{"sku": "E2E-" + uuid.NewString()[:8], "name": "única", "prices": []money{{1250, "EUR"}}}},
	})
	path := "/v1/products/" + slug
	eventually(t, "every replica shows it", func() bool { return guest().call(t, "GET", path, nil).status == http.StatusOK })
	tags := map[string]string{}
	for accept, want := range map[string][2]string{
		"es-ES,es;q=0.9,en;q=0.8": {"es", "Taza azul"}, "en-US,en;q=0.9": {"en", "Blue cup"}, "": {"es", "Taza azul"}, "ja": {"es", "Taza azul"},
	} {
		for range 2 {
			a := guest().call(t, "GET", path, nil, "Accept-Language", accept)
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			require.Contains(t, string(a.body), `"name":"`+want[1]+`"`, accept)
			require.Equal(t, want[0], a.header.Get("Content-Language"), accept)
			require.Contains(t, a.header.Values("Vary"), "Accept-Language")
			tags[want[0]] = a.header.Get("ETag")
		}
	}
	require.NotEqual(t, tags["es"], tags["en"])
	a := guest().call(t, "GET", path, nil, "Accept-Language", "en", "If-None-Match", tags["en"])
	require.Equal(t, http.StatusNotModified, a.status)
	a = guest().call(t, "GET", "/v1/products?q=taza&limit=100", nil, "Accept-Language", "en")
	require.Contains(t, string(a.body), `"name":"Blue cup"`)
}

// Who comes by a slug that a product had is led to the one that it has.
func TestARenamedProductIsFound(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	p, sku := ownProduct(t, 0)
	slug := "e2e-" + uuid.NewString()[:8]
	must[product](t, m, http.StatusOK, "PUT", "/v1/products/"+p.ID, map[string]any{
		"slug": slug, "name": "Taza nueva", "category": anyCategory(t), "status": "published",
		"variants": []map[string]any{{"sku": sku, "name": "única", "prices": []money{{1250, "EUR"}}}},
	})
	eventually(t, "the old slug leads to the product", func() bool {
		a, err := guest().try("GET", "/v1/products/"+p.Slug, nil) // follows
		require.NoError(t, err)
		return a.status == http.StatusOK && strings.Contains(string(a.body), `"slug":"`+slug+`"`)
	})
}
