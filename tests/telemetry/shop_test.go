// Package telemetry runs the whole shop with real sidecars beside a collector of
// OpenTelemetry, asserts what of a purchase is one trace, and holds docs/metrics.md to
// the figures that there are.
package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/shop"
)

var (
	the    *shop.Shop
	bin    string // of its programs
	spans  *receiver
	tokens = map[string]string{} // of the demo accounts that have signed in, by role
	madrid = map[string]string{"line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES", "name": "Ana García"}
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tienda-telemetry-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(ctx, bin); err != nil {
		return fail(err)
	}
	if spans, err = listen(ctx); err != nil {
		return fail(err)
	}
	defer spans.server.Stop()
	the, err = shop.Start(ctx, shop.Options{
		Bin: bin, Dir: filepath.Join(dir, "shop"), Profile: os.Getenv("PROFILE"), Log: io.Discard,
		Env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.address, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=100", "LOG_LEVEL=debug"},
	})
	if err != nil {
		return fail(err)
	}
	defer the.Stop()
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// call makes a request and reads its answer into out, nil for none. It gives the trace
// that the gateway has begun for it.
func call(t testing.TB, token string, want int, method, path string, in, out any, headers ...string) (trace string) {
	t.Helper()
	// What the client says of its own trace is what the gateway's span links to: that is how
	// the span is found.
	mine := randomTrace()
	var body bytes.Buffer
	if in != nil {
		require.NoError(t, json.NewEncoder(&body).Encode(in))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, the.Gateway+path, &body)
	require.NoError(t, err)
	req.Header.Set("Traceparent", "00-"+mine+"-00000000000000ab-00")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, want, resp.StatusCode, "%s %s: %s", method, path, answer)
	if out != nil {
		require.NoError(t, json.Unmarshal(answer, out))
	}
	eventually(t, "the span of "+method+" "+path, func() string {
		of := spans.find(func(s span) bool { return s.service == "gateway" && len(s.links) == 1 && s.links[0] == mine })
		if len(of) != 1 {
			return fmt.Sprint(len(of), " spans are linked to the client's")
		}
		trace = of[0].trace
		return ""
	})
	require.NotEqual(t, mine, trace, "a client decides nothing")
	return trace
}

func randomTrace() string {
	id := uuid.New()
	return fmt.Sprintf("%x", id[:])
}

// eventually polls until nothing is missing.
func eventually(t testing.TB, what string, missing func() string) {
	t.Helper()
	var last string
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if last = missing(); last == "" {
			return
		}
	}
	require.Fail(t, what, last)
}

// whole waits until a trace has all that is named, and every span's parent.
func whole(t testing.TB, trace string, want ...string) []span {
	t.Helper()
	var got []span
	eventually(t, "one whole trace", func() string {
		got = spans.of(trace)
		if gone, lost := missing(got, want...), lost(got); len(gone)+len(lost) > 0 {
			return fmt.Sprintf("missing: %q\nwithout parents: %q\n%s", gone, lost, tree(got))
		}
		return ""
	})
	roots := 0
	for _, s := range got {
		if s.parent == "" {
			roots++
		}
	}
	require.Equal(t, 1, roots, "%s", tree(got))
	return got
}

// seen waits until a trace has all that is named.
func seen(t testing.TB, trace string, want ...string) []span {
	t.Helper()
	var got []span
	eventually(t, "a trace", func() string {
		got = spans.of(trace)
		if gone := missing(got, want...); len(gone) > 0 {
			return fmt.Sprintf("missing: %q\n%s", gone, tree(got))
		}
		return ""
	})
	return got
}

// as signs a demo account in.
func as(t testing.TB, role caller.Role) string {
	t.Helper()
	if tokens[string(role)] != "" {
		return tokens[string(role)]
	}
	for _, a := range demo.Accounts {
		if a.Role == role {
			var in struct {
				Token string `json:"access_token"`
			}
			call(t, "", http.StatusOK, "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": a.Email, "password": a.Password}, &in)
			tokens[string(role)] = in.Token
			return in.Token
		}
	}
	require.Fail(t, "no demo account is "+string(role))
	return ""
}

// sku gives an SKU of a product of this test, of which there is plenty.
func sku(t testing.TB) string {
	t.Helper()
	var categories struct {
		Items []struct {
			Slug string `json:"slug"`
		} `json:"items"`
	}
	call(t, "", http.StatusOK, "GET", "/v1/categories", nil, &categories)
	id := "TRACE-" + uuid.NewString()[:8]
	call(t, as(t, caller.CatalogManager), http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": "trace-" + uuid.NewString()[:8], "name": "Taza de prueba", "description": "Para pruebas.", "category": categories.Items[0].Slug, "status": "published",
		"variants": []map[string]any{{"sku": id, "name": "única", "prices": []map[string]any{{"amount": 1250, "currency": "EUR"}}}},
	}, nil)
	call(t, as(t, caller.CatalogManager), http.StatusOK, "PATCH", "/v1/inventory/"+id, map[string]any{"delta": 100, "reason": "first delivery"}, nil)
	return id
}

type order struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// buy puts a piece into Ana's cart and checks out; trace is that of the checkout.
func buy(t testing.TB, sku string, how map[string]any) (o order, trace string) {
	t.Helper()
	ana := as(t, caller.Customer)
	call(t, ana, http.StatusOK, "PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 1}, nil)
	how["address"], how["currency"] = madrid, "EUR"
	trace = call(t, ana, http.StatusCreated, "POST", "/v1/orders", how, &o, "Idempotency-Key", uuid.NewString())
	require.Equal(t, "confirmed", o.Status)
	return o, trace
}
