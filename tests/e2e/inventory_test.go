package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type placed struct {
	stock
	Locations []struct {
		Location  string `json:"location"`
		OnHand    int64  `json:"on_hand"`
		Reserved  int64  `json:"reserved"`
		Available int64  `json:"available"`
	} `json:"locations"`
}

type movement struct {
	Number   int    `json:"number"`
	Kind     string `json:"kind"`
	Location string `json:"location"`
	Delta    int64  `json:"delta"`
	OnHand   int64  `json:"on_hand"`
	OrderID  string `json:"order_id"`
}

// Goods lie at two places, are moved, sold, shipped; the ledger tells it all and
// adds up.
func TestStockAtTwoPlaces(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	must[any](t, m, http.StatusOK, "PUT", "/v1/settings/inventory", map[string]any{"locations": []map[string]any{
		{"id": "main", "name": "Madrid"}, {"id": "bcn", "name": "Barcelona"},
	}})
	must[any](t, m, http.StatusOK, "GET", "/v1/settings/inventory", nil)
	_, sku := ownProduct(t, 5)
	base := "/v1/inventory/" + sku
	must[placed](t, m, http.StatusOK, "PATCH", base, map[string]any{"delta": 4, "location": "bcn", "kind": "delivery", "reason": "pallet 2"})
	s := must[placed](t, m, http.StatusOK, "POST", base+"/transfers", map[string]any{"from": "main", "to": "bcn", "quantity": 3, "reason": "for the shop"})
	require.EqualValues(t, 9, s.OnHand)
	require.Len(t, s.Locations, 2)

	c := guest()
	put(t, c, sku, 4) // main has 2 left, so that all of them come from Barcelona
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"address": madrid, "email": "who@example.com", "payment_method": "invoice"}, "Idempotency-Key", uuid.NewString())
	s = must[placed](t, m, http.StatusOK, "GET", base, nil)
	require.EqualValues(t, 4, s.Locations[1].Reserved)
	must[order](t, staff(t, caller.SupportAgent), http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	eventually(t, "the goods have left", func() bool {
		s = must[placed](t, m, http.StatusOK, "GET", base, nil)
		return s.Sold == 4
	})
	all := must[list[movement]](t, m, http.StatusOK, "GET", base+"/ledger", nil).Items
	require.Equal(t, movement{all[0].Number, "sale", "bcn", -4, 5, o.ID}, all[0])
	at := map[string]int64{}
	for _, e := range all {
		at[e.Location] += e.Delta
	}
	require.Equal(t, map[string]int64{"main": 2, "bcn": 3}, at)
	require.Equal(t, []int64{2, 3}, []int64{s.Locations[0].OnHand, s.Locations[1].OnHand})
}

// A SKU that comes to its threshold is in the list of those that are low until it
// has recovered.
func TestLowStockIsListed(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	_, sku := ownProduct(t, 5)
	base := "/v1/inventory/" + sku
	must[stock](t, m, http.StatusOK, "PUT", base+"/settings", map[string]any{"low_stock_at": 3})
	listed := func() bool {
		for cursor := ""; ; {
			page := must[list[stock]](t, m, http.StatusOK, "GET", "/v1/inventory?low=true&limit=100&cursor="+cursor, nil)
			for _, s := range page.Items {
				if s.SKU == sku {
					return true
				}
			}
			if cursor = page.NextCursor; cursor == "" {
				return false
			}
		}
	}
	require.False(t, listed())
	must[stock](t, m, http.StatusOK, "PATCH", base, map[string]any{"delta": -2, "reason": "broken"})
	eventually(t, "it is listed", listed)
	must[stock](t, m, http.StatusOK, "PATCH", base, map[string]any{"delta": 4, "reason": "delivery"})
	eventually(t, "it is not listed any more", func() bool { return !listed() })
}
