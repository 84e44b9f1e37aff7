// Package history finds orders and adds them up. Customers find their own in the
// list that each of them has; the shop's staff find all in a read model: a row for
// each order, written whenever the order is announced.
package history

import (
	"cmp"
	"slices"
	"time"

	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// Row is what lists and totals know of an order. Amounts are minor units of its
// currency.
type Row struct {
	ID       string              `json:"i"`
	Number   string              `json:"u,omitempty"` // "": that of the ID
	Version  int64               `json:"v"`           // of the order that it says this of
	Owner    shopper.Owner       `json:"o"`
	Status   order.Status        `json:"s"`
	Method   order.PaymentMethod `json:"m"`
	At       time.Time           `json:"t"` // when the order was made
	Currency string              `json:"c"`
	Total    int64               `json:"a"` // without what was cancelled, unless that is all
	Refunded int64               `json:"r,omitempty"`
	Codes    []string            `json:"p,omitempty"` // of promotions
	Lines    []RowLine           `json:"l"`
}

// RowLine is what a row knows of a line.
type RowLine struct {
	SKU      string `json:"k"`
	Product  string `json:"p"` // its ID; "": none, of an order that was moved in
	Name     string `json:"n,omitempty"`
	Quantity int    `json:"q"`           // without what was cancelled, as is Total
	Returned int    `json:"b,omitempty"` // pieces that were refunded
	Total    int64  `json:"a"`           // paid for it, after discounts and with tax
}

// RowOf gives the row of an order that was bought.
func RowOf(o *order.Order) Row {
	r := Row{
		ID: o.ID, Version: o.Version, Owner: o.Owner, Status: o.Status, Method: o.Payment.Method, At: o.CreatedAt,
		Currency: o.Currency, Total: o.Total, Codes: o.Asked.Codes, Lines: make([]RowLine, len(o.Lines)),
	}
	if o.Origin != nil && o.Moved != nil {
		r.Number, r.Refunded = o.Number, o.Moved.Refunded
	}
	returned := map[string]int{}
	for _, f := range o.Refunds {
		r.Refunded += f.Amount
		if f.Exchange != nil {
			r.Refunded += f.Exchange.Refunded
		}
		for _, l := range f.Lines {
			returned[l.SKU] += l.Quantity
		}
	}
	if o.Status != order.Cancelled {
		r.Total = o.Kept()
	}
	for i, l := range o.Lines {
		r.Lines[i] = RowLine{SKU: l.SKU, Product: l.ProductID, Name: l.Name, Quantity: l.Quantity, Returned: returned[l.SKU]}
		if l.UnitPrice != nil {
			r.Lines[i].Total, _ = l.Cost()
		}
		if l.Cancelled > 0 && o.Status != order.Cancelled {
			r.Lines[i].Quantity, r.Lines[i].Total = l.Left(), l.LeftCost()
		}
	}
	return r
}

// Merge puts rows among others, in place of what is older of the same orders, and
// says whether anything is different. A repeat changes nothing, and what comes late
// does not undo what came before.
func Merge(into []Row, rows []Row) (all []Row, changed bool) {
	for _, r := range rows {
		i := slices.IndexFunc(into, func(had Row) bool { return had.ID == r.ID })
		switch {
		case i < 0:
			into, changed = append(into, r), true
		case into[i].Version < r.Version:
			into[i], changed = r, true
		}
	}
	return into, changed
}

// later orders rows, the newest first.
func later(a, b Row) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	return cmp.Compare(b.ID, a.ID)
}
