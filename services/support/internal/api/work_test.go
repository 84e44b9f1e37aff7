package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

const targets = `"targets":{
	"low":{"first_response_minutes":60,"resolution_minutes":600},"normal":{"first_response_minutes":30,"resolution_minutes":300},
	"high":{"first_response_minutes":20,"resolution_minutes":200},"urgent":{"first_response_minutes":10,"resolution_minutes":100}}`

// work takes a ticket of ana's, assigned and answered, through the hands of agents.
func (f *fixture) work(path string) {
	t := f.t
	sorted := f.do(200, agent, http.MethodPatch, path, `{"priority":"urgent","tags":["vip","broken"]}`)
	require.Equal(t, "urgent", sorted["priority"])
	require.Equal(t, []any{"broken", "vip"}, sorted["tags"])
	require.Equal(t, "orders", sorted["queue"])
	require.Contains(t, sorted["first_response"], "met_at")
	require.NotContains(t, f.do(200, ana, http.MethodGet, path, nil), "queue", "how it is worked on is for agents")
	require.Equal(t, "on_hold", f.do(200, agent, http.MethodPost, path+"/hold", nil)["status"])
	require.Len(t, items(f.do(200, agent, http.MethodGet, "/v1/worklist?status=on_hold&tag=vip&queue=orders&priority=urgent&overdue=false&assigned_to=me", nil)), 1)
	require.Empty(t, items(f.do(200, agent, http.MethodGet, "/v1/worklist?overdue=true", nil)))
	first := items(f.do(200, agent, http.MethodGet, "/v1/queues", nil))[0].(map[string]any)
	require.Equal(t, map[string]any{"name": "orders", "open": 0.0, "answered": 0.0, "on_hold": 1.0, "unassigned": 0.0, "overdue": 0.0}, first)
	require.Equal(t, "resolved", f.do(200, agent, http.MethodPost, path+"/resolve", nil)["status"])
	require.Empty(t, items(f.do(200, agent, http.MethodGet, "/v1/worklist", nil)))
	rated := f.do(200, ana, http.MethodPost, path+"/rating", `{"score":5,"comment":"Fast."}`)
	require.InDelta(t, 5, rated["rating"].(map[string]any)["score"], 0)
	require.Equal(t, rated, f.do(200, ana, http.MethodPost, path+"/rating", `{"score":5,"comment":"Fast."}`))
	require.Nil(t, f.do(200, agent, http.MethodPost, path+"/unassign", nil)["assigned_to"])

	set := f.do(200, agent, http.MethodGet, "/v1/ops/ticket-settings", nil)
	require.InDelta(t, 14, set["reopen_days"], 0)
	all := `{"reopen_days":7,"queues":[{"name":"all","categories":["order","product","account","other"],` + targets + `}]}`
	set = f.do(200, boss, http.MethodPut, "/v1/ops/ticket-settings", all)
	require.Equal(t, set, f.do(200, agent, http.MethodGet, "/v1/ops/ticket-settings", nil))
}

func TestWorklist(t *testing.T) {
	f := open(t)
	made := map[string]string{}
	for _, p := range []string{"low", "high", "normal"} {
		made[p] = f.do(201, ana, http.MethodPost, "/v1/tickets", `{"subject":"s","message":"m","priority":"`+p+`"}`)["id"].(string)
	}
	made["second"] = f.do(201, bob, http.MethodPost, "/v1/tickets", `{"subject":"s","message":"m","category":"product","priority":"high"}`)["id"].(string)
	walk := func(query string) (ids []string) {
		for cursor := ""; ; {
			page := f.do(200, agent, http.MethodGet, "/v1/worklist?limit=1"+query+"&cursor="+cursor, nil)
			for _, it := range items(page) {
				ids = append(ids, it.(map[string]any)["id"].(string))
			}
			if page["next_cursor"] == nil {
				return ids
			}
			cursor = page["next_cursor"].(string)
		}
	}
	require.Equal(t, []string{made["high"], made["second"], made["normal"], made["low"]}, walk(""))
	require.Equal(t, []string{made["second"]}, walk("&queue=products"))
	require.Equal(t, []string{made["high"], made["second"]}, walk("&priority=high"))
	require.Empty(t, walk("&assigned_to=me"))
	require.Len(t, walk("&assigned_to=none"), 4)
}

func TestTicketVersions(t *testing.T) {
	f := open(t)
	path := "/v1/tickets/" + f.open(ana)
	f.do(200, agent, http.MethodPost, path+"/assign", nil)
	at := func(want int, who caller.Caller, method, path, version string, body any) {
		a := f.Do(t, contracttest.Request{Method: method, Path: path, As: who, Body: body, Header: http.Header{"If-Match": {version}}})
		require.Equal(t, want, a.Status, "%s: %s", path, a.Body)
	}
	at(412, agent, http.MethodPatch, path, `"1"`, `{"priority":"high"}`)
	for _, act := range []string{"/unassign", "/hold", "/resolve"} {
		at(412, agent, http.MethodPost, path+act, `"1"`, nil)
	}
	at(200, agent, http.MethodPatch, path, `"2"`, `{"priority":"high"}`)
	set := `{"reopen_days":7,"queues":[{"name":"all","categories":["order","product","account","other"],` + targets + `}]}`
	at(412, boss, http.MethodPut, "/v1/ops/ticket-settings", `"2"`, set)
	at(200, boss, http.MethodPut, "/v1/ops/ticket-settings", `"1"`, set)
	at(412, boss, http.MethodPut, "/v1/ops/ticket-settings", `"1"`, set)
}
