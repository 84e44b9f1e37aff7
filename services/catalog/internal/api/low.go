package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/inventory"
)

// lowCursor is where a page of the list begins: after a SKU.
type lowCursor struct {
	After string `json:"a"`
}

// listInventory: 1 bulk get.
func (a *API) listInventory(w http.ResponseWriter, r *http.Request) error {
	var from lowCursor
	if err := page.Decode(r.URL.Query().Get("cursor"), &from); err != nil {
		return err
	}
	low, next, err := a.Inventory.Low(r.Context(), page.Limit(httpapi.QueryInt(r, "limit")), from.After)
	if err != nil {
		return err
	}
	out := page.Of[inventoryView]{Items: make([]inventoryView, len(low))}
	for i := range low {
		out.Items[i] = viewInventory(&low[i])
	}
	if next != "" {
		out.NextCursor = page.Encode(lowCursor{next})
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// putStockSettings: as adjustInventory.
func (a *API) putStockSettings(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		LowAt     *int           `json:"low_stock_at"`
		Backorder *backorderBody `json:"backorder"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	backorder, err := in.Backorder.policy()
	if err != nil {
		return err
	}
	p := inventory.Policy{LowAt: in.LowAt, Backorder: backorder}
	s, err := a.Inventory.SetPolicy(r.Context(), httpapi.Var(r, "sku"), p, version)
	if err != nil {
		return err
	}
	return sendInventory(w, s)
}
