package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/canned"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/statestore"
	"tienda/services/support/internal/ticket"
)

const (
	delivered   = "0198d2a4-0000-7000-8000-000000000001" // ana's order: 2 LAMP, 1 BULB
	shipped     = "0198d2a4-0000-7000-8000-000000000002" // ana's
	bobs        = "0198d2a4-0000-7000-8000-000000000003" // bob's, delivered
	guests      = "0198d2a4-0000-7000-8000-000000000004" // a guest's, delivered
	replacement = "0198d2a4-0000-7000-8000-000000000009"
	nowhere     = "0198d2a4-ffff-7000-8000-000000000000"
	requestLMP  = `{"order_id":"` + delivered + `","lines":[{"sku":"LAMP","quantity":1,"reason":"damaged","note":"cracked"}]}`
)

var (
	ana   = person("1", caller.Customer)
	bob   = person("2", caller.Customer)
	agent = person("3", caller.SupportAgent)
	boss  = person("4", caller.Admin)
	stock = person("5", caller.CatalogManager)
)

func person(n string, role caller.Role) caller.Caller {
	return caller.Caller{UserID: "0198d2a0-0000-7000-8000-00000000000" + n, Roles: []caller.Role{role}}
}

type fixture struct {
	*contracttest.Server
	t      *testing.T
	shop   *shop
	store  *statetest.Memory
	calls  *counted
	events *event.Memory

	routes   []httpapi.Route // but those by which documents are moved in
	announce func()          // every change of a ticket or return from now on

	tickets *ticket.Service
	returns *rma.Service
}

// schema gives the check of a schema of the contract.
func schema(t *testing.T, name string) func([]byte) []fault.Field {
	t.Helper()
	c, err := contract.Load(contracts.FS, "support")
	require.NoError(t, err)
	s, err := c.Schema(name)
	require.NoError(t, err)
	return s.Check
}

func open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, shop: &shop{refunds: map[string]int{}, files: map[string][]byte{}}, store: statetest.NewMemory(), events: &event.Memory{}}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f.calls = &counted{Store: f.store}
	db := state.Open(f.calls, f.events, log)
	replies := canned.NewService(statestore.NewReplies(db))
	tickets := ticket.NewService(statestore.NewTickets(db), f.shop, f.shop, Templates{replies}, f.shop, log)
	returns := rma.NewService(statestore.NewReturns(db), f.shop, f.shop, tickets, log)
	f.tickets, f.returns = tickets, returns
	movedTickets, movedReturns := statestore.MovedTickets(db, schema(t, "SyncTicket")), statestore.MovedReturns(db, schema(t, "SyncReturn"))
	f.announce = func() {
		movedTickets.Announce("support")
		movedReturns.Announce("support")
	}
	f.routes = Routes(tickets, returns, replies)
	f.Server = contracttest.New(t, "support", slices.Concat(f.routes, movedTickets.Routes(), movedReturns.Routes(), []httpapi.Route{intake.OutboxRoute(db)}))
	return f
}

// do makes a call, requires its status and reads the answer into a map.
func (f *fixture) do(want int, who caller.Caller, method, path string, body any) map[string]any {
	f.t.Helper()
	a := f.Do(f.t, contracttest.Request{Method: method, Path: path, As: who, Body: body})
	require.Equal(f.t, want, a.Status, "%s %s: %s", method, path, a.Body)
	var out map[string]any
	a.JSON(f.t, &out)
	if v, ok := out["version"]; ok {
		require.Equal(f.t, fmt.Sprintf(`"%v"`, v), a.Header.Get("ETag"))
	}
	return out
}

func (f *fixture) open(who caller.Caller) string {
	f.t.Helper()
	return f.do(201, who, http.MethodPost, "/v1/tickets", `{"subject":"Lamp","message":"Broken."}`)["id"].(string)
}

func (f *fixture) request(who caller.Caller) string {
	f.t.Helper()
	return f.do(201, who, http.MethodPost, "/v1/returns", requestLMP)["id"].(string)
}

func items(m map[string]any) []any { return m["items"].([]any) }

