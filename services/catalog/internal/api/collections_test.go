package api

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// shelf reads the products of a collection, page by page, by slug.
func (s *shop) shelf(slug string, limit int) (slugs []string) {
	s.t.Helper()
	for cursor := ""; ; {
		var out productList
		s.call(200, nobody, "GET", fmt.Sprintf("/v1/collections/%s/products?limit=%d&cursor=%s", slug, limit, url.QueryEscape(cursor)), nil).JSON(s.t, &out)
		require.LessOrEqual(s.t, len(out.Items), limit)
		for _, p := range out.Items {
			slugs = append(slugs, p.Slug)
		}
		if cursor = out.NextCursor; cursor == "" {
			require.Equal(s.t, out.Total, len(slugs))
			return slugs
		}
		require.Len(s.t, out.Items, limit)
	}
}

// good is product i, "p-0", "p-1" ..., each a euro dearer.
func good(i int) map[string]any {
	return map[string]any{
		"slug": fmt.Sprint("p-", i), "name": fmt.Sprint("Thing ", i), "category": "coffee", "status": "published",
		"variants": []any{map[string]any{"sku": fmt.Sprint("THING-", i), "name": "One", "prices": []any{map[string]any{"amount": 100 * (i + 1), "currency": "EUR"}}}},
	}
}

// goods adds so many products and gives their IDs.
func (s *shop) goods(n int) (ids []string) {
	s.t.Helper()
	for i := range n {
		var p struct{ ID string }
		s.call(201, manager, "POST", "/v1/products", good(i)).JSON(s.t, &p)
		ids = append(ids, p.ID)
	}
	return ids
}

// A collection of what was picked shows what is published of it, in its order.
func TestPickedCollection(t *testing.T) {
	s, _ := stocked(t)
	ids := s.goods(5)
	order := []string{ids[3], ids[0], ids[4], ids[1]}
	in := map[string]any{"slug": "gifts", "name": "Gifts", "products": order, "status": "published"}
	s.call(201, manager, "POST", "/v1/collections", in)
	for limit := 1; limit < 6; limit++ {
		require.Equal(t, []string{"p-3", "p-0", "p-4", "p-1"}, s.shelf("gifts", limit))
	}
	s.call(200, manager, "PUT", "/v1/products/"+ids[0], with(good(0), "status", "archived"))
	require.Equal(t, []string{"p-3", "p-4", "p-1"}, s.shelf("gifts", 2))

	var first productList
	s.call(200, nobody, "GET", "/v1/collections/gifts/products?limit=2", nil).JSON(t, &first)
	slices.Reverse(order) // 1 4 0 3: p-4 was seen last, and 3 is what comes after it by now
	delete(in, "slug")
	s.call(200, manager, "PUT", "/v1/collections/gifts", with(in, "products", order))
	var next productList
	s.call(200, nobody, "GET", "/v1/collections/gifts/products?limit=2&cursor="+url.QueryEscape(first.NextCursor), nil).JSON(t, &next)
	require.Len(t, next.Items, 1)
	require.Equal(t, "p-3", next.Items[0].Slug)
	s.call(400, nobody, "GET", "/v1/collections/gifts/products?cursor=xyz", nil)
}

// A collection by rule shows what a list with the same filters does.
func TestRuledCollection(t *testing.T) {
	s, _ := stocked(t)
	s.goods(6)
	for name, tt := range map[string]struct {
		rule  map[string]any
		query string
	}{
		"category": {map[string]any{"category": "coffee"}, "category=coffee"},
		"prices":   {map[string]any{"min_price": 200, "max_price": 500, "sort": "-price"}, "min_price=200&max_price=500&sort=-price"},
		"dollars":  {map[string]any{"max_price": 900, "currency": "USD"}, "max_price=900&currency=USD"},
		"in stock": {map[string]any{"in_stock": true}, "in_stock=true"},
		"text":     {map[string]any{"q": "cafe", "sort": "relevance"}, "q=cafe"},
		"nothing":  {map[string]any{"attributes": []any{map[string]any{"name": "origin", "value": "the moon"}}}, "attributes=origin:the%20moon"},
	} {
		s.call(201, manager, "POST", "/v1/collections", map[string]any{"slug": "by-rule", "name": name, "status": "published", "rule": tt.rule})
		var want productList
		s.call(200, nobody, "GET", "/v1/products?limit=100&"+tt.query, nil).JSON(t, &want)
		var slugs []string
		for _, p := range want.Items {
			slugs = append(slugs, p.Slug)
		}
		require.Equal(t, name == "nothing", len(slugs) == 0, name)
		require.Equal(t, slugs, s.shelf("by-rule", 2), name)
		s.call(204, manager, "DELETE", "/v1/collections/by-rule", nil)
		s.call(404, nobody, "GET", "/v1/collections/by-rule/products", nil)
	}
}

// Drafts are there for those who manage them, and all speak the caller's language.
func TestCollectionsAreSeen(t *testing.T) {
	s, id := stocked(t)
	in := map[string]any{
		"slug": "gifts", "name": "Gifts", "description": "To give away.", "products": []any{id},
		"translations": map[string]any{"es": map[string]any{"name": "Regalos"}},
	}
	a := s.call(201, manager, "POST", "/v1/collections", in)
	require.Equal(t, "/v1/collections/gifts", a.Header.Get("Location"))
	names := func(accept string) (out []string) {
		var l struct{ Items []collectionView }
		s.call(200, nobody, "GET", "/v1/collections", nil, "Accept-Language", accept).JSON(t, &l)
		for _, c := range l.Items {
			out = append(out, c.Name+", "+c.Language)
		}
		return out
	}
	require.Empty(t, names("es"))
	for _, path := range []string{"/v1/collections/gifts", "/v1/collections/gifts/products", "/v1/collections/gifts?translations=true"} {
		s.call(404, customer, "GET", path, nil)
		s.call(200, manager, "GET", path, nil)
	}
	etag := a.Header.Get("ETag")
	var stated collectionView
	s.call(200, manager, "GET", "/v1/collections/gifts?translations=true", nil).JSON(t, &stated)
	require.Equal(t, "Regalos", stated.Translations["es"].Name)
	require.Equal(t, []string{id}, stated.Products)
	delete(in, "slug")
	s.call(200, manager, "PUT", "/v1/collections/gifts", with(in, "status", "published"), "If-Match", etag)
	s.call(412, manager, "PUT", "/v1/collections/gifts", in, "If-Match", etag)
	s.call(412, manager, "DELETE", "/v1/collections/gifts", nil, "If-Match", etag)
	require.Equal(t, []string{"Regalos, es"}, names("es-MX, en;q=0.5"))
	require.Equal(t, []string{"Gifts, en"}, names("de"))
	a = s.call(200, nobody, "GET", "/v1/collections/gifts", nil, "Accept-Language", "es")
	require.Equal(t, "es", a.Header.Get("Content-Language"))
	require.Equal(t, "Accept-Language", a.Header.Get("Vary"))
}

// What is shown costs no state call but one a second.
func TestCollectionCalls(t *testing.T) {
	s, id := stocked(t)
	s.call(201, manager, "POST", "/v1/collections", map[string]any{"slug": "gifts", "name": "Gifts", "status": "published", "products": []any{id}})
	gets, commits := s.calls.during(func() {
		for range 50 {
			s.call(200, nobody, "GET", "/v1/collections", nil)
			s.shelf("gifts", 10)
		}
	})
	require.Zero(t, commits)
	require.Less(t, gets, int64(20))
}
