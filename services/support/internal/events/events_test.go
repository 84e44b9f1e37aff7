package events

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/event/eventtest"
	"tienda/internal/money"
	"tienda/internal/origin/intake"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

const (
	ticketID = "0198d2b0-1111-7000-8000-000000000001"
	returnID = "0198d2b0-2222-7000-8000-000000000002"
	customer = "0198d2a0-aaaa-7000-8000-000000000001"
	agent    = "0198d2a0-bbbb-7000-8000-000000000002"
	orderID  = "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// emitted gives one event of every type, built from the domain's own steps,
// with the values of the golden examples.
func emitted(t *testing.T) []event.Event {
	t.Helper()
	who := caller.Caller{UserID: customer}
	staff := caller.Caller{UserID: agent, Roles: []caller.Role{caller.SupportAgent}}
	set := ticket.Defaults()
	tk, err := ticket.New(ticketID, who, ticket.Draft{Subject: "s", Text: "m", OrderID: orderID}, set, now)
	require.NoError(t, err)
	_, err = tk.Post(staff, "text", false, set, now)
	require.NoError(t, err)
	_, err = tk.Post(staff, "a note that is announced to nobody", true, set, now)
	require.NoError(t, err)
	require.NoError(t, tk.Assign(staff, agent, 0, now))
	tk.Escalate(set, now.AddDate(0, 1, 0))
	var out []event.Event
	for _, c := range tk.Changes() {
		c.Message.ID = "0198d2b0-3333-7000-8000-000000000003"
		if e, ok := OfTicket(tk, c); ok {
			out = append(out, e)
		}
	}
	tk.Rating = &ticket.Rating{Score: 5, Comment: "not announced"}
	for _, kind := range []ticket.Kind{ticket.Resolved, ticket.Rated, ticket.Closed} {
		e, _ := OfTicket(tk, ticket.Change{Kind: kind, By: agent})
		out = append(out, e)
	}
	tk.AssignedTo = ""
	unassigned, _ := OfTicket(tk, ticket.Change{Kind: ticket.Assigned, By: agent})
	out = append(out, unassigned)

	o := rma.OfOrder{OrderID: orderID}
	bought := map[string]int{"COFFEE-250": 1}
	lines := []rma.Line{{SKU: "COFFEE-250", Quantity: 1, Reason: rma.Damaged, Note: "not announced"}}
	require.NoError(t, o.Request(rma.Return{ID: "rejected", OrderID: orderID, Lines: lines}, bought))
	require.NoError(t, o.Reject("rejected", 0, "Worn.", now))
	rejected := o.Changes()[1]
	rejected.ID, rejected.CustomerID = returnID, customer
	o = rma.OfOrder{OrderID: orderID}
	require.NoError(t, o.Request(rma.Return{ID: returnID, OrderID: orderID, CustomerID: customer, TicketID: ticketID, Lines: lines}, bought))
	require.NoError(t, o.Approve(returnID, 0, rma.Label{}, now))
	require.NoError(t, o.SetLabel(returnID, 0, rma.Label{Carrier: "Correos", Reference: "PQ4 0012"}, now))
	require.NoError(t, o.Receive(returnID, 0, nil, now))
	require.NoError(t, o.Refunded(returnID, money.New(1249, "EUR"), now))
	failed := o.Changes()[3]
	failed.Status, failed.Failure = rma.RefundFailed, "More would come back than was bought."
	part := o.Changes()[1]
	part.Status, part.Receipt = rma.PartiallyReceived, &rma.Receipt{ID: "0198d2b0-4444-7000-8000-000000000004", Lines: []rma.Came{{SKU: "COFFEE-250", Quantity: 1, Restock: true}}}
	for _, r := range append(o.Changes(), rejected, failed, part) {
		out = append(out, OfReturn(r))
	}
	return out
}

func TestEventsFitTheirContract(t *testing.T) {
	eventtest.RequireContract(t, App, append(emitted(t), intake.Changed(App, "returns", "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11", false))...)
}

// What the policies approve at once is announced as that alone, with its lines.
func TestApprovedAutomatically(t *testing.T) {
	order := rma.Order{ID: orderID, Currency: "EUR", Bought: map[string]int{"COFFEE-250": 1}, Sold: map[string]rma.Sold{"COFFEE-250": {Paid: 1249}}}
	p := rma.DefaultPolicies()
	p.Default.Automatic = &rma.Automatic{Reasons: []rma.Reason{rma.Damaged}, UpTo: []money.Money{money.New(1249, "EUR")}}
	o := rma.OfOrder{OrderID: orderID}
	r := rma.Return{ID: returnID, OrderID: orderID, TicketID: ticketID, Lines: []rma.Line{{SKU: "COFFEE-250", Quantity: 1, Reason: rma.Damaged}}}
	require.NoError(t, o.Open(r, order, p, false, now))
	require.Len(t, o.Changes(), 1)
	e := OfReturn(o.Changes()[0])
	require.Equal(t, "tienda.support.return_approved", e.Type)
	eventtest.RequireSchema(t, e)
	data, err := json.Marshal(e.Data)
	require.NoError(t, err)
	require.JSONEq(t, `{"return_id":"`+returnID+`","order_id":"`+orderID+`","ticket_id":"`+ticketID+`","automatic":true,
		"lines":[{"sku":"COFFEE-250","quantity":1,"reason":"damaged"}]}`, string(data))
}

// A guest's return has no customer.
func TestGuest(t *testing.T) {
	eventtest.RequireSchema(t, OfReturn(rma.Change{Return: rma.Return{ID: returnID, OrderID: orderID, Status: rma.Approved}}))
}

type refunds struct {
	heard []string
	err   error
}

func (r *refunds) HearRefund(_ context.Context, orderID, returnID string, m rma.Made) error {
	r.heard = append(r.heard, orderID+" "+returnID+" "+m.Amount.String())
	return r.err
}

func (r *refunds) HearExchange(_ context.Context, orderID, returnID string, x rma.Exchange) error {
	r.heard = append(r.heard, orderID+" "+returnID+" "+string(x.Status)+" "+x.OrderID)
	return r.err
}

func TestHearExchanges(t *testing.T) {
	golden, err := contracts.FS.ReadFile("examples/events/tienda.orders.exchanged.json")
	require.NoError(t, err)
	var e event.Received
	require.NoError(t, json.Unmarshal(golden, &e))
	var r refunds
	require.NoError(t, HearOrders(t.Context(), &r, e))
	require.Len(t, r.heard, 1)
	require.Regexp(t, "^"+orderID+" "+returnID+" placed [0-9a-f-]{36}$", r.heard[0])
	e.Raw = json.RawMessage(strings.Replace(string(e.Raw), "placed", "owed", 1))
	require.ErrorContains(t, HearOrders(t.Context(), &r, e), "status")
	require.Len(t, r.heard, 1)
}

func TestHearOrders(t *testing.T) {
	golden, err := contracts.FS.ReadFile("examples/events/tienda.orders.refunded.json")
	require.NoError(t, err)
	var e event.Received
	require.NoError(t, json.Unmarshal(golden, &e))
	var r refunds
	require.NoError(t, HearOrders(t.Context(), &r, e))
	require.Equal(t, []string{orderID + " " + returnID + " 12.49 EUR"}, r.heard)

	e.Type = "tienda.orders.shipped"
	require.NoError(t, HearOrders(t.Context(), &r, e))
	require.Len(t, r.heard, 1, "what is of no interest is dropped")

	e.Type, r.err = OrdersRefunded, errors.New("store away")
	require.ErrorIs(t, HearOrders(t.Context(), &r, e), r.err)
	e.Raw = json.RawMessage(strings.Repeat("[", 3))
	require.Error(t, HearOrders(t.Context(), &r, e))
}
