package collection

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/catalog/internal/product"
)

func picks(slug string, position int, ids ...string) Collection {
	return Collection{Slug: slug, Name: slug, Status: product.Published, Position: position, Products: ids}
}

func slugs(all *Collections) (out []string) {
	for _, c := range all.All {
		out = append(out, c.Slug)
	}
	return out
}

// Collections stand by position, then by slug; each change has a version that no other
// ever had, one of the same slug among them.
func TestCollections(t *testing.T) {
	all := &Collections{}
	for _, c := range []Collection{picks("winter", 2, "a"), picks("summer", 1, "b"), picks("autumn", 2, "c")} {
		_, err := all.Add(c)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"summer", "autumn", "winter"}, slugs(all))
	_, err := all.Add(picks("winter", 0, "x"))
	require.ErrorIs(t, err, ErrSlugTaken)

	was, err := all.Find("winter")
	require.NoError(t, err)
	require.Equal(t, "en", was.Language)
	_, err = all.Change(picks("winter", 0, "x"), was.Version+1)
	require.ErrorIs(t, err, ErrVersion)
	now, err := all.Change(picks("winter", 0, "x"), was.Version)
	require.NoError(t, err)
	require.Equal(t, []string{"winter", "summer", "autumn"}, slugs(all))
	require.Greater(t, now.Version, was.Version)

	require.ErrorIs(t, all.Remove("winter", was.Version), ErrVersion)
	require.NoError(t, all.Remove("winter", 0))
	require.ErrorIs(t, all.Remove("winter", 0), ErrMissing)
	again, err := all.Add(picks("winter", 0, "x"))
	require.NoError(t, err)
	require.Greater(t, again.Version, now.Version, "who has read the one that is gone does not change this one")

	for i := len(all.All); i < MaxCollections; i++ {
		_, err := all.Add(picks(fmt.Sprint("more-", i), 5, "a"))
		require.NoError(t, err)
	}
	_, err = all.Add(picks("too-many", 5, "a"))
	require.ErrorIs(t, err, ErrTooMany)
}

func TestContradictions(t *testing.T) {
	low := int64(5)
	for name, tt := range map[string]struct {
		change func(*Collection)
		fields []string
	}{
		"neither":             {func(c *Collection) { c.Products = nil }, []string{"/products", "/rule"}},
		"both":                {func(c *Collection) { c.Rule = &Rule{Category: "tea"} }, []string{"/products", "/rule"}},
		"a product twice":     {func(c *Collection) { c.Products = []string{"a", "b", "a"} }, []string{"/products/2"}},
		"no price between":    {func(c *Collection) { c.Products, c.Rule = nil, &Rule{MinPrice: 6, MaxPrice: &low} }, []string{"/rule/max_price"}},
		"no language":         {func(c *Collection) { c.Language = "xx-yy-zz" }, []string{"/language"}},
		"its own translation": {func(c *Collection) { c.Translations = map[string]Text{"en": {Name: "x"}} }, []string{"/translations/en"}},
	} {
		c := picks("winter", 0, "a")
		tt.change(&c)
		all := &Collections{}
		_, err := all.Add(c)
		var f *fault.Error
		require.True(t, errors.As(err, &f), name)
		require.Equal(t, "invalid_collection", f.Code, name)
		var fields []string
		for _, x := range f.Fields {
			fields = append(fields, x.Name)
		}
		require.Equal(t, tt.fields, fields, name)
		require.Empty(t, all.All, name)
	}
}
