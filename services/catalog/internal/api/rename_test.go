package api

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// leads says where a slug sends its reader.
func (s *shop) leads(slug string) string {
	s.t.Helper()
	a := s.call(308, nobody, "GET", "/v1/products/"+slug+"?translations=true", nil)
	require.Empty(s.t, a.Body)
	require.Equal(s.t, "no-cache", a.Header.Get("Cache-Control"))
	return a.Header.Get("Location")
}

// A slug that a product had leads to it, in one step, until another product takes
// it, whatever the replica.
func TestRenamedProducts(t *testing.T) {
	s, id := stocked(t)
	other := openOver(t, s.store, s.events)
	rename := func(id, slug string) { s.call(200, manager, "PUT", "/v1/products/"+id, with(coffee(), "slug", slug)) }
	rename(id, "cafe-2")
	rename(id, "cafe-3")
	require.NoError(t, other.shown.Refresh(t.Context()))
	for _, replica := range []*shop{s, other} {
		for _, slug := range []string{"cafe-molido", "cafe-2"} {
			require.Equal(t, "/v1/products/cafe-3?translations=true", replica.leads(slug))
		}
		replica.shows("cafe-3")
	}
	// Another product takes one of them.
	second := with(priced(100, "EUR"), "slug", "cafe-2")
	var p struct{ ID string }
	s.call(201, manager, "POST", "/v1/products", second).JSON(t, &p)
	require.Equal(t, p.ID, s.shows("cafe-2").ID)
	require.Equal(t, "/v1/products/cafe-3?translations=true", s.leads("cafe-molido"))
	code, _ := s.call(409, manager, "POST", "/v1/products", with(priced(100, "EUR"), "slug", "cafe-3")).Problem(t)
	require.Equal(t, "slug_taken", code)
	// It leaves the slug: it was the last who had it.
	s.call(200, manager, "PUT", "/v1/products/"+p.ID, with(second, "slug", "te"))
	require.NoError(t, other.shown.Refresh(t.Context()))
	for _, replica := range []*shop{s, other} {
		require.Equal(t, "/v1/products/te?translations=true", replica.leads("cafe-2"))
	}
	// A draft leads staff on, and nobody else.
	s.call(200, manager, "PUT", "/v1/products/"+p.ID, with(with(second, "slug", "te-2"), "status", "draft"))
	s.call(404, nobody, "GET", "/v1/products/te", nil)
	a := s.call(308, manager, "GET", "/v1/products/te", nil)
	require.Equal(t, "/v1/products/te-2", a.Header.Get("Location"))
	// What is gone takes its slugs along.
	s.call(204, manager, "DELETE", "/v1/products/"+p.ID, nil)
	s.call(204, manager, "DELETE", "/v1/products/"+id, nil)
	s.call(404, manager, "GET", "/v1/products/cafe-molido", nil)
	require.Empty(t, s.store.Keys("slug:"))
}

// The slugs that are forgotten are free documents, too.
func TestForgottenSlugs(t *testing.T) {
	s, id := stocked(t)
	for i := range 25 {
		s.call(200, manager, "PUT", "/v1/products/"+id, with(coffee(), "slug", "s"+strconv.Itoa(i)))
	}
	require.Len(t, s.store.Keys("slug:"), 21)
	s.call(404, nobody, "GET", "/v1/products/cafe-molido", nil)
	require.Equal(t, "/v1/products/s24?translations=true", s.leads("s4"))
}

func TestCategoryTree(t *testing.T) {
	s, _ := stocked(t)
	category := func(slug, parent string, position int) map[string]any {
		c := map[string]any{"slug": slug, "name": slug, "position": position}
		if parent != "" {
			c["parent"] = parent
		}
		return c
	}
	s.call(201, manager, "POST", "/v1/categories", category("drinks", "", 1))
	a := s.call(201, manager, "POST", "/v1/categories", category("tea", "drinks", 2))
	require.JSONEq(t, `{"slug":"tea","name":"tea","parent":"drinks","position":2,"path":["drinks","tea"]}`, string(a.Body))
	s.call(200, manager, "PUT", "/v1/categories/coffee", map[string]any{"name": "Coffee", "parent": "drinks", "position": 1})
	require.JSONEq(t, `{"items":[
		{"slug":"drinks","name":"drinks","position":1,"path":["drinks"]},
		{"slug":"coffee","name":"Coffee","parent":"drinks","position":1,"path":["drinks","coffee"]},
		{"slug":"tea","name":"tea","parent":"drinks","position":2,"path":["drinks","tea"]}]}`,
		string(s.call(200, nobody, "GET", "/v1/categories", nil).Body))
	for parent, want := range map[string]string{"coffee": "category_cycle", "drinks": "category_cycle", "none": "unknown_category"} {
		code, fields := s.call(422, manager, "PUT", "/v1/categories/drinks", map[string]any{"name": "x", "parent": parent}).Problem(t)
		require.Equal(t, want, code)
		require.Equal(t, []string{"/parent"}, fields)
	}
	code, _ := s.call(409, manager, "DELETE", "/v1/categories/drinks", nil).Problem(t)
	require.Equal(t, "category_in_use", code)
	s.call(204, manager, "DELETE", "/v1/categories/tea", nil)
}
