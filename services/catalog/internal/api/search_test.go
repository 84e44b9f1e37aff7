package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/catalog/internal/search/index"
)

func TestAttributesOfAQuery(t *testing.T) {
	tests := []struct {
		text string
		want []index.Attribute
		bad  bool
	}{
		{"", nil, false},
		{"colour:rojo", []index.Attribute{{Name: "colour", Value: "rojo"}}, false},
		{"a:b,a:c,d:é f", []index.Attribute{{Name: "a", Value: "b"}, {Name: "a", Value: "c"}, {Name: "d", Value: "é f"}}, false},
		{`a\:b:c\,d\\`, []index.Attribute{{Name: "a:b", Value: `c,d\`}}, false},
		{"a", nil, true},
		{"a:", nil, true},
		{":b", nil, true},
		{"a:b,", nil, true},
		{"a:b:c", nil, true},
		{`a:b\`, nil, true},
		{strings.Repeat("a:b,", 19) + "a:b", slicesOf(index.Attribute{Name: "a", Value: "b"}, 20), false},
		{strings.Repeat("a:b,", 20) + "a:b", nil, true},
	}
	for _, tt := range tests {
		got, err := attributes(tt.text)
		require.Equal(t, tt.bad, err != nil, "%q", tt.text)
		if err == nil {
			require.Equal(t, tt.want, got, "%q", tt.text)
		}
	}
}

func slicesOf(a index.Attribute, n int) (out []index.Attribute) {
	for range n {
		out = append(out, a)
	}
	return out
}

type foundBody struct {
	Items []struct {
		Slug string `json:"slug"`
	} `json:"items"`
	Total  int `json:"total"`
	Facets *facetsView
}

// The answer has the facets that were asked for, also those that are empty.
func TestSearchAnswers(t *testing.T) {
	s, _ := stocked(t)
	ask := func(q string) (out foundBody) {
		s.call(200, nobody, "GET", "/v1/products?"+q, nil).JSON(t, &out)
		return out
	}
	l := ask("q=" + url.QueryEscape("cafés molidso") + "&facets=category,price,availability,attributes")
	require.Equal(t, 1, l.Total)
	require.Equal(t, "cafe-molido", l.Items[0].Slug)
	require.Equal(t, []countView{{"coffee", 1}}, *l.Facets.Categories)
	require.Len(t, *l.Facets.Prices, 1)
	require.Equal(t, availabilityView{InStock: 1}, *l.Facets.Availability)
	require.NotNil(t, l.Facets.Attributes)
	l = ask("q=nothing&facets=price")
	require.Zero(t, l.Total)
	require.Empty(t, *l.Facets.Prices)
	require.Nil(t, l.Facets.Categories)
	require.Nil(t, ask("q=cafe").Facets)
	for _, bad := range []string{"facets=colour", "facets=price,", "attributes=x", "sort=best", "q=" + strings.Repeat("x", 201)} {
		name, _, _ := strings.Cut(bad, "=")
		require.Contains(t, string(s.call(400, nobody, "GET", "/v1/products?"+bad, nil).Body), name, bad)
	}
	s.call(400, nobody, "GET", "/v1/products/suggestions", nil)
	s.call(400, nobody, "GET", "/v1/products/suggestions?q=a&limit=21", nil)
}
