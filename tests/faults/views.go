package main

import (
	"tienda/tests/customer"
	"tienda/tests/history"
)

// What is read of the answers.

type returnView struct {
	ID      string               `json:"id"`
	OrderID string               `json:"order_id"`
	Status  history.ReturnStatus `json:"status"`
	Refund  *customer.Money      `json:"refund"`

	Receipts []struct {
		ID       string               `json:"id"`
		RefundID string               `json:"refund_id"`
		Refund   *customer.Money      `json:"refund"`
		Exchange *customer.Exchange   `json:"exchange"`
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
