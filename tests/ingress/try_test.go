package ingress_test

import (
	"testing"
)

func TestTry(t *testing.T) {
	c := from(t, "127.0.0.2")
	show := func(what string, a answer) {
		t.Logf("%s: %d h%d %v %.300s", what, a.status, a.proto, a.header, a.body)
	}
	show("products", c.call(t, "GET", "/v1/products?limit=1", ""))
	show("problem", c.call(t, "GET", "/v1/nothing", ""))
	show("options", c.call(t, "OPTIONS", "/v1/products", "", "Origin", "http://localhost:3000", "Access-Control-Request-Method", "GET"))
	show("head", c.call(t, "HEAD", "/v1/products?limit=1", ""))
	show("appid", c.call(t, "GET", "/v1/products?limit=1", "", "Dapr-App-Id", "users"))
	show("appid url", c.call(t, "GET", "/v1/products?limit=1", "", "Dapr-App-Id", "http://127.0.0.1:1"))
	show("basic", c.call(t, "GET", "/v1/products?limit=1", "", "Authorization", "Basic ZGFwci1hcHAtaWQ6dXNlcnM="))
	for _, p := range []string{"/v1/products%0a", "/v1/products%0a/x", "//v1/products", "/v1/%252e%252e/internal", "/v1/x%3fy", "/v1/x%253fy", "/v1/x;y", "/%2e%2e/%2e%2e/metadata", "/v1/products/%2f..%2f..%2f..%2f..%2fmetadata", "/v1/products%00"} {
		show(p, raw(t, ask("GET", p)))
	}
}
