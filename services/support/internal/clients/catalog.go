package clients

import (
	"context"
	"net/http"

	"tienda/internal/money"
	"tienda/internal/sidecar"
)

// Catalog asks the catalog app.
type Catalog struct{ sidecar Invoker }

// NewCatalog gives the client of catalog.
func NewCatalog(s Invoker) *Catalog { return &Catalog{sidecar: s} }

// Sold implements rma.Catalog. One invocation, of at most 100 SKUs.
func (c *Catalog) Sold(ctx context.Context, currency string, skus []string) (map[string]bool, error) {
	in := struct {
		Currency string   `json:"currency"`
		SKUs     []string `json:"skus"`
	}{currency, skus}
	var out struct {
		Items []struct {
			SKU       string       `json:"sku"`
			UnitPrice *money.Money `json:"unit_price"`
		} `json:"items"`
	}
	err := c.sidecar.Invoke(ctx, sidecar.Call{
		App: "catalog", Method: http.MethodPost, Path: "/internal/v1/quotes", In: in, Out: &out, Idempotent: true,
	})
	sold := make(map[string]bool, len(out.Items))
	for _, it := range out.Items {
		sold[it.SKU] = it.UnitPrice != nil
	}
	return sold, err
}
