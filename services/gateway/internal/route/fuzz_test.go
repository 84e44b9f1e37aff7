package route

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzMatch: whatever the path, one that is matched means the same to everybody
// who may read it differently, and is no way to what is not for the public.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{
		"/v1/products", "/v1/products/blue-shirt", "/v1/orders/0198/ship", "/.well-known/jwks.json", "/", "", "//", "/v1/../internal/v1/users/1", "/v1/products/..",
		"/v1/products/%2e%2e/x", "/v1/products/%2F", "/v1/products/a\x00b", "/v1/products/a;b", "/v1/products/a\\..\\b", "/internal/v1/quotes", "/v1.0/invoke/users/method/v1/me",
		"/v1/products/\xc0\xae\xc0\xae/x", "/V1/products", "/v1/products/", "/v1/me/addresses/...", "/v1/cart/items/A~B_C.D-1", "/dapr/subscribe", "/events/orders", "*",
	} {
		f.Add("GET", seed)
	}
	f.Add("DELETE", "/v1/me/addresses/1")
	tb := table(f)
	f.Fuzz(func(t *testing.T, method, p string) {
		r, allowed := tb.Match(method, p)
		if r == nil && len(allowed) == 0 {
			return
		}
		if path.Clean(p) != p {
			t.Fatalf("%q is another path once it is cleaned: %q", p, path.Clean(p))
		}
		u, err := url.ParseRequestURI(p)
		if err != nil || u.Path != p || u.RawPath != "" || u.RawQuery != "" || u.EscapedPath() != p {
			t.Fatalf("%q is not the same path to a parser: %v %v", p, u, err)
		}
		for _, c := range closed {
			if p == c || strings.HasPrefix(p, c+"/") {
				t.Fatalf("%q is not for the public", p)
			}
		}
		if r != nil && strings.Count(r.Path, "/") != strings.Count(p, "/") {
			t.Fatalf("%q matches %q", p, r.Path)
		}
	})
}
