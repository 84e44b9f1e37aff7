package api

import (
	"net/http"
	"strings"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/internal/page"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// everybody stands for all customers where one's ID may stand.
const everybody = "all"

var errOthers = fault.New(fault.Forbidden, "role_missing", "Your account may only list its own orders.").At("customer", "is for the shop's staff")

// filterOf reads which orders a list is to show.
func filterOf(r *http.Request) (history.Filter, error) {
	q := r.URL.Query()
	span, err := history.ParseSpan(q.Get("from"), q.Get("to"))
	return history.Filter{
		Status: order.Status(q.Get("status")), Method: order.PaymentMethod(q.Get("payment_method")),
		Code: strings.ToUpper(q.Get("promotion")), Text: strings.TrimSpace(q.Get("q")), Span: span,
	}, err
}

// listOrders, of one owner: state 1 get (the owner's list), 1 bulk get (the orders);
// with filters up to 10 of each. Of all customers: 1 bulk get of the days, 1 for each 50
// pages of 64 rows (those of a day together), 1 of the orders that are shown.
func (a *API) listOrders(w http.ResponseWriter, r *http.Request) error {
	v, err := viewer(w, r)
	if err != nil {
		return err
	}
	owner := v.Owner()
	if customer := r.URL.Query().Get("customer"); customer != "" {
		if !v.Staff {
			return errOthers
		}
		owner = shopper.User(customer)
		if customer == everybody {
			owner = ""
		}
	}
	return a.list(w, r, owner)
}

// listOrdersOfUser: state as listOrders.
func (a *API) listOrdersOfUser(w http.ResponseWriter, r *http.Request) error {
	return a.list(w, r, shopper.User(httpapi.Var(r, "id")))
}

// list writes orders of an owner, "" for all.
func (a *API) list(w http.ResponseWriter, r *http.Request, owner shopper.Owner) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	var found []*order.Order
	var next string
	cursor, limit := r.URL.Query().Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit"))
	if owner == "" {
		found, next, err = a.History.All(r.Context(), f, cursor, limit)
	} else {
		found, next, err = a.History.Owned(r.Context(), owner, f, cursor, limit)
	}
	if err != nil {
		return err
	}
	out := page.Of[orderSummary]{Items: make([]orderSummary, len(found)), NextCursor: next}
	for i, o := range found {
		out.Items[i] = viewSummary(o)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// total is one sum, as sent.
type total struct {
	Day       string       `json:"day,omitempty"`
	ProductID string       `json:"product_id,omitempty"`
	Name      string       `json:"name,omitempty"`
	Status    order.Status `json:"status,omitempty"`
	Orders    int          `json:"orders"`
	Quantity  int          `json:"quantity"`
	Returned  int          `json:"returned"`
	Total     money.Money  `json:"total"`
	Refunded  *money.Money `json:"refunded,omitempty"`
}

// totals: state 1 bulk get of the days, 1 for each 50 pages of 64 rows.
func (a *API) totals(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	span, err := history.ParseSpan(q.Get("from"), q.Get("to"))
	if err != nil {
		return err
	}
	by := history.By(q.Get("by"))
	sums, next, err := a.History.Totals(r.Context(), span, by, q.Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	out := page.Of[total]{Items: make([]total, len(sums)), NextCursor: next}
	for i, s := range sums {
		out.Items[i] = total{
			Day: s.Day, ProductID: s.Product, Name: s.Name, Status: s.Status, Orders: s.Orders, Quantity: s.Quantity,
			Returned: s.Returned, Total: money.New(s.Total, s.Currency),
		}
		if by != history.ByProduct {
			back := money.New(s.Refunded, s.Currency)
			out.Items[i].Refunded = &back
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}
