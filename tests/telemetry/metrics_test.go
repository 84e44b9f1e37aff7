package telemetry

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
)

var apps = []string{"gateway", "users", "catalog", "orders", "support"}

// figures reads what an app of the shop serves at its own listener.
func figures(t testing.TB, app string) map[string]*dto.MetricFamily {
	t.Helper()
	address, err := the.Figures(app)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var parser expfmt.TextParser
	found, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	require.NoError(t, err, "%s", body)
	return found
}

// value adds up the series of a figure that have the labels; of a histogram, how many
// were observed.
func value(f *dto.MetricFamily, labels ...string) (sum float64) {
	for _, m := range f.GetMetric() {
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] })
		}
		if fits {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

var row = regexp.MustCompile("(?m)^\\| `(tienda_[a-z_]+)` \\| ((?:`[a-z]+`(?:, )?)*) ?\\|")

// What docs/metrics.md names is what a shop has, with those labels, and the other way round.
func TestFiguresAreWhatTheirPageSays(t *testing.T) {
	buy(t, sku(t), map[string]any{"payment_method": "invoice"})
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	said := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		said[m[1]] = strings.ReplaceAll(m[2], "`", "")
	}
	require.Greater(t, len(said), 30)
	there := map[string]string{}
	for _, app := range apps {
		for name, f := range figures(t, app) {
			if !strings.HasPrefix(name, "tienda_") {
				continue
			}
			var labels []string
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			want := strings.Split(said[name], ", ")
			slices.Sort(want)
			there[name] = said[name]
			require.Contains(t, said, name, "of %s", app)
			require.Equal(t, strings.Join(want, ", "), strings.Join(labels, ", "), "labels of %s", name)
		}
	}
	delete(said, "tienda_gateway_limited_total") // nobody was refused here
	for name := range said {
		require.Contains(t, there, name)
	}
}

func TestFiguresOfAPurchase(t *testing.T) {
	const route, kept = "tienda_http_request_seconds", "tienda_catalog_reservations_total"
	before, shelf := figures(t, "orders"), figures(t, "catalog")
	item := sku(t)
	buy(t, item, map[string]any{"payment_method": "invoice"})
	ana := tokens["customer"]
	call(t, ana, http.StatusOK, "PUT", "/v1/cart/items/"+item, map[string]int{"quantity": 99}, nil)
	buyOther := map[string]any{"payment_method": "invoice", "address": madrid, "currency": "EUR"}
	// 100 were there, 1 is bought: 99 are left for the first who asks.
	call(t, ana, http.StatusCreated, "POST", "/v1/orders", buyOther, nil, "Idempotency-Key", randomTrace())
	call(t, ana, http.StatusOK, "PUT", "/v1/cart/items/"+item, map[string]int{"quantity": 1}, nil)
	call(t, ana, http.StatusUnprocessableEntity, "POST", "/v1/orders", buyOther, nil, "Idempotency-Key", randomTrace())
	call(t, ana, http.StatusNoContent, "DELETE", "/v1/cart/items/"+item, nil, nil) // it was given back
	after, shelfNow := figures(t, "orders"), figures(t, "catalog")
	more := func(name string, labels ...string) float64 {
		return value(after[name], labels...) - value(before[name], labels...)
	}
	require.EqualValues(t, 2, more(route, "route", "/v1/orders", "method", "POST", "status", "2xx"))
	require.EqualValues(t, 1, more(route, "route", "/v1/orders", "method", "POST", "status", "4xx"))
	require.EqualValues(t, 2, more("tienda_orders_checkout_ends_total", "end", "confirmed"))
	require.EqualValues(t, 1, more("tienda_orders_checkout_ends_total", "end", "refused"))
	require.EqualValues(t, 2, value(shelfNow[kept], "outcome", "reserved")-value(shelf[kept], "outcome", "reserved"))
	require.EqualValues(t, 1, value(shelfNow[kept], "outcome", "out_of_stock")-value(shelf[kept], "outcome", "out_of_stock"))
	require.Less(t, value(shelfNow["tienda_catalog_model_age_seconds"]), 60.0)
	require.Positive(t, value(figures(t, "gateway")["tienda_gateway_request_seconds"], "route", "/v1/orders", "method", "POST"))
}
