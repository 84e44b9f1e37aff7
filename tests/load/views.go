package main

import (
	"strings"
	"sync"
	"time"

	"tienda/tests/history"
)

type money struct {
	Amount int64 `json:"amount"`
}

type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// orderView is what is read of an order.
type orderView struct {
	ID           string         `json:"id"`
	Status       history.Status `json:"status"`
	Note         string         `json:"note"`
	CancelReason string         `json:"cancel_reason"`
	Lines        []struct {
		SKU       string `json:"sku"`
		Quantity  int    `json:"quantity"`
		UnitPrice *money `json:"unit_price"`
	} `json:"lines"`
	Totals struct {
		Total money `json:"total"`
	} `json:"totals"`
	Payment struct {
		Refunded money `json:"refunded"`
	} `json:"payment"`
	Shipments []history.Shipment `json:"shipments"`
}

// history gives the order as the checker knows it; its note is its key.
func (v orderView) history() history.Order {
	o := history.Order{
		ID: v.ID, Key: v.Note, Status: v.Status, Total: v.Totals.Total.Amount, Refunded: v.Payment.Refunded.Amount, Shipments: v.Shipments,
		Refused: v.Status == history.Cancelled && strings.HasPrefix(v.CancelReason, "refused: "),
	}
	for _, l := range v.Lines {
		sold := history.Line{Item: history.Item{SKU: l.SKU, Quantity: l.Quantity}}
		if l.UnitPrice != nil {
			sold.Price = l.UnitPrice.Amount
		}
		o.Lines = append(o.Lines, sold)
	}
	return o
}

// record is the history while it is made.
type record struct {
	began time.Time

	mu    sync.Mutex
	calls []history.Call
}

func (r *record) add(c history.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

func (r *record) now() time.Duration { return time.Since(r.began) }

func (r *record) all() []history.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]history.Call(nil), r.calls...)
}
