package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/origin/intake/intaketest"
)

func TestWhatIsTold(t *testing.T) {
	for _, on := range []bool{true, false} {
		f := open(t)
		if on {
			f.announce()
		}
		c := intaketest.New(t, f.Server, kindsTold...)
		var tk, ret string
		ticket, back := []string{"tickets"}, []string{"returns"}
		do := func(want int, who caller.Caller, method, what string, body any) func() {
			return func() { f.do(want, who, method, "/v1/tickets/"+tk+what, body) }
		}
		of := func(want int, method, what string, body any) func() {
			return func() { f.do(want, agent, method, "/v1/returns/"+ret+what, body) }
		}
		ask := func(order string) func() {
			return func() {
				ret = f.do(201, ana, "POST", "/v1/returns", `{"order_id":"`+order+`","lines":[{"sku":"LAMP","quantity":1,"reason":"damaged"}]}`)["id"].(string)
			}
		}
		tried := map[string]bool{}
		for _, step := range []struct {
			route string
			do    func()
			want  []string
		}{
			{"POST /v1/tickets", func() { tk = f.open(ana) }, ticket},
			{"POST /v1/tickets/{id}/assign", do(200, agent, "POST", "/assign", nil), ticket},
			{"POST /v1/tickets/{id}/assign", do(200, agent, "POST", "/assign", nil), nil},
			{"POST /v1/tickets/{id}/messages", do(201, agent, "POST", "/messages", `{"text":"Seen.","internal":true}`), ticket},
			{"POST /v1/tickets/{id}/messages", do(201, agent, "POST", "/messages", `{"text":"Hello."}`), ticket},
			{"PATCH /v1/tickets/{id}", do(200, agent, "PATCH", "", `{"priority":"high"}`), ticket},
			{"POST /v1/tickets/{id}/hold", do(200, agent, "POST", "/hold", nil), ticket},
			{"POST /v1/tickets/{id}/unassign", do(200, agent, "POST", "/unassign", nil), ticket},
			{"POST /v1/tickets/{id}/resolve", do(200, agent, "POST", "/resolve", nil), ticket},
			{"POST /v1/tickets/{id}/rating", do(200, ana, "POST", "/rating", `{"score":5}`), ticket},
			{"POST /v1/tickets/{id}/close", do(200, ana, "POST", "/close", nil), ticket},
			{"POST /v1/tickets/{id}/close", do(200, ana, "POST", "/close", nil), nil},
			{"POST /v1/returns", ask(delivered), back},
			{"POST /v1/returns/{id}/approve", of(200, "POST", "/approve", nil), back},
			{"PUT /v1/returns/{id}/label", of(200, "PUT", "/label", `{"carrier":"DHL","label":"1"}`), back},
			{"POST /v1/returns/{id}/receive", of(200, "POST", "/receive", nil), []string{"returns", "returns"}},
			{"POST /v1/returns/{id}/receive", of(200, "POST", "/receive", nil), nil},
			{"POST /v1/returns", ask(delivered), back},
			{"POST /v1/returns/{id}/reject", of(200, "POST", "/reject", `{"reason":"Late."}`), back},
			{"POST /v1/returns", func() {
				ret = f.do(201, bob, "POST", "/v1/returns", `{"order_id":"`+bobs+`","lines":[{"sku":"LAMP","quantity":2,"reason":"damaged"}]}`)["id"].(string)
				f.do(200, agent, "POST", "/v1/returns/"+ret+"/approve", nil)
			}, []string{"returns", "returns"}},
			{"PUT /v1/returns/{id}/receipts/{receipt}", of(200, "PUT", "/receipts/"+nowhere, `{"lines":[{"sku":"LAMP","quantity":1}]}`), []string{"returns", "returns"}},
			{"POST /v1/returns/{id}/close", of(200, "POST", "/close", nil), []string{"returns", "returns"}},
			{"POST /v1/returns", func() {
				ask(delivered)()
				f.do(200, agent, "POST", "/v1/returns/"+ret+"/approve", nil)
				f.shop.away(true, false)
				f.Do(t, contracttest.Request{Method: "POST", Path: "/v1/returns/" + ret + "/receive", As: agent})
				f.shop.away(false, false)
			}, []string{"returns", "returns", "returns"}},
			{"POST /events/orders", func() {
				f.hear(`{"specversion":"1.0","id":"1","source":"orders","type":"tienda.orders.refunded",
					"data":{"order_id":"`+delivered+`","return_id":"`+ret+`","amount":{"amount":500,"currency":"EUR"},"lines":[]}}`, 200)
			}, back},
		} {
			step.do()
			told := c.Hear(t, f.events.Events())
			if !on {
				require.Empty(t, told)
				continue
			}
			require.Equal(t, step.want, told, step.route)
			c.RequireEqual(t)
			tried[step.route] = true
		}
		for _, name := range []string{ // settings and replies of here, and files, which another system does not get
			"POST /v1/canned-replies", "PUT /v1/canned-replies/{id}", "DELETE /v1/canned-replies/{id}",
			"PUT /v1/ops/ticket-settings", "PUT /v1/ops/return-policies", "PUT /v1/tickets/{id}/messages/{message}/attachments/{attachment}",
		} {
			tried[name] = true
		}
		for _, r := range f.routes {
			require.True(t, !on || r.Method == http.MethodGet || tried[r.Method+" "+r.Path], "%s %s: nobody says what is told of it", r.Method, r.Path)
		}
	}
}