// The whole story of a ticket and a return; every operation of the contract
// has its turn.
func TestStory(t *testing.T) {
	f := open(t)
	f.do(200, caller.Caller{}, http.MethodGet, "/healthz", nil)
	f.do(200, caller.Caller{}, http.MethodGet, "/readyz", nil)
	require.Equal(t, 200, f.Do(t, contracttest.Request{Method: http.MethodGet, Path: "/metrics"}).Status)

	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/v1/tickets", As: ana,
		Body: `{"subject":"Lamp","message":"It came broken.","order_id":"` + delivered + `"}`})
	require.Equal(t, 201, a.Status)
	path := a.Header.Get("Location")
	require.Equal(t, `"1"`, a.Header.Get("ETag"))

	got := f.do(200, ana, http.MethodGet, path, nil)
	require.Equal(t, "open", got["status"])
	require.Equal(t, "order", got["category"])
	require.Nil(t, got["assigned_to"])
	require.Equal(t, agent.UserID, f.do(200, agent, http.MethodPost, path+"/assign", nil)["assigned_to"])
	f.do(201, agent, http.MethodPost, path+"/messages", `{"text":"Seen this before.","internal":true}`)
	f.do(201, agent, http.MethodPost, path+"/messages", `{"text":"Please send it back."}`)
	require.Equal(t, "answered", f.do(200, ana, http.MethodGet, path, nil)["status"])
	require.InDelta(t, 2, f.do(200, ana, http.MethodGet, path, nil)["message_count"], 0)
	require.Len(t, items(f.do(200, ana, http.MethodGet, path+"/messages", nil)), 2)
	page1 := f.do(200, agent, http.MethodGet, path+"/messages?limit=2", nil)
	require.Len(t, items(page1), 2)
	page2 := f.do(200, agent, http.MethodGet, path+"/messages?limit=2&cursor="+page1["next_cursor"].(string), nil)
	require.Len(t, items(page2), 1)
	require.NotContains(t, page2, "next_cursor")

	c := f.do(200, agent, http.MethodGet, path+"/customer", nil)
	require.Equal(t, ana.UserID, c["profile"].(map[string]any)["id"])
	require.Len(t, c["orders"], 1)
	require.Empty(t, c["unavailable"])

	ret := f.do(201, ana, http.MethodPost, "/v1/returns", `{"order_id":"`+delivered+`","ticket_id":"`+got["id"].(string)+`",
		"lines":[{"sku":"LAMP","quantity":2,"reason":"damaged"},{"sku":"BULB","quantity":1,"reason":"unwanted"}]}`)
	rpath := "/v1/returns/" + ret["id"].(string)
	require.Equal(t, "requested", f.do(200, ana, http.MethodGet, rpath, nil)["status"])
	require.Equal(t, "approved", f.do(200, agent, http.MethodPost, rpath+"/approve", nil)["status"])
	done := f.do(200, agent, http.MethodPost, rpath+"/receive", `{"lines":[{"sku":"LAMP","quantity":2,"restock":false}]}`)
	require.Equal(t, "refunded", done["status"])
	require.InDelta(t, 1000, done["refund"].(map[string]any)["amount"], 0)
	first := done["lines"].([]any)[0].(map[string]any)
	require.InDelta(t, 2, first["received"], 0)
	require.Equal(t, false, first["restock"])
	require.Equal(t, done, f.do(200, agent, http.MethodPost, rpath+"/receive", nil))

	f.parts()
	f.canned(path)
	f.attachment(path)
	f.policies()
	f.moved()

	// The bulb did not come; it can be asked for again, and be refused.
	again := f.do(201, ana, http.MethodPost, "/v1/returns", `{"order_id":"`+delivered+`","lines":[{"sku":"BULB","quantity":1,"reason":"other"}]}`)
	refused := f.do(200, boss, http.MethodPost, "/v1/returns/"+again["id"].(string)+"/reject", `{"reason":"Too late."}`)
	require.Equal(t, "Too late.", refused["rejection"])

	f.work(path)
	require.Equal(t, "closed", f.do(200, ana, http.MethodPost, path+"/close", nil)["status"])
	require.Equal(t, "closed", f.do(200, agent, http.MethodPost, path+"/close", nil)["status"])
	f.do(201, ana, http.MethodPost, path+"/messages", `{"text":"One more thing."}`)
	require.Equal(t, "open", f.do(200, ana, http.MethodGet, path, nil)["status"])
	next := f.do(201, ana, http.MethodPost, "/v1/tickets", `{"subject":"Again","message":"m","follow_up_of":"`+got["id"].(string)+`"}`)
	require.Equal(t, got["id"], next["follow_up_of"])

	require.Len(t, items(f.do(200, ana, http.MethodGet, "/v1/tickets", nil)), 2, "those that were moved in are bob's")
	require.Len(t, items(f.do(200, ana, http.MethodGet, "/v1/returns", nil)), 2, "the one in parts is bob's")
	require.Empty(t, f.hear(`{"specversion":"1.0","id":"1","source":"orders","type":"tienda.orders.shipped","data":{}}`, 200))
	require.Equal(t, []string{"ticket_opened", "ticket_assigned", "ticket_answered", "return_requested", "return_approved", "return_received",
		"return_refunded",
		"return_requested", "return_approved", "return_partially_received", "return_received", "return_refunded", "ticket_answered", "ticket_answered", "ticket_answered", "return_approved", "label_set",
		"return_requested", "return_rejected", "ticket_resolved", "ticket_rated", "ticket_unassigned", "ticket_closed", "ticket_answered", "ticket_opened"}, f.what())
	f.TryDeadLetters(t, "support", "orders", "tienda.orders.refunded")
	f.RequireAllTried(t)
}

