package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/services/support/internal/rma"
)

const cents = `,"refund":{"amount":499,"currency":"EUR"}`

// inMoved moves a return of bob's order in and gives its path.
func (f *fixture) inMoved(position uint64, status, more string) string {
	f.t.Helper()
	doc := movedReturn(status, more)
	require.Equal(f.t, []string{"stored"}, f.sync("returns", "0", sent("returns", 1, position, doc)))
	require.JSONEq(f.t, doc, f.kept("returns", 1))
	return "/v1/returns/" + movedID("returns", 1)
}

// idle requires that nothing is refunded by itself, and that nothing was announced.
func (f *fixture) idle() {
	f.t.Helper()
	require.NoError(f.t, f.returns.RefundReceived(f.t.Context()))
	require.Empty(f.t, f.shop.refunds)
	require.Empty(f.t, f.events.Events())
}

func amount(m map[string]any) int { return int(m["refund"].(map[string]any)["amount"].(float64)) }

// One that is on its way is received here: refunded and restocked once.
func TestAMovedReturnGoesOnHere(t *testing.T) {
	f := open(t)
	path := f.inMoved(1, "requested", `,"ticket_id":"`+nowhere+`"`)
	f.idle()
	for _, who := range []struct{ list string }{{"/v1/returns"}, {"/v1/returns?status=requested"}} {
		require.Equal(t, []string{movedID("returns", 1)}, f.listed(bob, who.list))
		require.Equal(t, []string{movedID("returns", 1)}, f.listed(agent, who.list))
		require.Empty(t, f.listed(ana, who.list))
	}
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/v1/returns", As: bob, Body: `{"order_id":"` + bobs + `","lines":[{"sku":"BULB","quantity":1,"reason":"other"}]}`})
	code, _ := a.Problem(t)
	require.Equal(t, "quantity_exceeded", code, "it is on its way back already")

	f.do(200, agent, http.MethodPost, path+"/approve", `{"label":"L1"}`)
	require.NotEqual(t, movedReturn("requested", ""), f.kept("returns", 1))
	done := f.do(200, agent, http.MethodPost, path+"/receive", nil)
	require.Equal(t, "refunded", done["status"])
	require.Equal(t, 500, amount(done))
	require.True(t, f.shop.asked[0].Restock)
	require.Equal(t, []string{"return_approved", "return_received", "return_refunded"}, f.what())
	require.NoError(t, f.returns.RefundReceived(t.Context()))
	require.Equal(t, map[string]int{movedID("returns", 1): 1}, f.shop.refunds)
}

// One that is received where it comes from is refunded there, or here once an agent
// says so; what is on the shelf there is not put there again.
func TestAMovedReturnThatIsReceived(t *testing.T) {
	f := open(t)
	path := f.inMoved(1, "received", "")
	f.idle()
	got := f.do(200, agent, http.MethodGet, path, nil)
	require.Len(t, got["receipts"], 1)
	require.NotContains(t, got, "refund")
	require.InDelta(t, 1, got["lines"].([]any)[0].(map[string]any)["restocked"], 0)

	f.shop.away(true, false)
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path + "/receive", As: agent, Header: http.Header{"If-Match": {`"9"`}}})
	require.Equal(t, 412, a.Status)
	f.do(503, agent, http.MethodPost, path+"/receive", nil)
	f.shop.away(false, false)
	f.do(200, agent, http.MethodPost, path+"/receive", nil)
	done := f.do(200, agent, http.MethodPost, path+"/receive", nil)
	require.Equal(t, "refunded", done["status"])
	require.Equal(t, 500, amount(done))
	require.Equal(t, []rma.Came{{SKU: "BULB", Quantity: 1}}, f.shop.asked, "not to be restocked")
	require.Len(t, f.shop.refunds, 1)
	for id, n := range f.shop.refunds {
		require.Equal(t, 1, n, id)
	}
	require.Equal(t, []string{"return_refunded"}, f.what())

	// The next state of where it comes from is written over that.
	f.inMoved(2, "refunded", cents)
	require.Equal(t, 499, amount(f.do(200, agent, http.MethodPost, path+"/receive", nil)))
	require.Len(t, f.shop.refunds, 1)
}

// A refund that was made where it comes from is not made again.
func TestAMovedReturnThatWasRefunded(t *testing.T) {
	for _, tt := range []struct {
		status, more string
		act          string
		want         int // what is refunded in all
		asked        []rma.Came
	}{
		{"refunded", cents, "/receive", 499, nil},
		{"received", cents, "/receive", 499, nil},
		{"approved", cents, "/receive", 499, []rma.Came{{SKU: "BULB", Quantity: 1, Restock: true, Deduction: 100, Why: "Refunded before it came back."}}},
	} {
		t.Run(tt.status, func(t *testing.T) {
			f := open(t)
			path := f.inMoved(1, tt.status, tt.more)
			f.idle()
			require.Equal(t, 499, amount(f.do(200, bob, http.MethodGet, path, nil)))
			for range 2 {
				done := f.do(200, agent, http.MethodPost, path+tt.act, nil)
				require.Equal(t, "refunded", done["status"])
				require.Equal(t, tt.want, amount(done))
			}
			require.NoError(t, f.returns.RefundReceived(t.Context()))
			require.Equal(t, tt.asked, f.shop.asked)
		})
	}
}

