package api

import (
	"cmp"
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/services/catalog/internal/inventory"
)

type inventoryView struct {
	SKU       string         `json:"sku"`
	OnHand    int            `json:"on_hand"`
	Reserved  int            `json:"reserved"`
	Available int            `json:"available"`
	Sold      int            `json:"sold"`
	Waiting   int            `json:"backordered,omitempty"` // what orders wait for
	Backorder *backorderBody `json:"backorder,omitempty"`
	Low       bool           `json:"low,omitempty"`
	LowAt     *int           `json:"low_stock_at,omitempty"` // of this SKU alone
	Locations []locationView `json:"locations,omitempty"`    // where there is any elsewhere than at main
}

type locationView struct {
	Location  string `json:"location"`
	OnHand    int    `json:"on_hand"`
	Reserved  int    `json:"reserved"`
	Available int    `json:"available"`
}

func viewInventory(s *inventory.Stock) inventoryView {
	v := inventoryView{SKU: s.SKU, OnHand: s.OnHand, Reserved: s.Reserved(), Available: s.Available(), Sold: s.Sold, Low: s.Low, LowAt: s.LowAt, Waiting: s.Waiting(), Backorder: viewBackorder(s.Backorder)}
	if len(s.Elsewhere) == 0 {
		return v
	}
	for _, name := range s.Places() {
		v.Locations = append(v.Locations, locationView{name, s.OnHandAt(name), s.ReservedAt(name), s.AvailableAt(name)})
	}
	return v
}

// getInventory: 1 bulk get.
func (a *API) getInventory(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Inventory.Get(r.Context(), httpapi.Var(r, "sku"))
	if err != nil {
		return err
	}
	return sendInventory(w, s)
}

// adjustInventory: 1 bulk get, 1 transaction; 1 more get when the SKU runs
// out or comes back, becomes low or recovers, for a location that this replica does not know, or where a
// page of the ledger is full (each 32 entries).
func (a *API) adjustInventory(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in adjustmentInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	s, err := a.Inventory.Adjust(r.Context(), httpapi.Var(r, "sku"), in.change(by(r)), version)
	if err != nil {
		return at(err, in.field())
	}
	return sendInventory(w, s)
}

// adjustmentInput is an adjustment as it is stated.
type adjustmentInput struct {
	Delta    int            `json:"delta"`
	OnHand   *int           `json:"on_hand"`
	Location string         `json:"location"`
	Kind     inventory.Kind `json:"kind"`
	Reason   string         `json:"reason"`
}

// change gives what it does. A count is of the kind count where none is stated.
func (in adjustmentInput) change(by string) inventory.Change {
	kind := cmp.Or(in.Kind, inventory.Other)
	if in.Kind == "" && in.OnHand != nil {
		kind = inventory.Count
	}
	return inventory.Change{
		Delta: in.Delta, Count: in.OnHand, Location: in.Location,
		Cause: inventory.Cause{Kind: kind, Reason: in.Reason, By: by},
	}
}

// field names what a refusal for lack or excess of stock is about.
func (in adjustmentInput) field() string {
	if in.OnHand != nil {
		return "/on_hand"
	}
	return "/delta"
}

// by is who asks.
func by(r *http.Request) string { return caller.From(r.Context()).UserID }

// transferInventory: as adjustInventory.
func (a *API) transferInventory(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		From     string `json:"from"`
		To       string `json:"to"`
		Quantity int    `json:"quantity"`
		Reason   string `json:"reason"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	why := inventory.Cause{Reason: in.Reason, By: by(r)}
	s, err := a.Inventory.Transfer(r.Context(), httpapi.Var(r, "sku"), in.From, in.To, in.Quantity, why, version)
	if err != nil {
		return at(err, "/quantity")
	}
	return sendInventory(w, s)
}

// at names the field of the request that a refusal of the stock is about.
func at(err error, name string) error {
	switch fault.CodeOf(err) {
	case inventory.ErrBelowReserved.Code:
		return inventory.ErrBelowReserved.At(name, "leaves less than what is reserved")
	case inventory.ErrTooMuch.Code:
		return inventory.ErrTooMuch.At(name, "is too much")
	default:
		return err
	}
}

func sendInventory(w http.ResponseWriter, s inventory.Stock) error {
	if s.Version > 0 { // a SKU that never had stock has no version to match yet
		httpapi.SetETag(w, s.Version)
	}
	return httpapi.Write(w, http.StatusOK, viewInventory(&s))
}

type quoteView struct {
	SKU         string       `json:"sku"`
	ProductID   string       `json:"product_id"`
	Slug        string       `json:"slug"`
	Name        string       `json:"name"`
	VariantName string       `json:"variant_name"`
	Category    string       `json:"category"`
	TaxClass    string       `json:"tax_class"`
	WeightGrams int          `json:"weight_grams,omitempty"`
	UnitPrice   *money.Money `json:"unit_price"`
	Price       *priceView   `json:"price,omitempty"`
	Available   bool         `json:"available"` // it can be ordered
	Stock       string       `json:"availability"`
	ExpectedAt  time.Time    `json:"expected_at,omitzero"`
}

// quote makes no state call for SKUs that this replica knows, up to 3 gets
// for others.
func (a *API) quote(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Currency   string         `json:"currency"`
		Group      string         `json:"customer_group"`
		SKUs       []string       `json:"skus"`
		Quantities map[string]int `json:"quantities"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	lines := make([]inventory.Line, len(in.SKUs))
	for i, sku := range in.SKUs {
		lines[i] = inventory.Line{SKU: sku, Quantity: max(in.Quantities[sku], 1)}
	}
	quotes, err := a.Inventory.Quotes(r.Context(), in.Currency, in.Group, lines)
	if err != nil {
		return err
	}
	out := struct {
		Items []quoteView `json:"items"`
	}{Items: make([]quoteView, len(quotes))}
	for i, o := range quotes {
		q := quoteView{
			SKU: o.SKU, ProductID: o.ProductID, Slug: o.Slug, Name: o.Name, VariantName: o.VariantName,
			Category: o.Category, TaxClass: o.TaxClass, WeightGrams: o.WeightGrams, Available: o.InStock || o.Wait.Allowed,
		}
		q.Stock, q.ExpectedAt = availability(o.InStock, o.Wait)
		if o.Price != nil {
			price := viewPrice(*o.Price)
			q.UnitPrice, q.Price = &o.Price.Money, &price
		}
		out.Items[i] = q
	}
	return httpapi.Write(w, http.StatusOK, out)
}