// parts is a return of bob's that comes in parts and is closed short.
func (f *fixture) parts() {
	t := f.t
	ret := f.do(201, bob, http.MethodPost, "/v1/returns", `{"order_id":"`+bobs+`","lines":[{"sku":"LAMP","quantity":2,"reason":"damaged"},{"sku":"BULB","quantity":1,"reason":"other"}]}`)
	path := "/v1/returns/" + ret["id"].(string)
	f.do(200, agent, http.MethodPost, path+"/approve", `{"label":"DHL 00123"}`)
	require.Equal(t, "DHL 00123", f.do(200, bob, http.MethodGet, path, nil)["label"])
	var part map[string]any
	for range 2 {
		part = f.do(200, agent, http.MethodPut, path+"/receipts/"+nowhere, `{"lines":[{"sku":"LAMP","quantity":1},{"sku":"LAMP","quantity":1,"restock":false}]}`)
		require.Equal(t, "partially_received", part["status"])
	}
	require.InDelta(t, 1000, part["refund"].(map[string]any)["amount"], 0)
	first := part["lines"].([]any)[0].(map[string]any)
	require.InDelta(t, 2, first["received"], 0)
	require.InDelta(t, 1, first["restocked"], 0)
	require.Equal(t, false, first["restock"])
	closed := f.do(200, agent, http.MethodPost, path+"/close", nil)
	require.Equal(t, "refunded", closed["status"])
	require.Equal(t, closed, f.do(200, agent, http.MethodPost, path+"/close", nil))
	require.Len(t, closed["receipts"], 1)
	require.Equal(t, 1, f.shop.refunds[closed["receipts"].([]any)[0].(map[string]any)["refund_id"].(string)], "refunded once")
}

func (f *fixture) what() (out []string) {
	for _, typ := range f.events.Types() {
		out = append(out, typ[len("tienda.support."):])
	}
	return out
}

func (f *fixture) hear(body string, want int) map[string]any {
	f.t.Helper()
	a := f.Do(f.t, contracttest.Request{Method: http.MethodPost, Path: "/events/orders", Body: body, ContentType: event.ContentType})
	require.Equal(f.t, want, a.Status, "%s", a.Body)
	var out map[string]any
	a.JSON(f.t, &out)
	return out
}

func TestTicketLists(t *testing.T) {
	f := open(t)
	mine, others := f.open(ana), f.open(bob)
	f.do(200, agent, http.MethodPost, "/v1/tickets/"+mine+"/assign", `{"agent_id":"`+boss.UserID+`"}`)
	f.do(200, bob, http.MethodPost, "/v1/tickets/"+others+"/close", nil)
	tests := []struct {
		who   caller.Caller
		query string
		want  []string
	}{
		{ana, "", []string{mine}},
		{ana, "?customer_id=" + ana.UserID, []string{mine}},
		{ana, "?status=closed", nil},
		{agent, "", []string{others, mine}},
		{agent, "?limit=1", []string{others}},
		{agent, "?status=closed", []string{others}},
		{agent, "?customer_id=" + bob.UserID, []string{others}},
		{boss, "?assigned_to=me", []string{mine}},
		{agent, "?assigned_to=me", nil},
		{agent, "?assigned_to=" + boss.UserID, []string{mine}},
		{agent, "?assigned_to=none", []string{others}},
	}
	for _, tt := range tests {
		var ids []string
		for _, it := range items(f.do(200, tt.who, http.MethodGet, "/v1/tickets"+tt.query, nil)) {
			ids = append(ids, it.(map[string]any)["id"].(string))
		}
		require.Equal(t, tt.want, ids, tt.query)
	}
}