// kindsTold are those that are told of.
var kindsTold = []string{"tickets", "returns"}

// Of what is moved in nothing is told; of what is changed of it here, all.
func TestWhatIsToldOfMoved(t *testing.T) {
	f := open(t)
	f.announce()
	c := intaketest.New(t, f.Server, kindsTold...)
	f.sync("tickets", "0", sent("tickets", 1, 5, movedTicket(1, "open")), sent("tickets", 2, 5, movedTicket(2, "open")))
	f.sync("returns", "0", sent("returns", 1, 5, movedReturn("approved", "")))
	f.sync("tickets", "0", sent("tickets", 2, 6, ""))
	require.Empty(t, c.Hear(t, f.events.Events()))
	c.Forget(t, f.events.Events())
	require.Equal(t, []int{1, 1}, []int{len(c.IDs("tickets")), len(c.IDs("returns"))})
	f.do(201, bob, "POST", "/v1/tickets/"+movedID("tickets", 1)+"/messages", `{"text":"Still."}`)
	require.Equal(t, []string{"tickets"}, c.Hear(t, f.events.Events()))
	require.Len(t, c.Document(t, "tickets", movedID("tickets", 1))["messages"], 3)
	f.do(200, agent, "POST", "/v1/returns/"+movedID("returns", 1)+"/reject", `{"reason":"Late."}`)
	require.Equal(t, []string{"returns"}, c.Hear(t, f.events.Events()))
	c.RequireEqual(t)
}

// Who only hears of changes and reads ends with what a full reading gives, also where there
// is more than a page of it.
func TestAWalkThatIsFollowed(t *testing.T) {
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		f := open(t)
		f.announce()
		c := intaketest.New(t, f.Server, kindsTold...)
		some := func(kind string) string { return "/v1/" + kind + "/" + c.Any(rnd.IntN, kind, nowhere) }
		for range 250 {
			try := func(who caller.Caller, method, path string, body any) {
				f.Do(t, contracttest.Request{Method: method, Path: path, As: who, Body: body})
			}
			switch rnd.IntN(9) {
			case 0, 1, 2, 3:
				f.open([]caller.Caller{ana, bob}[rnd.IntN(2)])
			case 4:
				try(agent, "POST", some("tickets")+"/messages", fmt.Sprintf(`{"text":"%d"}`, rnd.IntN(9)))
			case 5:
				try(agent, "POST", some("tickets")+"/"+[]string{"assign", "hold", "resolve", "close"}[rnd.IntN(4)], nil)
			case 6:
				try(ana, "POST", "/v1/returns", requestLMP)
			case 7:
				try(agent, "POST", some("returns")+"/"+[]string{"approve", "receive", "close"}[rnd.IntN(3)], nil)
			case 8:
				try(agent, "POST", some("returns")+"/reject", `{"reason":"x"}`)
			}
			c.Hear(t, f.events.Events())
		}
		c.RequireEqual(t)
		require.Greater(t, len(c.IDs("tickets")), 90)
	}
}
