package api

import (
	"net/http"
	"time"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/catalog/internal/inventory"
)

// What the shop says of a SKU. The middle two are the kinds of back-order as well.
const (
	inStock    = "in_stock"
	backOrder  = "backorder"
	preOrder   = "preorder"
	outOfStock = "out_of_stock"
)

// backorderBody is what staff state of a SKU.
type backorderBody struct {
	Kind       string    `json:"kind"`
	Limit      int       `json:"limit"`
	ExpectedAt time.Time `json:"expected_at,omitzero"`
}

// policy reads the body; nil: nothing may be waited for.
func (b *backorderBody) policy() (*inventory.Backorder, error) {
	switch {
	case b == nil:
		return nil, nil
	case b.Kind == preOrder && b.ExpectedAt.IsZero():
		return nil, fault.BadField("/backorder/expected_at", "is required of a pre-order")
	}
	out := &inventory.Backorder{Limit: b.Limit, Pre: b.Kind == preOrder}
	if !b.ExpectedAt.IsZero() {
		out.Expected = b.ExpectedAt.Unix()
	}
	return out, nil
}

func viewBackorder(b *inventory.Backorder) *backorderBody {
	if b == nil {
		return nil
	}
	out := &backorderBody{Kind: backOrder, Limit: b.Limit, ExpectedAt: b.ExpectedAt()}
	if b.Pre {
		out.Kind = preOrder
	}
	return out
}

// availability is what buyers see of a SKU, and when more is expected.
func availability(there bool, w inventory.Waitable) (is string, expected time.Time) {
	switch {
	case there:
		return inStock, expected
	case !w.Allowed:
		return outOfStock, expected
	case w.Pre:
		is = preOrder
	default:
		is = backOrder
	}
	return is, (&inventory.Backorder{Expected: w.Expected}).ExpectedAt()
}

// waiting: 1 bulk get.
func (a *API) waiting(w http.ResponseWriter, r *http.Request) error {
	var in skuList
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	found, err := a.Inventory.Waiting(r.Context(), httpapi.Var(r, "order_id"), in.SKUs)
	if err != nil {
		return err
	}
	type line struct {
		SKU         string `json:"sku"`
		Backordered int    `json:"backordered"`
	}
	out := struct {
		Lines []line `json:"lines"`
	}{[]line{}}
	for _, sku := range in.SKUs {
		if n := found[sku]; n > 0 {
			out.Lines = append(out.Lines, line{sku, n})
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}
