package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// What a manager puts together, everybody sees, in the caller's language and in the
// order in which it was picked, on every replica.
func TestACollection(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	a, _ := ownProduct(t, 1)
	b, _ := ownProduct(t, 1)
	slug := "e2e-" + uuid.NewString()[:8]
	path := "/v1/collections/" + slug
	in := map[string]any{
		"name": "Regalos", "language": "es", "translations": map[string]any{"en": map[string]any{"name": "Gifts"}},
		"status": "draft", "products": []string{b.ID, a.ID},
	}
	first := map[string]any{"slug": slug}
	for k, v := range in {
		first[k] = v
	}
	must[any](t, m, http.StatusCreated, "POST", "/v1/collections", first)
	guest().refused(t, http.StatusNotFound, "GET", path, nil)
	in["status"] = "published"
	must[any](t, m, http.StatusOK, "PUT", path, in)
	type named struct {
		Slug string `json:"slug"`
		Name string `json:"name"`
	}
	eventually(t, "everybody sees it", func() bool {
		x, err := guest().try("GET", path, nil)
		require.NoError(t, err)
		return x.status == http.StatusOK
	})
	x := guest().call(t, "GET", path, nil, "Accept-Language", "en")
	require.Contains(t, string(x.body), `"name":"Gifts"`)
	require.Equal(t, "en", x.header.Get("Content-Language"))
	require.Contains(t, must[list[named]](t, guest(), http.StatusOK, "GET", "/v1/collections", nil).Items, named{slug, "Regalos"})
	eventually(t, "its products are listed as picked", func() bool {
		got := must[list[product]](t, guest(), http.StatusOK, "GET", path+"/products", nil).Items
		return len(got) == 2 && got[0].ID == b.ID && got[1].ID == a.ID
	})
	must[any](t, m, http.StatusNoContent, "DELETE", path, nil)
	eventually(t, "it is gone", func() bool {
		x, err := guest().try("GET", path, nil)
		require.NoError(t, err)
		return x.status == http.StatusNotFound
	})
	must[product](t, guest(), http.StatusOK, "GET", "/v1/products/"+a.ID, nil)
}
