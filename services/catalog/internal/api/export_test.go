package api

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/ndjson"
)

func (s *shop) exported(query string) string {
	s.t.Helper()
	return string(s.call(200, manager, "GET", "/v1/exports/"+query, nil).Body)
}

func (s *shop) csv(path, body string) (report ndjson.Report) {
	s.t.Helper()
	a := s.Do(s.t, contracttest.Request{Method: "POST", Path: path, As: manager, Body: body, ContentType: CSV})
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
	a.JSON(s.t, &report)
	return report
}

// What is exported, in either format, makes the same shop somewhere else, and says
// nothing new where it comes from.
func TestExportedProductsAreImported(t *testing.T) {
	file, err := demo.FS.ReadFile("products.ndjson")
	require.NoError(t, err)
	s := open(t)
	s.load(string(file))
	s.call(201, manager, "POST", "/v1/products", with(with(coffee(), "status", "draft"), "category", s.shown.Categories()[0].Slug))
	for _, sku := range []string{"COF-250", "COF-500"} { // or the import would begin their stock, at nothing
		s.call(200, manager, "PATCH", "/v1/inventory/"+sku, map[string]any{"on_hand": 4, "reason": "first"})
	}
	all := s.exported("products")
	require.Equal(t, 241, strings.Count(all, "\n"))
	for line := range strings.Lines(all) {
		require.Empty(t, s.importLine().Check([]byte(line)), "an export is what an import takes: %s", line)
	}
	sheet := s.exported("products?format=csv")
	_, commits := s.calls.during(func() {
		require.Equal(t, ndjson.Report{Accepted: 241, Errors: []ndjson.Failure{}}, s.bulk("/v1/imports/products", all))
		require.Equal(t, ndjson.Report{Accepted: 241, Errors: []ndjson.Failure{}}, s.csv("/v1/imports/products", sheet))
	})
	require.Zero(t, commits, "what says nothing new is not written")
	for _, take := range []func(*shop) ndjson.Report{
		func(other *shop) ndjson.Report { return other.bulk("/v1/imports/products", all) },
		func(other *shop) ndjson.Report { return other.csv("/v1/imports/products", sheet) },
	} {
		other := open(t)
		require.Equal(t, 241, take(other).Accepted)
		require.Equal(t, all, other.exported("products"))
		require.Equal(t, s.exported("stock"), other.exported("stock"))
		require.Equal(t, s.exported("prices?format=csv"), other.exported("prices?format=csv"))
	}

	// Part by part it is the same.
	var parts []string
	for n := range 64 {
		parts = append(parts, strings.TrimSpace(s.exported(fmt.Sprintf("products?part=%d", n))))
	}
	require.Equal(t, strings.TrimSpace(all), strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "\n"))
	require.Equal(t, "\n", open(t).exported("products"), "an answer without a body is one that was lost")
}

func (s *shop) importLine() *contract.Schema {
	s.t.Helper()
	schema, err := s.Contract.Schema("ImportProduct")
	require.NoError(s.t, err)
	return schema
}

// Stock and prices as they are exported.
func TestExportOfStockAndPrices(t *testing.T) {
	s, id := stocked(t)
	s.call(200, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": []any{map[string]any{"id": "main", "name": "x"}, map[string]any{"id": "bcn", "name": "y"}}})
	s.call(200, manager, "PATCH", "/v1/inventory/COF-250", map[string]any{"delta": 2, "location": "bcn", "reason": "x"})
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 4)))
	records, err := csv.NewReader(strings.NewReader(s.exported("stock?format=csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"sku", "product_id", "location", "on_hand", "reserved", "available"},
		{"COF-250", id, "main", "10", "4", "6"}, {"COF-250", id, "bcn", "2", "0", "2"}, {"COF-500", id, "main", "3", "0", "3"},
	}, records)
	var first struct {
		SKU    string `json:"sku"`
		OnHand int    `json:"on_hand"`
	}
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(s.exported("stock"), "\n", 2)[0]), &first))
	require.Equal(t, 10, first.OnHand)

	list := strings.TrimPrefix(s.call(201, manager, "POST", "/v1/price-lists", map[string]any{"name": "Sale"}).Header.Get("Location"), "/v1/price-lists/")
	s.bulk("/v1/price-updates", `{"sku":"COF-250","list":"`+list+`","currency":"EUR","amount":700,"min_quantity":5}`)
	prices := s.exported("prices?format=csv")
	require.Contains(t, prices, "\nCOF-250,"+list+",EUR,700,5\n")
	require.Equal(t, strings.Count(prices, "\n")-1, s.csv("/v1/price-updates", prices).Accepted, "an export of prices is what an update takes")
	require.Equal(t, strings.Count(prices, "\n")-1, s.bulk("/v1/price-updates", s.exported("prices")).Accepted)
}

