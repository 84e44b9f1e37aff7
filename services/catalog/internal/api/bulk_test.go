package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/ndjson"
)

func (s *shop) bulk(path string, lines ...string) (report ndjson.Report) {
	s.t.Helper()
	a := s.Do(s.t, contracttest.Request{Method: "POST", Path: path, As: manager, Body: strings.Join(lines, "\n"), ContentType: contract.NDJSON})
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
	a.JSON(s.t, &report)
	return report
}

// Each line has its own outcome, and those of one SKU are applied in their order.
func TestStockUpdates(t *testing.T) {
	s, _ := stocked(t)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 4)))
	report := s.bulk("/v1/stock-updates",
		`{"sku":"COF-250","on_hand":20,"reason":"count"}`,
		`{"sku":"COF-250","delta":-5,"reason":"broken"}`,
		`{"sku":"COF-250","delta":-12,"reason":"more than is free"}`,
		`{"sku":"GONE","delta":1,"reason":"x"}`,
		`{"sku":"COF-500","delta":1,"on_hand":1,"reason":"both"}`,
		`{"sku":"COF-500","delta":7,"reason":"new","version":99}`,
		`{"sku":"COF-500","delta":7,"reason":"new"}`,
		`not JSON`)
	require.Equal(t, 3, report.Accepted)
	var lines []int
	for _, e := range report.Errors {
		lines = append(lines, e.Line)
	}
	require.Equal(t, []int{3, 4, 5, 6, 8}, lines)
	require.Equal(t, "/delta", report.Errors[0].Fields[0].Name)
	require.Equal(t, 15, s.stock("COF-250").OnHand)
	require.Equal(t, 10, s.stock("COF-500").OnHand)
	var all []string
	for i := range 1200 { // more than a batch
		all = append(all, fmt.Sprintf(`{"sku":"COF-%d","delta":1,"reason":"one"}`, 250+250*(i%2)))
	}
	require.Equal(t, 1200, s.bulk("/v1/stock-updates", all...).Accepted)
	require.Equal(t, 615, s.stock("COF-250").OnHand)
	require.Equal(t, 610, s.stock("COF-500").OnHand)
}

func TestPriceUpdates(t *testing.T) {
	s, _ := stocked(t)
	var list priceListView
	s.call(201, manager, "POST", "/v1/price-lists", map[string]any{"name": "Sale"}).JSON(t, &list)
	on := func(amount, from int) string {
		return fmt.Sprintf(`{"sku":"COF-250","list":%q,"currency":"EUR","amount":%d,"min_quantity":%d}`, list.ID, amount, from)
	}
	for range 2 { // to send all again does no harm
		report := s.bulk("/v1/price-updates",
			`{"sku":"COF-250","currency":"EUR","amount":900}`,
			`{"sku":"COF-250","currency":"JPY","amount":120}`,
			`{"sku":"COF-500","currency":"EUR","amount":1700}`,
			`{"sku":"COF-500","currency":"EUR","amount":1600}`,
			on(700, 1), on(650, 5), on(640, 5),
			`{"sku":"COF-250","currency":"QQQ","amount":1}`,
			`{"sku":"COF-250","list":"`+orderA+`","currency":"EUR","amount":1}`,
			`{"sku":"GONE","currency":"EUR","amount":1}`,
			`{"sku":"COF-250","currency":"EUR","amount":1,"min_quantity":2}`)
		require.Equal(t, 7, report.Accepted)
		require.Equal(t, 4, report.Rejected)
		require.Equal(t, "/list", report.Errors[1].Fields[0].Name)
		p := s.shows("cafe-molido")
		require.Equal(t, []int64{900, 890, 120}, []int64{p.Variants[0].Prices[0].Amount, p.Variants[0].Prices[1].Amount, p.Variants[0].Prices[2].Amount})
		require.EqualValues(t, 700, p.Variants[0].Now[0].Amount)
		require.EqualValues(t, 640, p.Variants[0].Tiers[0].Amount)
		require.EqualValues(t, 1600, p.Variants[1].Prices[0].Amount)
	}
}
