package api

import (
	"context"
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/internal/page"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/rma"
)

type returnHandlers struct{ returns *rma.Service }

type returnBody struct {
	ID         string       `json:"id"`
	OrderID    string       `json:"order_id"`
	CustomerID string       `json:"customer_id,omitempty"`
	TicketID   string       `json:"ticket_id,omitempty"`
	Status     rma.Status   `json:"status"`
	Lines      []returnLine `json:"lines"`
	Automatic  bool         `json:"approved_automatically,omitempty"`
	Carrier    string       `json:"carrier,omitempty"`
	Label      string       `json:"label,omitempty"`
	Rejection  string       `json:"rejection,omitempty"`
	Receipts   []receipt    `json:"receipts"`
	Refund     *money.Money `json:"refund,omitempty"`
	Failure    string       `json:"refund_failure,omitempty"`
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  time.Time    `json:"updated_at"`
	Version    int64        `json:"version"`
}

type returnLine struct {
	SKU      string     `json:"sku"`
	Quantity int        `json:"quantity"`
	Reason   rma.Reason `json:"reason"`
	Note     string     `json:"note,omitempty"`
	Received *int       `json:"received,omitempty"`
	Restock  *bool      `json:"restock,omitempty"`
	// pieces that can be sold again
	Restocked *int   `json:"restocked,omitempty"`
	Exchange  string `json:"exchange_sku,omitempty"`
}

type receipt struct {
	ID         string        `json:"id"`
	RefundID   string        `json:"refund_id"`
	Lines      []rma.Came    `json:"lines"`
	Refund     *money.Money  `json:"refund,omitempty"`
	Exchange   *rma.Exchange `json:"exchange,omitempty"`
	Failure    string        `json:"refund_failure,omitempty"`
	ReceivedAt time.Time     `json:"received_at"`
}

