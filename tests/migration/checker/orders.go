package checker

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// span is how many days a list of all customers' orders may take in.
const span = 360

// orders finds all orders from the days of the source, and a span before and after, by
// number, and each whole by its ID.
func (s *Shop) orders(ctx context.Context, from, to string, into map[string]found) error {
	first, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return fmt.Errorf("first day: %w", err)
	}
	last, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return fmt.Errorf("last day: %w", err)
	}
	type summary struct{ ID, Number string }
	var list []summary
	for day := first.AddDate(0, 0, -span); !day.After(last.AddDate(0, 0, span)); day = day.AddDate(0, 0, span+1) {
		path := "/v1/orders?customer=all&limit=100&from=" + day.Format(time.DateOnly) + "&to=" + day.AddDate(0, 0, span).Format(time.DateOnly)
		some, err := all[summary](ctx, s, s.Support, path)
		if err != nil {
			return err
		}
		list = append(list, some...)
	}
	into[order], into[orderLine] = found{}, found{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, one := range list {
		g.Go(func() error {
			var o whole
			if _, err := s.Call(ctx, s.Support, http.MethodGet, "/v1/orders/"+one.ID, "", nil, &o); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			into[order].add(one.Number, o.facts())
			for _, l := range o.Lines {
				into[orderLine].add(one.Number+" "+l.SKU, Facts{
					"product_id": l.ProductID, "name": l.Name, "variant": l.VariantName, "quantity": strconv.Itoa(l.Quantity),
					"unit_price": l.UnitPrice.String(), "total": l.LineTotal.String(),
				})
			}
			return nil
		})
	}
	return g.Wait()
}

// whole is an order as it is shown.
type whole struct {
	ID, Number, Status, Email, Language, Currency, Note, Tracking string
	UserID                                                        string `json:"user_id"`
	Guest                                                         bool
	Lines                                                         []struct {
		SKU, Name   string
		ProductID   string `json:"product_id"`
		VariantName string `json:"variant_name"`
		Quantity    int
		UnitPrice   *money `json:"unit_price"`
		LineTotal   *money `json:"line_total"`
	}
	Totals struct {
		Subtotal, Discount, Shipping, Tax, Total *money
		TaxIncluded                              bool `json:"tax_included"`
	}
	Payment struct {
		Method, Status      string
		Due, Paid, Refunded *money
		Outside             struct{ Reference string }
	}
	Address struct {
		Name, Line1, Line2, City, Region, Country, Phone string
		PostalCode                                       string `json:"postal_code"`
	}
	CreatedAt   moment `json:"created_at"`
	ShippedAt   moment `json:"shipped_at"`
	DeliveredAt moment `json:"delivered_at"`
	CancelledAt moment `json:"cancelled_at"`
}

func (o whole) facts() Facts {
	t, p, a := o.Totals, o.Payment, o.Address
	return Facts{
		"row_id": o.ID, "customer_id": o.UserID, "guest": strconv.FormatBool(o.Guest), "email": o.Email, "status": o.Status, "language": o.Language, "currency": o.Currency,
		"lines": strconv.Itoa(len(o.Lines)), "goods": t.Subtotal.String(), "discount": t.Discount.String(), "shipping": t.Shipping.String(),
		"tax": t.Tax.String(), "total": t.Total.String(), "tax_included": strconv.FormatBool(t.TaxIncluded),
		"method": p.Method, "payment": p.Status, "due": p.Due.String(), "paid": p.Paid.String(), "refunded": p.Refunded.String(), "reference": p.Outside.Reference,
		"address":    join([]string{a.Name, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.Country, a.Phone}),
		"note":       o.Note,
		"tracking":   o.Tracking,
		"created_at": o.CreatedAt.String(), "shipped_at": o.ShippedAt.String(), "delivered_at": o.DeliveredAt.String(), "cancelled_at": o.CancelledAt.String(),
	}
}
