package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/state"
)

// Every bad request gets the right status and a problem document that names
// the field, and leaves the store and the topic as they were.
func TestBadInput(t *testing.T) {
	f := open(t)
	ticketPath := "/v1/tickets/" + f.open(ana)
	closedPath := "/v1/tickets/" + f.open(ana)
	f.do(200, ana, http.MethodPost, closedPath+"/close", nil)
	returnID := f.request(ana)
	returnPath := "/v1/returns/" + returnID
	approvedPath := "/v1/returns/" + f.do(201, agent, http.MethodPost, "/v1/returns",
		`{"order_id":"`+bobs+`","lines":[{"sku":"LAMP","quantity":2,"reason":"other"}]}`)["id"].(string)
	f.do(200, agent, http.MethodPost, approvedPath+"/approve", nil)

	const post, get = http.MethodPost, http.MethodGet
	nobody := caller.Caller{}
	newTicket := func(extra string) string { return `{"subject":"s","message":"m"` + extra + `}` }
	newReturn := func(order, line string) string { return `{"order_id":"` + order + `","lines":[` + line + `]}` }
	okLine := `{"sku":"LAMP","quantity":1,"reason":"other"}`
	tests := []struct {
		name   string
		method string
		path   string
		who    caller.Caller
		body   any
		want   int
		code   string
		fields []string
	}{
		{"nobody opens a ticket", post, "/v1/tickets", nobody, newTicket(""), 401, "sign_in", nil},
		{"nobody lists tickets", get, "/v1/tickets", nobody, nil, 401, "sign_in", nil},
		{"nobody returns", post, "/v1/returns", nobody, newReturn(delivered, okLine), 401, "sign_in", nil},
		{"malformed JSON", post, "/v1/tickets", ana, `{"subject":`, 400, "invalid_request", []string{""}},
		{"no body", post, "/v1/tickets", ana, nil, 415, "unsupported_media_type", nil},
		{"not an object", post, "/v1/tickets", ana, `[]`, 400, "invalid_request", []string{""}},
		{"two documents", post, "/v1/tickets", ana, newTicket("") + newTicket(""), 400, "invalid_request", []string{""}},
		{"missing fields", post, "/v1/tickets", ana, `{}`, 400, "invalid_request", []string{"/subject", "/message"}},
		{"unknown field", post, "/v1/tickets", ana, newTicket(`,"status":"closed"`), 400, "invalid_request", []string{"/status"}},
		{"wrong type", post, "/v1/tickets", ana, `{"subject":1,"message":"m"}`, 400, "invalid_request", []string{"/subject"}},
		{"blank subject", post, "/v1/tickets", ana, `{"subject":"  ","message":"m"}`, 400, "invalid_request", []string{"/subject"}},
		{"long subject", post, "/v1/tickets", ana, `{"subject":"` + strings.Repeat("x", 201) + `","message":"m"}`, 400, "invalid_request", []string{"/subject"}},
		{"long message", post, "/v1/tickets", ana, `{"subject":"s","message":"` + strings.Repeat("x", 5001) + `"}`, 400, "invalid_request", []string{"/message"}},
		{"oversized body", post, "/v1/tickets", ana, `{"subject":"s","message":"` + strings.Repeat("x", 70000) + `"}`, 413, "body_too_large", nil},
		{"unknown category", post, "/v1/tickets", ana, newTicket(`,"category":"weather"`), 400, "invalid_request", []string{"/category"}},
		{"order that is no ID", post, "/v1/tickets", ana, newTicket(`,"order_id":"1"`), 400, "invalid_request", []string{"/order_id"}},
		{"unknown order", post, "/v1/tickets", ana, newTicket(`,"order_id":"` + nowhere + `"`), 422, "order_unknown", []string{"/order_id"}},
		{"another's order", post, "/v1/tickets", ana, newTicket(`,"order_id":"` + bobs + `"`), 422, "order_unknown", []string{"/order_id"}},
		{"a guest's order", post, "/v1/tickets", ana, newTicket(`,"order_id":"` + guests + `"`), 422, "order_unknown", []string{"/order_id"}},

		{"ticket that is no ID", get, "/v1/tickets/1", ana, nil, 400, "invalid_request", []string{"id"}},
		{"unknown ticket", get, "/v1/tickets/" + nowhere, ana, nil, 404, "not_found", nil},
		{"another's ticket", get, ticketPath, bob, nil, 404, "not_found", nil},
		{"staff, but no agent", get, ticketPath, stock, nil, 404, "not_found", nil},
		{"another's messages", get, ticketPath + "/messages", bob, nil, 404, "not_found", nil},
		{"message into another's ticket", post, ticketPath + "/messages", bob, `{"text":"x"}`, 404, "not_found", nil},
		{"closing another's ticket", post, ticketPath + "/close", bob, nil, 404, "not_found", nil},
		{"customer's internal message", post, ticketPath + "/messages", ana, `{"text":"x","internal":true}`, 403, "role_missing", []string{"/internal"}},
		{"empty message", post, ticketPath + "/messages", ana, `{"text":""}`, 400, "invalid_request", []string{"/text"}},
		{"customer assigns", post, ticketPath + "/assign", ana, nil, 403, "role_missing", nil},
		{"customer sees customer view", get, ticketPath + "/customer", ana, nil, 403, "role_missing", nil},
		{"assigned to a customer", post, ticketPath + "/assign", agent, `{"agent_id":"` + ana.UserID + `"}`, 422, "not_an_agent", []string{"/agent_id"}},
		{"assigned to no account", post, ticketPath + "/assign", agent, `{"agent_id":"` + nowhere + `"}`, 422, "not_an_agent", []string{"/agent_id"}},
		{"closed ticket assigned", post, closedPath + "/assign", agent, nil, 409, "ticket_closed", nil},
		{"customer makes it urgent", post, "/v1/tickets", ana, newTicket(`,"priority":"urgent"`), 403, "role_missing", []string{"/priority"}},
		{"unknown priority", post, "/v1/tickets", ana, newTicket(`,"priority":"now"`), 400, "invalid_request", []string{"/priority"}},
		{"follows up another's", post, "/v1/tickets", bob, newTicket(`,"follow_up_of":"` + ticketPath[len("/v1/tickets/"):] + `"`), 422, "ticket_unknown", []string{"/follow_up_of"}},
		{"follows up nothing", post, "/v1/tickets", ana, newTicket(`,"follow_up_of":"` + nowhere + `"`), 422, "ticket_unknown", []string{"/follow_up_of"}},
		{"customer files a ticket", http.MethodPatch, ticketPath, ana, `{"priority":"high"}`, 403, "role_missing", nil},
		{"filed under nothing", http.MethodPatch, ticketPath, agent, `{}`, 400, "invalid_request", []string{""}},
		{"filed under no queue", http.MethodPatch, ticketPath, agent, `{"queue":"nowhere"}`, 422, "queue_unknown", []string{"/queue"}},
		{"ill-formed tag", http.MethodPatch, ticketPath, agent, `{"tags":["a","B"]}`, 400, "invalid_request", []string{"/tags/1"}},
		{"a tag twice", http.MethodPatch, ticketPath, agent, `{"tags":["a","a"]}`, 400, "invalid_request", []string{"/tags"}},
		{"customer holds", post, ticketPath + "/hold", ana, nil, 403, "role_missing", nil},
		{"closed ticket held", post, closedPath + "/hold", agent, nil, 409, "ticket_closed", nil},
		{"closed ticket resolved", post, closedPath + "/resolve", agent, nil, 409, "ticket_closed", nil},
		{"closed ticket unassigned from nobody", post, closedPath + "/unassign", agent, nil, 409, "ticket_closed", nil},
		{"rated too early", post, ticketPath + "/rating", ana, `{"score":5}`, 409, "ticket_not_resolved", nil},
		{"rated by another", post, closedPath + "/rating", bob, `{"score":5}`, 404, "not_found", nil},
		{"rated by an agent", post, closedPath + "/rating", agent, `{"score":5}`, 403, "role_missing", nil},
		{"rated too well", post, closedPath + "/rating", ana, `{"score":6}`, 400, "invalid_request", []string{"/score"}},
		{"worklist for a customer", get, "/v1/worklist", ana, nil, 403, "role_missing", nil},
		{"worklist of what has ended", get, "/v1/worklist?status=closed", agent, nil, 400, "invalid_request", []string{"status"}},
		{"worklist's foreign cursor", get, "/v1/worklist?cursor=!!", agent, nil, 400, "invalid_request", []string{"cursor"}},
		{"overdue that is no boolean", get, "/v1/worklist?overdue=maybe", agent, nil, 400, "invalid_request", []string{"overdue"}},
		{"agent changes the settings", http.MethodPut, "/v1/ops/ticket-settings", agent, `{}`, 403, "role_missing", nil},
		{"settings without queues", http.MethodPut, "/v1/ops/ticket-settings", boss, `{"reopen_days":1,"queues":[]}`, 400, "invalid_request", []string{"/queues"}},
		{"settings without a queue for all", http.MethodPut, "/v1/ops/ticket-settings", boss, `{"reopen_days":1,"queues":[{"name":"all","categories":["order","product","account"],` + targets + `}]}`, 422, "settings_refused", []string{"/queues"}},
		{"customer uses a canned reply", post, ticketPath + "/messages", ana, `{"canned_reply_id":"` + nowhere + `"}`, 403, "role_missing", []string{"/canned_reply_id"}},
		{"unknown canned reply", post, ticketPath + "/messages", agent, `{"canned_reply_id":"` + nowhere + `"}`, 422, "canned_reply_unknown", []string{"/canned_reply_id"}},
		{"text beside a canned reply", post, ticketPath + "/messages", agent, `{"text":"x","canned_reply_id":"` + nowhere + `"}`, 400, "invalid_request", []string{"/text"}},
		{"a message of nothing", post, ticketPath + "/messages", agent, `{}`, 400, "invalid_request", []string{"/text"}},
		{"customer keeps a reply", post, "/v1/canned-replies", ana, `{}`, 403, "role_missing", nil},
		{"reply with an unknown place", post, "/v1/canned-replies", agent, `{"name":"n","language":"en","texts":{"en":"Dear {name}","es":"{x}"}}`, 422, "reply_refused", []string{"/texts/en", "/texts/es"}},
		{"reply without its language", post, "/v1/canned-replies", agent, `{"name":"n","language":"en","texts":{"es":"Hola"}}`, 422, "reply_refused", []string{"/language"}},
		{"reply without texts", post, "/v1/canned-replies", agent, `{"name":"n","language":"en","texts":{}}`, 400, "invalid_request", []string{"/texts"}},
		{"reply in no language", post, "/v1/canned-replies", agent, `{"name":"n","language":"en","texts":{"English":"x"}}`, 400, "invalid_request", []string{"/texts/English"}},
		{"unknown reply", get, "/v1/canned-replies/" + nowhere, agent, nil, 404, "not_found", nil},
		{"unknown reply deleted", http.MethodDelete, "/v1/canned-replies/" + nowhere, agent, nil, 404, "not_found", nil},
		{"a body where none is taken", post, ticketPath + "/close", ana, `{}`, 400, "invalid_request", []string{""}},

		{"huge limit", get, "/v1/tickets?limit=1000", ana, nil, 400, "invalid_request", []string{"limit"}},
		{"zero limit", get, "/v1/tickets?limit=0", ana, nil, 400, "invalid_request", []string{"limit"}},
		{"limit that is no number", get, "/v1/returns?limit=many", ana, nil, 400, "invalid_request", []string{"limit"}},
		{"foreign cursor", get, "/v1/tickets?cursor=!!", ana, nil, 400, "invalid_request", []string{"cursor"}},
		{"cursor beyond the messages", get, ticketPath + "/messages?cursor=eyJtIjo5OX0", ana, nil, 400, "invalid_request", []string{"cursor"}},
		{"unknown status", get, "/v1/tickets?status=lost", ana, nil, 400, "invalid_request", []string{"status"}},
		{"unknown parameter", get, "/v1/returns?q=lamp", ana, nil, 400, "invalid_request", []string{"q"}},
		{"customer asks for another's", get, "/v1/tickets?customer_id=" + bob.UserID, ana, nil, 403, "role_missing", []string{"customer_id"}},
		{"customer filters by agent", get, "/v1/tickets?assigned_to=none", ana, nil, 403, "role_missing", []string{"assigned_to"}},

		{"no lines", post, "/v1/returns", ana, newReturn(delivered, ""), 400, "invalid_request", []string{"/lines"}},
		{"negative quantity", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":-1,"reason":"other"}`), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"zero quantity", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":0,"reason":"other"}`), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"huge quantity", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":99999999999999999999,"reason":"other"}`), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"half a piece", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":0.5,"reason":"other"}`), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"ill-formed SKU", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"../x","quantity":1,"reason":"other"}`), 400, "invalid_request", []string{"/lines/0/sku"}},
		{"unknown reason", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":1,"reason":"ugly"}`), 422, "reason_unknown", []string{"/lines/0/reason"}},
		{"a reason that is none", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":1,"reason":"Ugly!"}`), 400, "invalid_request", []string{"/lines/0/reason"}},
		{"more than was bought", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"BULB","quantity":2,"reason":"other"}`), 422, "quantity_exceeded", []string{"/lines/0/quantity"}},
		{"more than is left", post, "/v1/returns", ana, newReturn(delivered, `{"sku":"LAMP","quantity":2,"reason":"other"}`), 422, "quantity_exceeded", []string{"/lines/0/quantity"}},
		{"SKU of another order", post, "/v1/returns", ana, newReturn(delivered, okLine+`,{"sku":"SOFA","quantity":1,"reason":"other"}`), 422, "unknown_sku", []string{"/lines/1/sku"}},
		{"unknown order's return", post, "/v1/returns", ana, newReturn(nowhere, okLine), 422, "order_unknown", []string{"/order_id"}},
		{"another's order's return", post, "/v1/returns", ana, newReturn(bobs, okLine), 422, "order_unknown", []string{"/order_id"}},
		{"order not delivered", post, "/v1/returns", ana, newReturn(shipped, okLine), 409, "order_not_delivered", nil},
		{"another's ticket named", post, "/v1/returns", bob, `{"order_id":"` + bobs + `","ticket_id":"` + ticketPath[len("/v1/tickets/"):] + `","lines":[` + okLine + `]}`, 422, "ticket_unknown", []string{"/ticket_id"}},
		{"unknown ticket named", post, "/v1/returns", ana, `{"order_id":"` + delivered + `","ticket_id":"` + nowhere + `","lines":[` + okLine + `]}`, 422, "ticket_unknown", []string{"/ticket_id"}},

		{"unknown return", get, "/v1/returns/" + nowhere, agent, nil, 404, "not_found", nil},
		{"another's return", get, returnPath, bob, nil, 404, "not_found", nil},
		{"customer approves", post, returnPath + "/approve", ana, nil, 403, "role_missing", nil},
		{"customer receives", post, returnPath + "/receive", ana, nil, 403, "role_missing", nil},
		{"catalog manager rejects", post, returnPath + "/reject", stock, `{"reason":"x"}`, 403, "role_missing", nil},
		{"unknown return approved", post, "/v1/returns/" + nowhere + "/approve", agent, nil, 404, "not_found", nil},
		{"rejected for no reason", post, returnPath + "/reject", agent, `{}`, 400, "invalid_request", []string{"/reason"}},
		{"received before it is approved", post, returnPath + "/receive", agent, nil, 409, "return_status", nil},
		{"received more than was sent", post, approvedPath + "/receive", agent, `{"lines":[{"sku":"LAMP","quantity":3}]}`, 422, "quantity_exceeded", []string{"/lines/0/quantity"}},
		{"received what was not sent", post, approvedPath + "/receive", agent, `{"lines":[{"sku":"BULB","quantity":1}]}`, 422, "unknown_sku", []string{"/lines/0/sku"}},
		{"a part of nothing", http.MethodPut, approvedPath + "/receipts/" + nowhere, agent, `{}`, 400, "invalid_request", []string{"/lines"}},
		{"a part that is no ID", http.MethodPut, approvedPath + "/receipts/1", agent, `{"lines":[{"sku":"LAMP","quantity":1}]}`, 400, "invalid_request", []string{"receipt"}},
		{"a part that was not sent", http.MethodPut, approvedPath + "/receipts/" + nowhere, agent, `{"lines":[{"sku":"LAMP","quantity":1},{"sku":"LAMP","quantity":2,"restock":false}]}`, 422, "quantity_exceeded", []string{"/lines/1/quantity"}},
		{"a part of what is not approved", http.MethodPut, returnPath + "/receipts/" + nowhere, agent, `{"lines":[{"sku":"LAMP","quantity":1}]}`, 409, "return_status", nil},
		{"customer takes a part in", http.MethodPut, approvedPath + "/receipts/" + nowhere, bob, `{"lines":[{"sku":"LAMP","quantity":1}]}`, 403, "role_missing", nil},
		{"closed before anything came", post, approvedPath + "/close", agent, nil, 409, "return_status", nil},
		{"customer closes", post, approvedPath + "/close", bob, nil, 403, "role_missing", nil},
		{"an empty label", post, returnPath + "/approve", agent, `{"label":""}`, 400, "invalid_request", []string{"/label"}},
		{"received nothing", post, approvedPath + "/receive", agent, `{"lines":[]}`, 400, "invalid_request", []string{"/lines"}},
	}
	before := f.snapshot()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := f.Do(t, contracttest.Request{Method: tt.method, Path: tt.path, As: tt.who, Body: tt.body})
			require.Equal(t, tt.want, a.Status, "%s", a.Body)
			code, fields := a.Problem(t)
			require.Equal(t, tt.code, code)
			require.ElementsMatch(t, tt.fields, fields)
			require.Equal(t, before, f.snapshot(), "something has changed")
		})
	}
}

// Only the sidecar, which proves itself, reaches the service; identity in the
// headers is believed from nobody else.
func TestSidecarOnly(t *testing.T) {
	f := open(t)
	id := f.request(ana)
	f.do(200, agent, http.MethodPost, "/v1/returns/"+id+"/approve", nil)
	before := f.snapshot()
	forged := `{"specversion":"1.0","id":"1","source":"orders","type":"tienda.orders.refunded",
		"data":{"order_id":"` + delivered + `","return_id":"` + id + `","amount":{"amount":1,"currency":"EUR"}}}`
	for _, in := range []contracttest.Request{
		{Method: http.MethodPost, Path: "/events/orders", Body: forged, ContentType: event.ContentType},
		{Method: http.MethodPost, Path: "/v1/returns/" + id + "/receive", As: agent},
		{Method: http.MethodGet, Path: "/v1/tickets", As: agent},
	} {
		in.NoToken = true
		a := f.Do(t, in)
		require.Equal(t, 403, a.Status)
		code, _ := a.Problem(t)
		require.Equal(t, "app_not_allowed", code)
	}
	for body, want := range map[string]int{`{"id":"1"}`: 400, `nonsense`: 400, `{"specversion":"1.0","id":"1","source":"orders","type":"tienda.orders.refunded","data":7}`: 400} {
		f.hear(body, want)
	}
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/events/orders", Body: forged})
	require.Equal(t, 415, a.Status)
	require.Equal(t, before, f.snapshot())
}

// A store that is away is 503 with Retry-After, and no event is announced.
func TestStoreAway(t *testing.T) {
	f := open(t)
	f.store.BeforeCommit = func([]state.Op) error { return errAway }
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/v1/tickets", As: ana, Body: `{"subject":"s","message":"m"}`})
	require.Equal(t, 503, a.Status)
	require.Empty(t, f.events.Events())
}

// snapshot gives all that a refused request must leave alone.
func (f *fixture) snapshot() string {
	f.t.Helper()
	var b strings.Builder
	for _, key := range f.store.Keys("") {
		found, err := f.store.Get(f.t.Context(), key)
		require.NoError(f.t, err)
		fmt.Fprintf(&b, "%s %s %s\n", key, found[0].ETag, found[0].Value)
	}
	fmt.Fprint(&b, f.events.Types())
	return b.String()
}