type reservedLine struct {
	SKU         string      `json:"sku"`
	ProductID   string      `json:"product_id"`
	Slug        string      `json:"slug"`
	Name        string      `json:"name"`
	VariantName string      `json:"variant_name"`
	Category    string      `json:"category"`
	TaxClass    string      `json:"tax_class"`
	WeightGrams int         `json:"weight_grams,omitempty"`
	Quantity    int         `json:"quantity"`
	UnitPrice   money.Money `json:"unit_price"`
	Price       *priceView  `json:"price,omitempty"`
	Backordered int         `json:"backordered,omitempty"`
	ExpectedAt  time.Time   `json:"expected_at,omitzero"`
}

// reserve: 1 bulk get, 1 transaction, shared with all who want one of the SKUs
// at the same time; no more for several locations, whose order each replica knows, or for
// back-orders. 1 more get when a SKU runs out, becomes low, or no more of it can be
// promised; up to 3 more for SKUs that this replica does not know yet. A repeat or a refusal: 1 bulk get.
func (a *API) reserve(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Currency string `json:"currency"`
		Group    string `json:"customer_group"`
		Lines    []struct {
			SKU      string `json:"sku"`
			Quantity int    `json:"quantity"`
		} `json:"lines"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	orderID := httpapi.Var(r, "order_id")
	lines := make([]inventory.Line, len(in.Lines))
	for i, l := range in.Lines {
		lines[i] = inventory.Line(l)
	}
	held, err := a.Inventory.Reserve(r.Context(), orderID, in.Currency, in.Group, lines)
	if err != nil {
		return err
	}
	out := struct {
		OrderID string         `json:"order_id"`
		Lines   []reservedLine `json:"lines"`
	}{orderID, make([]reservedLine, len(held))}
	for i, l := range held {
		out.Lines[i] = reservedLine{
			SKU: l.SKU, ProductID: l.ProductID, Slug: l.Slug, Name: l.Name, VariantName: l.VariantName,
			Category: l.Category, TaxClass: l.TaxClass, WeightGrams: l.WeightGrams, Quantity: l.Quantity, UnitPrice: l.UnitPrice,
			Backordered: l.Waiting, ExpectedAt: l.Expected,
		}
		if l.Price.Money == l.UnitPrice { // else it was promised at another time, for a reason that is not kept
			price := viewPrice(l.Price)
			out.Lines[i].Price = &price
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

type skuList struct {
	SKUs []string `json:"skus"`
}

// commit: 1 bulk get, 1 transaction, shared like a reservation's; 1 more get where
// a page of a ledger is full. A repeat: 1 bulk get.
func (a *API) commit(w http.ResponseWriter, r *http.Request) error {
	var in skuList
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	lines := make([]inventory.Line, len(in.SKUs)) // without quantities: all that is held
	for i, sku := range in.SKUs {
		lines[i].SKU = sku
	}
	if err := a.Inventory.Commit(r.Context(), httpapi.Var(r, "order_id"), lines); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// release: 1 bulk get, 1 transaction, shared like a reservation's; 1 more get
// when a SKU comes back. A repeat: 1 bulk get.
func (a *API) release(w http.ResponseWriter, r *http.Request) error {
	var in skuList
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.Inventory.Release(r.Context(), httpapi.Var(r, "order_id"), in.SKUs); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}
