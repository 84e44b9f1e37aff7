package main

import (
	"strings"

	"tienda/tests/history"
)

// What is read of the answers.

type money struct {
	Amount int64 `json:"amount"`
}

type orderView struct {
	ID           string         `json:"id"`
	Status       history.Status `json:"status"`
	Note         string         `json:"note"`
	Replaces     string         `json:"replaces"`
	CancelReason string         `json:"cancel_reason"`
	Lines        []line         `json:"lines"`
	Totals       struct {
		Total money `json:"total"`
	} `json:"totals"`
	Payment struct {
		Refunded money     `json:"refunded"`
		Card     *cardView `json:"card"`
	} `json:"payment"`
	Refunds []struct {
		ReturnID string               `json:"return_id"`
		Amount   money                `json:"amount"`
		Lines    []history.RefundLine `json:"lines"`
		Exchange *exchangeView        `json:"exchange"`
	} `json:"refunds"`
	Shipments     []history.Shipment `json:"shipments"`
	Cancellations []struct {
		ID       string         `json:"id"`
		Lines    []history.Item `json:"lines"`
		Amount   money          `json:"amount"`
		Refunded money          `json:"refunded"`
	} `json:"cancellations"`
	Returns []struct {
		ReturnID string               `json:"return_id"`
		Status   history.ReturnStatus `json:"status"`
	} `json:"returns"`
}

// history gives the order as the checker knows it; its note is its key.
func (v orderView) history() history.Order {
	o := history.Order{
		ID: v.ID, Key: v.Note, Status: v.Status, Total: v.Totals.Total.Amount, Refunded: v.Payment.Refunded.Amount,
		Replaces: v.Replaces, Card: v.Payment.Card.history(), Shipments: v.Shipments,
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

// exchangeView is an exchange, as orders and, shorter, support tell of it.
type exchangeView struct {
	OrderID  string                 `json:"order_id"`
	Status   history.ExchangeStatus `json:"status"`
	Value    money                  `json:"value"`
	Refunded money                  `json:"refunded"`
}

type returnView struct {
	ID      string               `json:"id"`
	OrderID string               `json:"order_id"`
	Status  history.ReturnStatus `json:"status"`
	Refund  *money               `json:"refund"`

	Receipts []struct {
		ID       string               `json:"id"`
		RefundID string               `json:"refund_id"`
		Refund   *money               `json:"refund"`
		Exchange *exchangeView        `json:"exchange"`
		Lines    []history.RefundLine `json:"lines"`
	} `json:"receipts"`
}

func (v returnView) history() history.Return {
	r := history.Return{ID: v.ID, Order: v.OrderID, Status: v.Status}
	if v.Refund != nil {
		r.Refund = v.Refund.Amount
	}
	for _, p := range v.Receipts {
		r.Receipts = append(r.Receipts, history.Receipt{ID: p.ID, Refund: p.RefundID, Noted: p.Refund != nil, Lines: p.Lines,
			Owed: p.Exchange != nil && p.Exchange.Status == history.ExchangeOwed})
	}
	return r
}

type letterView struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Event   struct {
		Data returnData `json:"data"`
	} `json:"event"`
}

// returnData is what the data of an event may say of a return.
type returnData struct {
	ReturnID   string `json:"return_id"`
	ReceiptID  string `json:"receipt_id"`
	ShipmentID string `json:"shipment_id"`

	CancellationID string `json:"cancellation_id"`
}

// of gives what tells events of a type about the same subject apart.
func (d returnData) of(kind string) string {
	switch kind {
	case history.OrderRefunded, history.OrderExchanged:
		return d.ReturnID
	case history.ReturnPart:
		return d.ReceiptID
	case history.OrderPartShipped:
		return d.ShipmentID
	case history.OrderLinesCancelled:
		return d.CancellationID
	default:
		return ""
	}
}

func (v letterView) history() history.Event {
	return history.Event{ID: v.EventID, Type: v.Type, Subject: v.Subject, Return: v.Event.Data.of(v.Type)}
}

type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}