func returnOf(r rma.Return) returnBody {
	b := returnBody{
		ID: r.ID, OrderID: r.OrderID, CustomerID: r.CustomerID, TicketID: r.TicketID, Status: r.Status,
		Lines: make([]returnLine, len(r.Lines)), Automatic: r.Automatic, Carrier: r.Carrier, Label: r.Label, Rejection: r.Rejection, Receipts: make([]receipt, len(r.Receipts)), Refund: r.Refund, Failure: r.Failure,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
	for i, l := range r.Lines {
		b.Lines[i] = returnLine{SKU: l.SKU, Quantity: l.Quantity, Reason: l.Reason, Note: l.Note, Exchange: l.Exchange}
		if len(r.Receipts) > 0 {
			restock := l.Received > 0 && l.Restocked == l.Received
			b.Lines[i].Received, b.Lines[i].Restock, b.Lines[i].Restocked = &l.Received, &restock, &l.Restocked
		}
	}
	for i, p := range r.Receipts {
		b.Receipts[i] = receipt{p.ID, p.RefundID, p.Lines, p.Refund, p.Exchange, p.Failure, p.ReceivedAt}
	}
	return b
}

func writeReturn(w http.ResponseWriter, status int, r rma.Return) error {
	httpapi.SetETag(w, r.Version)
	return httpapi.Write(w, status, returnOf(r))
}

// request: 1 invocation, 3 state calls; 1 state call more where a ticket is named, 1
// invocation more, of catalog, where something is to be exchanged.
func (h returnHandlers) request(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		OrderID  string `json:"order_id"`
		TicketID string `json:"ticket_id"`
		Lines    []struct {
			SKU      string     `json:"sku"`
			Quantity int        `json:"quantity"`
			Reason   rma.Reason `json:"reason"`
			Note     string     `json:"note"`
			Exchange string     `json:"exchange_sku"`
		} `json:"lines"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	lines := make([]rma.Line, len(in.Lines))
	for i, l := range in.Lines {
		lines[i] = rma.Line{SKU: l.SKU, Quantity: l.Quantity, Reason: l.Reason, Note: l.Note, Exchange: l.Exchange}
	}
	ret, err := h.returns.Request(r.Context(), caller.From(r.Context()), in.OrderID, in.TicketID, lines)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/returns/"+ret.ID)
	return writeReturn(w, http.StatusCreated, ret)
}

// list: 2 state calls, 1 more for each older index page; filtered up to 3
// times as many.
func (h returnHandlers) list(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	q := rma.Query{Status: rma.Status(in.Get("status"))}
	found, err := h.returns.List(r.Context(), caller.From(r.Context()), q, in.Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	out := page.Of[returnBody]{Items: make([]returnBody, len(found.Items)), NextCursor: found.NextCursor}
	for i, ret := range found.Items {
		out.Items[i] = returnOf(ret)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// get: 2 state calls.
func (h returnHandlers) get(w http.ResponseWriter, r *http.Request) error {
	ret, err := h.returns.Get(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// approve: 3 state calls, 2 for a repeat.
func (h returnHandlers) approve(w http.ResponseWriter, r *http.Request) error {
	return h.labelled(w, r, h.returns.Approve)
}

// label: 3 state calls, 2 for a repeat.
func (h returnHandlers) label(w http.ResponseWriter, r *http.Request) error {
	return h.labelled(w, r, h.returns.SetLabel)
}

func (h returnHandlers) labelled(w http.ResponseWriter, r *http.Request, do func(context.Context, string, int64, rma.Label) (rma.Return, error)) error {
	var in struct {
		Carrier string `json:"carrier"`
		Label   string `json:"label"`
	}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	ret, err := do(r.Context(), httpapi.Var(r, "id"), version, rma.Label{Carrier: in.Carrier, Reference: in.Label})
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// reject: 3 state calls, 2 for a repeat.
func (h returnHandlers) reject(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Reason string `json:"reason"`
	}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	ret, err := h.returns.Reject(r.Context(), httpapi.Var(r, "id"), version, in.Reason)
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// cameIn reads what came back; nil: the body names no lines.
func cameIn(r *http.Request) (came []rma.Came, version int64, err error) {
	var in struct {
		Lines []struct {
			SKU      string `json:"sku"`
			Quantity int    `json:"quantity"`
			Restock  *bool  `json:"restock"`
			Percent  int    `json:"deduction_percent"`
			Why      string `json:"deduction_reason"`
		} `json:"lines"`
	}
	if version, err = decodeWrite(r, &in); err != nil {
		return nil, 0, err
	}
	for _, l := range in.Lines {
		came = append(came, rma.Came{SKU: l.SKU, Quantity: l.Quantity, Restock: l.Restock == nil || *l.Restock, Deduction: l.Percent, Why: l.Why})
	}
	return came, version, nil
}

// receive: 5 state calls and 1 invocation (order looked up; received; refund;
// refunded), 2 state calls for a repeat after the refund.
func (h returnHandlers) receive(w http.ResponseWriter, r *http.Request) error {
	came, version, err := cameIn(r)
	if err != nil {
		return err
	}
	ret, err := h.returns.Receive(r.Context(), httpapi.Var(r, "id"), version, came)
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// take: as many calls as receive.
func (h returnHandlers) take(w http.ResponseWriter, r *http.Request) error {
	came, version, err := cameIn(r)
	if err != nil {
		return err
	}
	ret, err := h.returns.Take(r.Context(), httpapi.Var(r, "id"), httpapi.Var(r, "receipt"), version, came)
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// closeShort: 5 state calls, 2 for a repeat.
func (h returnHandlers) closeShort(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	ret, err := h.returns.CloseShort(r.Context(), httpapi.Var(r, "id"), version)
	if err != nil {
		return err
	}
	return writeReturn(w, http.StatusOK, ret)
}

// hearOrders: 2 state calls for a refund or an exchange that is news, 1 for a repeat.
func (h returnHandlers) hearOrders(w http.ResponseWriter, r *http.Request) error {
	var e event.Received
	if err := httpapi.Decode(r, &e); err != nil {
		return err
	}
	if err := events.HearOrders(r.Context(), h.returns, e); err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}
