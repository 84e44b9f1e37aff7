package customer

import (
	"strings"

	"tienda/tests/history"
)

// Money is an amount in minor units.
type Money struct {
	Amount int64 `json:"amount"`
}

// Order is an order as its customer and the staff see it.
type Order struct {
	ID           string         `json:"id"`
	Status       history.Status `json:"status"`
	Note         string         `json:"note"`
	Replaces     string         `json:"replaces"`
	CancelReason string         `json:"cancel_reason"`
	Lines        []Line         `json:"lines"`
	Totals       struct {
		Total Money `json:"total"`
	} `json:"totals"`
	Payment struct {
		Refunded Money `json:"refunded"`
		Card     *Card `json:"card"`
	} `json:"payment"`
	Refunds []struct {
		ReturnID string               `json:"return_id"`
		Amount   Money                `json:"amount"`
		Lines    []history.RefundLine `json:"lines"`
		Exchange *Exchange            `json:"exchange"`
	} `json:"refunds"`
	Shipments     []history.Shipment `json:"shipments"`
	Cancellations []struct {
		ID       string         `json:"id"`
		Lines    []history.Item `json:"lines"`
		Amount   Money          `json:"amount"`
		Refunded Money          `json:"refunded"`
	} `json:"cancellations"`
	Returns []struct {
		ReturnID string               `json:"return_id"`
		Status   history.ReturnStatus `json:"status"`
	} `json:"returns"`
}

// History gives the order as the checker knows it; its note is its key.
func (v Order) History() history.Order {
	o := history.Order{
		ID: v.ID, Key: v.Note, Status: v.Status, Total: v.Totals.Total.Amount, Refunded: v.Payment.Refunded.Amount,
		Replaces: v.Replaces, Card: v.Payment.Card.History(), Shipments: v.Shipments,
		Refused: v.Status == history.Cancelled && strings.HasPrefix(v.CancelReason, "refused: "),
	}
	for _, l := range v.Lines {
		sold := history.Line{Item: history.Item{SKU: l.SKU, Quantity: l.Quantity}}
		if l.UnitPrice != nil {
			sold.Price = l.UnitPrice.Amount
		}
		if v.Replaces != "" && l.Total != nil { // the price of a piece is rounded
			sold.Off = sold.Price*int64(l.Quantity) - l.Total.Amount
		}
		o.Lines = append(o.Lines, sold)
	}
	for _, x := range v.Cancellations {
		o.Cancellations = append(o.Cancellations, history.Cancellation{ID: x.ID, Lines: x.Lines, Amount: x.Amount.Amount, Refunded: x.Refunded.Amount})
	}
	for _, r := range v.Refunds {
		f := history.Refund{Return: r.ReturnID, Amount: r.Amount.Amount, Lines: r.Lines}
		if x := r.Exchange; x != nil {
			f.Exchange = &history.Exchange{Order: x.OrderID, Status: x.Status, Value: x.Value.Amount, Refunded: x.Refunded.Amount}
		}
		o.Refunds = append(o.Refunds, f)
	}
	for _, r := range v.Returns {
		o.Returns = append(o.Returns, history.ReturnNews{Return: r.ReturnID, Status: r.Status})
	}
	return o
}

// Exchange is one, as orders and, shorter, support tell of it.
type Exchange struct {
	OrderID  string                 `json:"order_id"`
	Status   history.ExchangeStatus `json:"status"`
	Value    Money                  `json:"value"`
	Refunded Money                  `json:"refunded"`
}

// Line is a line of an order.
type Line struct {
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"`
	UnitPrice *Money `json:"unit_price"`
	Total     *Money `json:"total"`
}

// Card is the payment of an order by card.
type Card struct {
	Authorised Money `json:"authorised"`
	Captured   Money `json:"captured"`
	Refunded   Money `json:"refunded"`
	Attempts   []struct {
		Step   string `json:"step"`
		Status string `json:"status"`
	} `json:"attempts"`
}

// History gives the payment as the checker knows it; nil: there is none.
func (v *Card) History() *history.Card {
	if v == nil {
		return nil
	}
	c := &history.Card{Authorised: v.Authorised.Amount, Captured: v.Captured.Amount, Refunded: v.Refunded.Amount}
	for _, a := range v.Attempts {
		if a.Status == "open" {
			c.Open = append(c.Open, a.Step)
		}
	}
	return c
}

// List is a page of a list.
type List[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}
