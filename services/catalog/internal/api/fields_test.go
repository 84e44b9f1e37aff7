package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
)

// shirt is a product that states everything that one can.
const shirt = `{
	"slug": "camisa", "language": "es", "name": "Camisa", "description": "De lino.",
	"translations": {"en": {"name": "Shirt", "description": "Of linen."}, "pt-BR": {"name": "Camisa"}},
	"category": "coffee", "tax_class": "reduced", "status": "published",
	"images": ["https://example.com/shirt.jpg"], "attributes": {"fabric": "linen"},
	"options": [{"name": "size", "values": ["S", "M"]}, {"name": "colour", "values": ["white", "blue"]}],
	"variants": [
		{"sku": "SHIRT-S", "name": "S, white", "barcode": "4006381333931", "weight_grams": 180, "images": ["https://example.com/s.jpg"],
			"options": {"size": "S", "colour": "white"}, "prices": [{"amount": 3900, "currency": "EUR"}]},
		{"sku": "SHIRT-M", "name": "M, blue", "options": {"size": "M", "colour": "blue"}, "prices": [{"amount": 3900, "currency": "EUR"}]}]}`

// A product answers all that was stated, whichever way it came in, and orders
// learns what it needs for tax and shipping.
func TestAProductInFull(t *testing.T) {
	for _, way := range []string{"created", "imported"} {
		t.Run(way, func(t *testing.T) {
			s, _ := stocked(t)
			var want map[string]any
			require.NoError(t, json.Unmarshal([]byte(shirt), &want))
			if way == "created" {
				s.call(201, manager, "POST", "/v1/products", want)
			} else {
				var line map[string]any
				require.NoError(t, json.Unmarshal([]byte(shirt), &line))
				for _, v := range line["variants"].([]any) {
					v.(map[string]any)["stock"] = 0
				}
				body, err := json.Marshal(line)
				require.NoError(t, err)
				a := s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/import/products", As: gateway, Body: string(body), ContentType: contract.NDJSON})
				require.Equal(t, 200, a.Status, "%s", a.Body)
				require.JSONEq(t, `{"accepted":1,"rejected":0,"errors":[]}`, string(a.Body))
			}
			var got map[string]any
			s.call(200, manager, "GET", "/v1/products/camisa?translations=true", nil).JSON(t, &got)
			for name := range want {
				if name != "variants" {
					require.Equal(t, want[name], got[name], name)
				}
			}
			for i, v := range want["variants"].([]any) {
				for name, value := range v.(map[string]any) {
					require.Equal(t, value, got["variants"].([]any)[i].(map[string]any)[name], name)
				}
			}
			s.call(200, manager, "PATCH", "/v1/inventory/SHIRT-S", map[string]any{"on_hand": 1, "reason": "first"})
			category := want["category"].(string)
			type known struct {
				Category    string `json:"category"`
				TaxClass    string `json:"tax_class"`
				WeightGrams int    `json:"weight_grams"`
			}
			var quotes struct{ Items []known }
			s.call(200, orders, "POST", "/internal/v1/quotes", map[string]any{"currency": "EUR", "skus": []string{"SHIRT-S", "SHIRT-M"}}).JSON(t, &quotes)
			require.Equal(t, []known{{category, "reduced", 180}, {category, "reduced", 0}}, quotes.Items)
			var held struct{ Lines []known }
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("SHIRT-S", 1))).JSON(t, &held)
			require.Equal(t, []known{{category, "reduced", 180}}, held.Lines)
		})
	}
}