// Each record has its own outcome; records of one product are one.
func TestImportOfCSV(t *testing.T) {
	s := open(t)
	report := s.csv("/v1/imports/products", "\ufeffslug,name,category,category_name,sku,variant_name,variant_options,prices,stock,attributes,description\r\n"+
		`cup,Cup,c,Cups,CUP-R,red,"{""colour"":""red""}",1250 EUR; 1390 USD,5,"{""brand"":""x""}","Two`+"\n"+`lines, ""quoted"""`+"\r\n"+
		`,,,,CUP-B,blue,,1250 EUR,,,`+"\n"+ // stock is missing
		`plate,Plate,c,,PL-1,one,,990 EUR,7,,`+"\n"+
		`plate,,,,PL-2,two,,"9,90 EUR",8,,`+"\n"+ // no amount
		`bowl,Bowl,c,,BO-1,one,,500 EUR,1,,`+"\n"+
		`bowl,Basin,c,,BO-2,two,,500 EUR,1,,`+"\n"+ // another name
		`jug,Jug,c,,JUG-1,one,,500 EUR,1,no JSON,`+"\n"+
		`too,few`+"\n"+
		`pot,Pot,c,,POT-1,one,,500 EUR,3,,`+"\n"+
		`pot,Pot,c,,POT-2,two,,600 EUR,4,,`)
	require.Equal(t, 1, report.Accepted)
	require.Equal(t, []ndjson.Failure{
		{Line: 2, Reason: "does not fit the contract", Fields: report.Errors[0].Fields},
		{Line: 5, Reason: "does not fit the contract", Fields: report.Errors[1].Fields},
		{Line: 7, Reason: "a later record of the product says something else of it"},
		{Line: 9, Reason: "does not fit the contract", Fields: report.Errors[3].Fields},
		{Line: 10, Reason: "is no record: wrong number of fields"},
	}, report.Errors)
	require.Equal(t, "/variants/1/stock", report.Errors[0].Fields[0].Name)
	require.Equal(t, "/variants/1/prices/0/amount", report.Errors[1].Fields[0].Name)
	require.Equal(t, "/attributes", report.Errors[3].Fields[0].Name)
	p := s.shows("pot")
	require.Len(t, p.Variants, 2)
	require.EqualValues(t, 600, p.Variants[1].Prices[0].Amount)
	require.Equal(t, 4, s.stock("POT-2").OnHand)

	again := s.csv("/v1/imports/products", `name,slug,category,sku,variant_name,variant_options,prices,stock,attributes,description
Cup,cup,c,CUP-R,red,"{""colour"":""red""}",1250 EUR; 1390 USD,5,"{""brand"":""x""}","Two
lines, ""quoted"""
`)
	require.Equal(t, ndjson.Report{Accepted: 1, Errors: []ndjson.Failure{}}, again)
	cup := s.shows("cup")
	require.Equal(t, "Two\nlines, \"quoted\"", cup.Description)
	require.Equal(t, map[string]string{"brand": "x"}, cup.Attributes)
	require.Equal(t, map[string]string{"colour": "red"}, cup.Variants[0].Options)
	require.Len(t, cup.Variants[0].Prices, 2)

	stock := s.csv("/v1/stock-updates", "sku,on_hand,delta,kind,reason\nCUP-R,9,,count,shelf 4\nPOT-1,,-1,damage,broken\nPOT-2,x,,,y\nGONE,1,,,z\n")
	require.Equal(t, 2, stock.Accepted)
	require.Equal(t, []int{4, 5}, []int{stock.Errors[0].Line, stock.Errors[1].Line})
	require.Equal(t, "/on_hand", stock.Errors[0].Fields[0].Name)
	require.Equal(t, []int{9, 2}, []int{s.stock("CUP-R").OnHand, s.stock("POT-1").OnHand})

	// A header that is not understood refuses all.
	for header, field := range map[string]string{"slug,colour": "colour", "slug,name,slug": "slug", `"slug`: ""} {
		a := s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/imports/products", As: manager, Body: header + "\n1,2,3\n", ContentType: CSV})
		require.Equal(t, 400, a.Status, "%s", a.Body)
		_, fields := a.Problem(t)
		require.Equal(t, []string{field}, fields)
	}
	require.Zero(t, s.csv("/v1/imports/products", "").Accepted)
	a := s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/imports/products", As: manager, Body: "slug\n" + strings.Repeat(strings.Repeat("x", 1023)+"\n", 4<<10), ContentType: CSV})
	require.Equal(t, 413, a.Status)
}

// A stream that fails once it has begun breaks off, so that nobody takes it for the
// whole; before that there is an answer.
func TestAnExportThatFails(t *testing.T) {
	for _, begun := range []bool{false, true} {
		to := httptest.NewRecorder()
		w := &writer{to: to, media: CSV, begun: begun}
		run := func() { _ = ended(w, errors.New("the store is away")) }
		if begun {
			require.PanicsWithValue(t, http.ErrAbortHandler, run)
			continue
		}
		require.NotPanics(t, run)
		require.Empty(t, to.Header().Get("Content-Type"))
	}
}
