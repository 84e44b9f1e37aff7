package api

import (
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/inventory"
)

type ledgerEntry struct {
	Number   int            `json:"number"`
	At       time.Time      `json:"at,omitzero"`
	Kind     inventory.Kind `json:"kind"`
	Location string         `json:"location"`
	Delta    int            `json:"delta"`
	OnHand   int            `json:"on_hand"`
	By       string         `json:"by,omitempty"`
	OrderID  string         `json:"order_id,omitempty"`
	ReturnID string         `json:"return_id,omitempty"`
	Reason   string         `json:"reason,omitempty"`
}

func viewEntry(e inventory.Entry) ledgerEntry {
	v := ledgerEntry{Number: e.Number, At: e.At, Kind: e.Kind, Location: e.Location, Delta: e.Delta, OnHand: e.OnHand, By: e.By, Reason: e.Reason}
	switch e.Kind {
	case inventory.Sale:
		v.OrderID = e.Ref
	case inventory.Return:
		v.ReturnID = e.Ref
	default:
	}
	return v
}

// listLedger: 1 bulk get, 1 more for what is further back than the stock itself
// carries, 1 more for the last page.
func (a *API) listLedger(w http.ResponseWriter, r *http.Request) error {
	entries, next, err := a.Inventory.Ledger(r.Context(), httpapi.Var(r, "sku"), page.Limit(httpapi.QueryInt(r, "limit")), r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := page.Of[ledgerEntry]{Items: make([]ledgerEntry, len(entries)), NextCursor: next}
	for i, e := range entries {
		out.Items[i] = viewEntry(e)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

type locationBody struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type settingsBody struct {
	Locations []locationBody `json:"locations"`
	LowAt     int            `json:"low_stock_at"`
}

func sendSettings(w http.ResponseWriter, s inventory.Settings) error {
	out := settingsBody{LowAt: s.LowAt, Locations: make([]locationBody, len(s.Locations))}
	for i, l := range s.Locations {
		out.Locations[i] = locationBody(l)
	}
	if s.Version > 0 {
		httpapi.SetETag(w, s.Version)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// getInventorySettings: 1 get.
func (a *API) getInventorySettings(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Inventory.Settings(r.Context())
	if err != nil {
		return err
	}
	return sendSettings(w, s)
}

// putInventorySettings: 1 get, 1 save.
func (a *API) putInventorySettings(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in settingsBody
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	next := inventory.Settings{LowAt: in.LowAt, Locations: make([]inventory.Location, len(in.Locations))}
	for i, l := range in.Locations {
		next.Locations[i] = inventory.Location(l)
	}
	s, err := a.Inventory.PutSettings(r.Context(), next, version)
	if err != nil {
		return err
	}
	return sendSettings(w, s)
}