func TestCustomerWithPartsAway(t *testing.T) {
	f := open(t)
	path := "/v1/tickets/" + f.open(ana) + "/customer"
	gone := "/v1/tickets/" + f.open(bob) + "/customer" // bob's account is gone
	tests := []struct {
		path          string
		orders, users bool
		unavailable   []any
	}{
		{path, false, true, []any{"profile"}},
		{path, true, false, []any{"orders"}},
		{path, true, true, []any{"profile", "orders"}},
		{gone, false, false, []any{}},
	}
	for _, tt := range tests {
		f.shop.away(tt.orders, tt.users)
		c := f.do(200, agent, http.MethodGet, tt.path, nil)
		require.Equal(t, tt.unavailable, c["unavailable"])
		require.Equal(t, tt.orders, c["orders"] == nil)
		require.Equal(t, tt.users || tt.path == gone, c["profile"] == nil)
	}
}

func TestReceiveWhileOrdersIsAway(t *testing.T) {
	f := open(t)
	id := f.request(ana)
	path := "/v1/returns/" + id
	f.do(200, agent, http.MethodPost, path+"/approve", nil)
	f.shop.away(true, false)
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path + "/receive", As: agent})
	require.Equal(t, 503, a.Status)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Equal(t, "received", f.do(200, ana, http.MethodGet, path, nil)["status"])
	f.shop.away(false, false)
	require.Equal(t, "refunded", f.do(200, agent, http.MethodPost, path+"/receive", nil)["status"])
	require.Equal(t, 1, f.shop.refunds[id])
	refunded := `{"specversion":"1.0","id":"1","source":"orders","type":"tienda.orders.refunded",
		"data":{"order_id":"` + delivered + `","return_id":"` + id + `","amount":{"amount":500,"currency":"EUR"},"lines":[]}}`
	f.hear(refunded, 200)
	require.Len(t, f.events.Events(), 4, "a refund that is known already")
}

func TestReceiveWhenOrdersRefuses(t *testing.T) {
	f := open(t)
	path := "/v1/returns/" + f.request(ana)
	f.do(200, agent, http.MethodPost, path+"/approve", nil)
	f.shop.refusal = fault.New(fault.Unprocessable, "quantity_exceeded", "More would come back than was bought.")
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path + "/receive", As: agent})
	require.Equal(t, 409, a.Status)
	code, _ := a.Problem(t)
	require.Equal(t, "refund_refused", code)
	stuck := items(f.do(200, agent, http.MethodGet, "/v1/returns?status=refund_failed", nil))
	require.Len(t, stuck, 1)
	require.Equal(t, "More would come back than was bought.", stuck[0].(map[string]any)["refund_failure"])
	f.shop.refusal = nil
	done := f.do(200, agent, http.MethodPost, path+"/receive", nil)
	require.Equal(t, "refunded", done["status"])
	require.NotContains(t, done, "refund_failure")
}

// A guest has no account; an agent opens the return for them.
func TestReturnOfAGuest(t *testing.T) {
	f := open(t)
	body := `{"order_id":"` + guests + `","lines":[{"sku":"LAMP","quantity":1,"reason":"other"}]}`
	f.do(422, ana, http.MethodPost, "/v1/returns", body)
	ret := f.do(201, agent, http.MethodPost, "/v1/returns", body)
	require.NotContains(t, ret, "customer_id")
	f.do(404, ana, http.MethodGet, "/v1/returns/"+ret["id"].(string), nil)
	require.Len(t, items(f.do(200, agent, http.MethodGet, "/v1/returns?status=requested", nil)), 1)
}

func TestVersions(t *testing.T) {
	f := open(t)
	tpath, rpath := "/v1/tickets/"+f.open(ana), "/v1/returns/"+f.request(ana)
	for _, path := range []string{tpath + "/assign", tpath + "/close", rpath + "/approve", rpath + "/receive", rpath + "/reject"} {
		in := contracttest.Request{Method: http.MethodPost, Path: path, As: agent, Header: http.Header{"If-Match": {`"7"`}}}
		if path == rpath+"/reject" {
			in.Body = `{"reason":"no"}`
		}
		a := f.Do(t, in)
		require.Equal(t, 412, a.Status, path)
		_, fields := a.Problem(t)
		require.Equal(t, []string{"If-Match"}, fields)
	}
	require.Equal(t, 200, f.Do(t, contracttest.Request{Method: http.MethodPost, Path: rpath + "/approve", As: agent, Header: http.Header{"If-Match": {`"1"`}}}).Status)
	require.Equal(t, 200, f.Do(t, contracttest.Request{Method: http.MethodPost, Path: tpath + "/close", As: ana, Header: http.Header{"If-Match": {`"1"`}}}).Status)
}
