// Package clients calls the other apps that orders needs, through the
// sidecar, with types of its own.
package clients

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/sidecar"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
)

// Invoker makes service invocations.
type Invoker interface {
	Invoke(ctx context.Context, c sidecar.Call) error
}

// Catalog is the app catalog.
type Catalog struct{ sidecar Invoker }

// NewCatalog gives catalog behind a sidecar.
func NewCatalog(s Invoker) *Catalog { return &Catalog{sidecar: s} }

type quote struct {
	SKU         string       `json:"sku"`
	ProductID   string       `json:"product_id"`
	Slug        string       `json:"slug"`
	Name        string       `json:"name"`
	VariantName string       `json:"variant_name"`
	UnitPrice   *money.Money `json:"unit_price"`
	Available   bool         `json:"available"`
	// Optional: without them the SKU is of no category, standard and weightless.
	Category string `json:"category"`
	TaxClass string `json:"tax_class"`
	Weight   int64  `json:"weight_grams"`

	Availability string    `json:"availability"`
	ExpectedAt   time.Time `json:"expected_at"`
}

// Quotes asks catalog for what up to 100 SKUs cost now. Those that are not
// sold are left out. One invocation.
func (c *Catalog) Quotes(ctx context.Context, currency string, skus []string) (map[string]cart.Quote, error) {
	in := struct {
		Currency string   `json:"currency"`
		SKUs     []string `json:"skus"`
	}{currency, skus}
	var out struct {
		Items []quote `json:"items"`
	}
	err := c.sidecar.Invoke(ctx, sidecar.Call{
		App: "catalog", Method: http.MethodPost, Path: "/internal/v1/quotes", In: in, Out: &out, Idempotent: true,
	})
	if err != nil {
		return nil, err
	}
	quotes := make(map[string]cart.Quote, len(out.Items))
	for _, q := range out.Items {
		quotes[q.SKU] = cart.Quote{
			ProductID: q.ProductID, Slug: q.Slug, Name: q.Name, VariantName: q.VariantName,
			UnitPrice: q.UnitPrice, Available: q.Available, Category: q.Category, TaxClass: q.TaxClass, Weight: q.Weight,
			Availability: q.Availability, ExpectedAt: q.ExpectedAt,
		}
	}
	return quotes, nil
}

type wanted struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Reserve implements checkout.Catalog. One invocation.
func (c *Catalog) Reserve(ctx context.Context, orderID, currency string, lines []order.Line) ([]order.Line, error) {
	in := struct {
		Currency string   `json:"currency"`
		Lines    []wanted `json:"lines"`
	}{currency, make([]wanted, len(lines))}
	for i, l := range lines {
		in.Lines[i] = wanted{l.SKU, l.Quantity}
	}
	var out struct {
		Lines []order.Line `json:"lines"`
	}
	err := c.sidecar.Invoke(ctx, sidecar.Call{
		App: "catalog", Method: http.MethodPut, Path: "/internal/v1/reservations/" + url.PathEscape(orderID),
		In: in, Out: &out, Idempotent: true,
	})
	// A request that catalog finds ill-formed will be so every time: it ends
	// the checkout, instead of leaving the order pending for ever.
	if f := (*fault.Error)(nil); errors.As(err, &f) && f.Kind == fault.Invalid {
		refused := fault.New(fault.Unprocessable, "checkout_refused", "The cart cannot be ordered as it is.").Because(err)
		refused.Fields = f.Fields
		return nil, refused
	}
	return out.Lines, err
}

// Waiting implements order.Stock. One invocation.
func (c *Catalog) Waiting(ctx context.Context, orderID string, skus []string) (bool, error) {
	in := struct {
		SKUs []string `json:"skus"`
	}{skus}
	var out struct {
		Lines []struct {
			SKU string `json:"sku"`
		} `json:"lines"`
	}
	err := c.sidecar.Invoke(ctx, sidecar.Call{
		App: "catalog", Method: http.MethodPost, Path: "/internal/v1/reservations/" + url.PathEscape(orderID) + "/waiting",
		In: in, Out: &out, Idempotent: true,
	})
	return len(out.Lines) > 0, err
}
