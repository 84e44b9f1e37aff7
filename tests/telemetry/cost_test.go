package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

// BenchmarkCheckout says what a guest's purchase (a cart, a checkout by invoice) costs all
// processes of the shop in CPU: without a collector, with one, with the local view that
// nobody looks at, and with a sampler that takes one trace in a hundred.
func BenchmarkCheckout(b *testing.B) {
	on := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.address, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
	for _, c := range []struct {
		name string
		env  []string
		view bool
	}{
		{"off", nil, false},
		{"on", on, false},
		{"view", nil, true},
		{"1 in 100", append(on, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01"), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := shop.Start(b.Context(), shop.Options{Bin: bin, Dir: b.TempDir(), Env: c.env, View: c.view})
			require.NoError(b, err)
			defer s.Stop()
			var stocked struct {
				Items []struct {
					ID string `json:"id"`
				} `json:"items"`
			}
			ask(b, s, "", "GET", "/v1/products?in_stock=true&sort=-price&limit=100", nil, &stocked)
			var skus []string
			for _, p := range stocked.Items {
				var product struct {
					Variants []struct {
						SKU     string `json:"sku"`
						InStock bool   `json:"in_stock"`
					} `json:"variants"`
				}
				ask(b, s, "", "GET", "/v1/products/"+p.ID, nil, &product)
				for _, v := range product.Variants {
					if v.InStock {
						skus = append(skus, v.SKU)
					}
				}
			}
			buy := func(n int) {
				token := ask(b, s, "", "PUT", "/v1/cart/items/"+skus[n%len(skus)], map[string]int{"quantity": 1}, nil)
				ask(b, s, token, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, nil)
			}
			for n := range 20 { // connections, caches
				buy(n)
			}
			before, n := used(b, s), 0
			for b.Loop() {
				buy(n)
				n++
			}
			b.ReportMetric((used(b, s)-before)*1000/float64(n), "cpu-ms/op")
		})
	}
}

// ask makes a guest's request, and gives the token of the cart.
func ask(b *testing.B, s *shop.Shop, cart, method, path string, in, out any) string {
	b.Helper()
	body, err := json.Marshal(in)
	require.NoError(b, err)
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(b.Context(), method, s.Gateway+path, bytes.NewReader(body))
	require.NoError(b, err)
	req.Header.Set("Content-Type", "application/json")
	if cart != "" {
		req.Header.Set("Cart-Token", cart)
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	defer func() { _ = resp.Body.Close() }()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(resp.Body)
	require.NoError(b, err)
	require.Less(b, resp.StatusCode, 300, "%s %s: %s", method, path, answer.String())
	if out != nil {
		require.NoError(b, json.Unmarshal(answer.Bytes(), out))
	}
	return resp.Header.Get("Cart-Token")
}

// used gives the CPU time of the shop's processes, in seconds.
func used(b *testing.B, s *shop.Shop) (seconds float64) {
	b.Helper()
	for _, pid := range s.PIDs() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(b, err)
		// The name of the program is in brackets, and may have anything in it.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, f := range fields[11:13] {
			ticks, err := strconv.ParseFloat(f, 64)
			require.NoError(b, err)
			seconds += ticks / 100
		}
	}
	return seconds
}
