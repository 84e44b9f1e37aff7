package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatALineSaysOfAMove(t *testing.T) {
	const table = `
defaults: {max_body_bytes: 1, timeout: 1s}
upstreams: {old: {url: 'http://a'}}
routes:
  - {path: /a, methods: [GET], access: public, LINE}
`
	for line, want := range map[string]string{
		"app: orders, legacy: true, with: [catalog]":   "",
		"app: orders, stays: true":                     "",
		"app: orders, shadow_ignore: [/items/*/price]": "",
		"app: orders, legacy: true, stays: true":       "legacy: neither stays nor upstream",
		"app: orders, legacy: true, upstream: old":     "legacy: neither stays nor upstream",
		"app: gateway, legacy: true":                   "legacy: the gateway answers this itself",
		"app: orders, legacy: true, cache: 1s":         "cache: what the monolith answers is not shared",
		"app: orders, service: Stock":                  `service: "Stock" is not the name of one`,
		"app: orders, with: [catalog]":                 "with: only beside legacy",
		"app: orders, legacy: true, with: [Catalog]":   `with: "Catalog" is not the name of a service`,
		"app: orders, shadow_ignore: [items]":          `shadow_ignore: "items" is not a JSON pointer`,
	} {
		parsed, err := Parse([]byte(strings.Replace(table, "LINE", line, 1)), 1)
		if want != "" {
			require.ErrorContains(t, err, want, line)
			continue
		}
		require.NoError(t, err, line)
		require.Nil(t, parsed.Routes()[0].Monolith)
	}
	live, err := Open("", []byte(strings.Replace(table, "LINE", "app: orders, service: stock, with: [catalog], legacy: true", 1)), 1, &Upstream{Name: "legacy"}, nil)
	require.NoError(t, err)
	r := live.Table().Routes()[0]
	require.Equal(t, "legacy", r.Monolith.Upstream.Name)
	require.Equal(t, []string{"catalog"}, r.With)
	require.Equal(t, "stock", r.Service)
}