// A rest comes here: it is refunded and restocked, and so is what was not refunded yet.
func TestAMovedReturnOfWhichSomeCame(t *testing.T) {
	lines := func(received string) string {
		return strings.Replace(movedReturn("partially_received", ""), `"quantity":1,"reason":"too_dim"`, `"quantity":2,"reason":"too_dim","received":`+received, 1)
	}
	f := open(t)
	require.Equal(t, []string{"rejected return_status /lines"}, f.sync("returns", "0", sent("returns", 1, 1, lines("0"))))
	require.Equal(t, []string{"stored"}, f.sync("returns", "0", sent("returns", 1, 1, lines("1"))))
	f.idle()
	path := "/v1/returns/" + movedID("returns", 1)
	f.shop.away(true, false)
	f.do(503, agent, http.MethodPost, path+"/receive", `{"lines":[{"sku":"BULB","quantity":1,"restock":false}]}`)
	f.shop.away(false, false)
	done := f.do(200, agent, http.MethodPost, path+"/receive", `{"lines":[{"sku":"BULB","quantity":1,"restock":false}]}`)
	require.Equal(t, "refunded", done["status"])
	require.Equal(t, 1000, amount(done))
	require.Len(t, f.shop.refunds, 2)

	f.sync("returns", "0", sent("returns", 1, 2, lines("1")))
	f.do(200, agent, http.MethodPost, path+"/close", nil)
	require.Len(t, f.shop.refunds, 2, "under the same ID: orders makes it once")
}

func TestReturnsThatAreNotTaken(t *testing.T) {
	f := open(t)
	line := `{"sku":"BULB","quantity":1,"reason":"too_dim"}`
	with := func(lines ...string) string {
		return strings.Replace(movedReturn("refunded", cents), line, strings.Join(lines, ","), 1)
	}
	more := func(s string) string { return strings.Replace(line, "}", s+"}", 1) }
	for i, tt := range []struct{ doc, want string }{
		{with(line), "stored"},
		{with(line, line), "rejected duplicate_sku /lines/1/sku"},
		{with(more(`,"received":2`)), "rejected quantity_exceeded /lines/0/received"},
		{with(more(`,"received":0,"restocked":1`)), "rejected quantity_exceeded /lines/0/restocked"},
		{movedReturn("refunded", ""), "rejected invalid_request /refund"},
		{movedReturn("refund_failed", ""), "rejected invalid_request /status"},
		{strings.Replace(movedReturn("approved", ""), line, more(`,"received":1`), 1), "rejected return_status /lines/0/received"},
		{movedReturn("approved", `,"received_at":"2024-05-03T08:00:00Z"`), "rejected return_status /received_at"},
		{strings.Replace(movedReturn("received", ""), line, more(`,"received":0`), 1), "rejected return_status /lines"},
		{movedReturn("rejected", `,"refund":{"amount":-1,"currency":"EUR"}`), "rejected invalid_request /refund/amount"},
	} {
		require.Equal(t, []string{tt.want}, f.sync("returns", "0", sent("returns", i, 1, tt.doc)), tt.doc)
	}
	for n := 100; n < 199; n++ {
		require.Equal(t, []string{"stored"}, f.sync("returns", "0", sent("returns", n, 1, movedReturn("rejected", ""))))
	}
	require.Equal(t, []string{"rejected too_many_returns"}, f.sync("returns", "0", sent("returns", 200, 1, movedReturn("rejected", ""))))
	require.Len(t, f.listed(bob, "/v1/returns"), rma.MaxPerOrder)
}

// A return may turn out to be of another order, or customer.
func TestAMovedReturnOfAnotherOrder(t *testing.T) {
	f := open(t)
	f.inMoved(1, "approved", "")
	hers := strings.Replace(strings.Replace(movedReturn("approved", ""), bobs, delivered, 1), bob.UserID, ana.UserID, 1)
	guest := strings.Replace(movedReturn("approved", ""), `"customer_id":"`+bob.UserID+`",`, "", 1)
	f.sync("returns", "0", sent("returns", 1, 2, hers))
	require.Empty(t, f.listed(bob, "/v1/returns"))
	require.Equal(t, []string{movedID("returns", 1)}, f.listed(ana, "/v1/returns"))
	require.Equal(t, []string{"returns-of-order:" + delivered}, f.store.Keys("returns-of-order:"))
	f.sync("returns", "0", sent("returns", 1, 3, guest))
	require.JSONEq(t, guest, f.kept("returns", 1))
	require.Empty(t, f.listed(ana, "/v1/returns"))
	require.Empty(t, f.store.Keys("moved-returns-of:"))
	require.Equal(t, []string{movedID("returns", 1)}, f.listed(agent, "/v1/returns"))
	f.sync("returns", "0", sent("returns", 1, 4, ""))
	require.Empty(t, f.listed(agent, "/v1/returns"))
	require.Empty(t, f.store.Keys("returns-of-order:"))
	f.do(404, agent, http.MethodGet, "/v1/returns/"+movedID("returns", 1), nil)
	f.sync("returns", "0", sent("returns", 1, 4, ""))
	require.Empty(t, f.store.Keys("return:"))
}
