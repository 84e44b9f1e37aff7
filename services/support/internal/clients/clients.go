// Package clients is what support asks of other apps, over its sidecar, in
// the terms of its own domains.
package clients

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tienda/internal/money"
	"tienda/internal/sidecar"
	"tienda/services/support/internal/letters"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// Invoker calls another app.
type Invoker interface {
	Invoke(ctx context.Context, c sidecar.Call) error
}

// Orders asks the orders app; it serves both domains.
type Orders struct{ sidecar Invoker }

// NewOrders gives the client of orders.
func NewOrders(s Invoker) *Orders { return &Orders{sidecar: s} }

// order is the part of an order that support reads.
type order struct {
	ID          string      `json:"id"`
	UserID      string      `json:"user_id"`
	Status      string      `json:"status"`
	Number      string      `json:"number"`
	Email       string      `json:"email"`
	Language    string      `json:"language"`
	Currency    string      `json:"currency"`
	Lines       []orderLine `json:"lines"`
	DeliveredAt time.Time   `json:"delivered_at"`
}

type orderLine struct {
	SKU       string       `json:"sku"`
	Quantity  int          `json:"quantity"`
	Cancelled int          `json:"cancelled"` // of it, before it was shipped
	Name      string       `json:"name"`
	Variant   string       `json:"variant_name"`
	Category  string       `json:"category"`
	UnitPrice *money.Money `json:"unit_price"`
	Total     *money.Money `json:"total"` // of the line, after discounts and with tax; not in old orders
}

func (l orderLine) paid() int64 {
	switch {
	case l.Total != nil:
		return l.Total.Amount
	case l.UnitPrice != nil:
		return l.UnitPrice.Amount * int64(l.Quantity)
	default:
		return 0
	}
}

func (o *Orders) get(ctx context.Context, id string) (out order, err error) {
	err = o.sidecar.Invoke(ctx, sidecar.Call{App: "orders", Method: http.MethodGet, Path: "/internal/v1/orders/" + url.PathEscape(id), Out: &out})
	return out, err
}

// OwnerOf implements ticket.Orders.
func (o *Orders) OwnerOf(ctx context.Context, id string) (string, error) {
	got, err := o.get(ctx, id)
	return got.UserID, err
}

// Brief implements ticket.Orders.
func (o *Orders) Brief(ctx context.Context, id string) (ticket.Brief, error) {
	got, err := o.get(ctx, id)
	return ticket.Brief{Number: got.Number, Language: got.Language}, err
}

// Letter implements letters.Orders.
func (o *Orders) Letter(ctx context.Context, id string) (letters.Order, error) {
	got, err := o.get(ctx, id)
	if err != nil {
		return letters.Order{}, err
	}
	out := letters.Order{Number: got.Number, Email: got.Email, Language: got.Language, Names: map[string]string{}}
	for _, l := range got.Lines {
		out.Names[l.SKU] = l.Name
		if l.Variant != "" {
			out.Names[l.SKU] += " (" + l.Variant + ")"
		}
	}
	return out, nil
}

// Order implements rma.Orders.
func (o *Orders) Order(ctx context.Context, id string) (rma.Order, error) {
	got, err := o.get(ctx, id)
	if err != nil {
		return rma.Order{}, err
	}
	out := rma.Order{
		ID: got.ID, UserID: got.UserID, Delivered: got.Status == "delivered", DeliveredAt: got.DeliveredAt, Currency: got.Currency,
		Bought: map[string]int{}, Sold: map[string]rma.Sold{},
	}
	for _, l := range got.Lines { // an SKU stands once
		if left := l.Quantity - l.Cancelled; left > 0 {
			out.Bought[l.SKU] = left
			out.Sold[l.SKU] = rma.Sold{Category: l.Category, Paid: l.paid() * int64(left) / int64(l.Quantity)}
		}
	}
	return out, nil
}

// Recent implements ticket.Orders.
func (o *Orders) Recent(ctx context.Context, userID string, limit int) ([]ticket.Order, error) {
	var got struct {
		Items []struct {
			ID        string      `json:"id"`
			Number    string      `json:"number"`
			Status    string      `json:"status"`
			Total     money.Money `json:"total"`
			CreatedAt time.Time   `json:"created_at"`
		} `json:"items"`
	}
	path := "/internal/v1/users/" + url.PathEscape(userID) + "/orders?limit=" + strconv.Itoa(limit)
	if err := o.sidecar.Invoke(ctx, sidecar.Call{App: "orders", Method: http.MethodGet, Path: path, Out: &got}); err != nil {
		return nil, err
	}
	out := make([]ticket.Order, len(got.Items))
	for i, it := range got.Items {
		out[i] = ticket.Order(it)
	}
	return out, nil
}

type refundLine struct {
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"`
	Restock   bool   `json:"restock"`
	Deduction int    `json:"deduction_percent,omitempty"`
	Why       string `json:"deduction_reason,omitempty"`
	Exchange  string `json:"exchange_sku,omitempty"`
}

// Refund implements rma.Orders.
func (o *Orders) Refund(ctx context.Context, orderID, returnID string, came []rma.Came) (rma.Made, error) {
	in := struct {
		ReturnID string       `json:"return_id"`
		Lines    []refundLine `json:"lines"`
	}{ReturnID: returnID}
	for _, c := range came {
		in.Lines = append(in.Lines, refundLine(c))
	}
	var out struct {
		Refund struct {
			Amount   money.Money `json:"amount"`
			Exchange *struct {
				OrderID string             `json:"order_id"`
				Status  rma.ExchangeStatus `json:"status"`
				Refund  *money.Money       `json:"refunded"`
			} `json:"exchange"`
		} `json:"refund"`
	}
	err := o.sidecar.Invoke(ctx, sidecar.Call{
		App: "orders", Method: http.MethodPost, Path: "/internal/v1/orders/" + url.PathEscape(orderID) + "/refunds",
		In: in, Out: &out, Idempotent: true,
	})
	return rma.Made{Amount: out.Refund.Amount, Exchange: (*rma.Exchange)(out.Refund.Exchange)}, err
}

// Users asks the users app.
type Users struct{ sidecar Invoker }

// NewUsers gives the client of users.
func NewUsers(s Invoker) *Users { return &Users{sidecar: s} }

// Profile implements ticket.Users.
func (u *Users) Profile(ctx context.Context, id string) (ticket.Profile, error) {
	var got struct {
		ID        string    `json:"id"`
		Email     string    `json:"email"`
		Name      string    `json:"name"`
		Roles     []string  `json:"roles"`
		CreatedAt time.Time `json:"created_at"`
	}
	err := u.sidecar.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: "/internal/v1/users/" + url.PathEscape(id), Out: &got})
	return ticket.Profile(got), err
}

// Contact implements letters.Users.
func (u *Users) Contact(ctx context.Context, id string) (letters.Contact, error) {
	var got struct {
		Email    string `json:"email"`
		Language string `json:"language"`
	}
	err := u.sidecar.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: "/internal/v1/users/" + url.PathEscape(id) + "/contact", Out: &got})
	return letters.Contact(got), err
}
