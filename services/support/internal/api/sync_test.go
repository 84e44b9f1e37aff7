package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

var mover = caller.Caller{App: "migration"}

// movedID gives the ID of a document that is moved in.
func movedID(kind string, n int) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s:%d", kind, n)).String()
}

// sent is a document as it is sent.
func sent(kind string, n int, position uint64, doc string) map[string]any {
	out := map[string]any{"id": movedID(kind, n), "source": map[string]any{"key": fmt.Sprintf("%s:%d", kind, n), "position": position}}
	if doc == "" {
		out["deleted"] = true
	} else {
		out["document"] = json.RawMessage(doc)
	}
	return out
}

type outcome struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Problem struct {
		Code   string `json:"code"`
		Fields []struct {
			Name string `json:"name"`
		} `json:"fields"`
	} `json:"problem"`
}

func (o outcome) String() string {
	out := o.Outcome
	if o.Problem.Code != "" {
		out += " " + o.Problem.Code
	}
	for _, f := range o.Problem.Fields {
		out += " " + f.Name
	}
	return out
}

// sync moves documents in, and gives what became of each.
func (f *fixture) sync(kind, part string, docs ...map[string]any) (out []string) {
	f.t.Helper()
	a := f.Do(f.t, contracttest.Request{Method: http.MethodPost, Path: "/internal/v1/sync/" + kind, As: mover, Body: map[string]any{"part": part, "documents": docs}})
	require.Equal(f.t, 200, a.Status, "%s", a.Body)
	var got struct {
		Results []outcome `json:"results"`
	}
	a.JSON(f.t, &got)
	for i, r := range got.Results {
		require.Equal(f.t, docs[i]["id"], r.ID)
		out = append(out, r.String())
	}
	return out
}

// kept reads a document; "" where there is none.
func (f *fixture) kept(kind string, n int) string {
	f.t.Helper()
	a := f.Do(f.t, contracttest.Request{Method: http.MethodPost, Path: "/internal/v1/sync/" + kind + "/read", As: mover, Body: map[string]any{"ids": []string{movedID(kind, n)}}})
	require.Equal(f.t, 200, a.Status, "%s", a.Body)
	var got struct {
		Documents []struct {
			Document json.RawMessage `json:"document"`
		} `json:"documents"`
	}
	a.JSON(f.t, &got)
	if len(got.Documents) == 0 {
		return ""
	}
	return string(got.Documents[0].Document)
}

// synced lists the IDs of what was moved in.
func (f *fixture) synced(kind string) (ids []string) {
	f.t.Helper()
	for cursor := ""; ; {
		a := f.Do(f.t, contracttest.Request{Method: http.MethodGet, Path: "/internal/v1/sync/" + kind + cursor, As: mover})
		require.Equal(f.t, 200, a.Status)
		var got struct {
			IDs  []string `json:"ids"`
			Next string   `json:"next_cursor"`
		}
		a.JSON(f.t, &got)
		ids = append(ids, got.IDs...)
		if got.Next == "" {
			return ids
		}
		cursor = "?cursor=" + got.Next
	}
}

// listed gives the IDs of a public list, page after page.
func (f *fixture) listed(who caller.Caller, path string) (ids []string) {
	f.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for cursor := ""; ; {
		got := f.do(200, who, http.MethodGet, path+sep+"limit=3"+cursor, nil)
		for _, it := range items(got) {
			ids = append(ids, it.(map[string]any)["id"].(string))
		}
		next, more := got["next_cursor"].(string)
		if !more {
			return ids
		}
		cursor = "&cursor=" + next
	}
}

// movedTicket is a ticket of bob's, made on a day of May 2024.
func movedTicket(day int, status string) string {
	return fmt.Sprintf(`{"customer_id":"%s","subject":"Old lamp","status":"%s","created_at":"2024-05-%02dT08:00:00Z","messages":[
		{"author":"customer","text":"It flickers.","created_at":"2024-05-%02[3]dT08:00:00Z"},
		{"author":"agent","text":"Told him before.","internal":true,"created_at":"2024-05-%02[3]dT09:00:00.5Z"}]}`, bob.UserID, status, day, day)
}

// movedReturn is a return of bob's order; more is the rest of its members.
func movedReturn(status, more string) string {
	return `{"order_id":"` + bobs + `","customer_id":"` + bob.UserID + `","status":"` + status + `","created_at":"2024-05-03T08:00:00Z",
		"lines":[{"sku":"BULB","quantity":1,"reason":"too_dim"}]` + more + `}`
}

// moved is the part of the story in which documents are moved in.
func (f *fixture) moved() {
	before := len(f.events.Events())
	for kind, doc := range map[string]string{"tickets": movedTicket(1, "open"), "returns": movedReturn("rejected", "")} {
		require.Equal(f.t, []string{"stored"}, f.sync(kind, "0", sent(kind, 1, 5, doc)))
		require.JSONEq(f.t, doc, f.kept(kind, 1))
		require.Equal(f.t, []string{movedID(kind, 1)}, f.synced(kind))
		require.Equal(f.t, []string{"stored"}, f.sync(kind, "0", sent(kind, 1, 6, "")))
		require.Empty(f.t, f.synced(kind))
	}
	require.Len(f.t, f.events.Events(), before, "nothing is announced")
	f.do(200, mover, http.MethodGet, "/internal/v1/sync/outbox", nil)
	require.Equal(f.t, 403, f.Do(f.t, contracttest.Request{Method: http.MethodGet, Path: "/internal/v1/sync/outbox", As: boss}).Status)
}

func TestOnlyTheMigrationMovesIn(t *testing.T) {
	f := open(t)
	for _, kind := range []string{"tickets", "returns"} {
		path := "/internal/v1/sync/" + kind
		batch := map[string]any{"part": "0", "documents": []any{sent(kind, 1, 1, "")}}
		for _, who := range []caller.Caller{{}, ana, agent, boss, {App: "gateway"}, {App: "orders"}, {App: "support"}} {
			for _, in := range []contracttest.Request{
				{Method: http.MethodPost, Path: path, Body: batch},
				{Method: http.MethodPost, Path: path + "/read", Body: map[string]any{"ids": []string{nowhere}}},
				{Method: http.MethodGet, Path: path},
			} {
				in.As = who
				a := f.Do(t, in)
				require.Equal(t, 403, a.Status, "%v %s", who, in.Path)
				code, _ := a.Problem(t)
				require.Equal(t, "app_not_allowed", code)
			}
		}
		a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path, Body: batch, As: mover, NoToken: true})
		require.Equal(t, 403, a.Status)
	}
	require.Empty(t, f.store.Keys(""))
}

func TestBadBatches(t *testing.T) {
	f := open(t)
	doc := sent("tickets", 1, 1, "")
	many := slices.Repeat([]any{doc}, 201)
	for _, tt := range []struct {
		body  any
		field string
	}{
		{map[string]any{"documents": []any{doc}}, "/part"},
		{map[string]any{"part": "A", "documents": []any{doc}}, "/part"},
		{map[string]any{"part": "0", "documents": []any{}}, "/documents"},
		{map[string]any{"part": "0", "documents": many}, "/documents"},
		{map[string]any{"part": "0", "documents": []any{map[string]any{"id": movedID("tickets", 1)}}}, "/documents/0/source"},
		{map[string]any{"part": "0", "documents": []any{sent("tickets", 1, 1<<53, "")}}, "/documents/0/source/position"},
	} {
		a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/internal/v1/sync/tickets", As: mover, Body: tt.body})
		require.Equal(t, 400, a.Status)
		_, fields := a.Problem(t)
		require.Equal(t, []string{tt.field}, fields)
	}
}

// Of each kind the newer wins, an equal one is written again, what is gone stays gone,
// and what does not fit keeps no other out.
func TestTheNewerWinsAndTheGoneStaysGone(t *testing.T) {
	for kind, docs := range map[string][3]string{
		"tickets": {movedTicket(1, "open"), movedTicket(1, "closed"), movedTicket(2, "answered")},
		"returns": {movedReturn("requested", ""), movedReturn("approved", ""), movedReturn("rejected", "")},
	} {
		t.Run(kind, func(t *testing.T) {
			f := open(t)
			bad := strings.Replace(docs[0], `"status":"`, `"status":"un`, 1)
			require.Equal(t, []string{"stored", "rejected invalid_request /status", "rejected invalid_request "},
				f.sync(kind, "0", sent(kind, 1, 5, docs[0]), sent(kind, 2, 5, bad), map[string]any{"id": movedID(kind, 3), "source": map[string]any{"key": "x", "position": 1}}))
			require.Equal(t, []string{"stale"}, f.sync(kind, "0", sent(kind, 1, 4, docs[1])))
			require.JSONEq(t, docs[0], f.kept(kind, 1))
			require.Equal(t, []string{"stored", "stored"}, f.sync(kind, "0", sent(kind, 1, 5, docs[1]), sent(kind, 1, 6, docs[2])))
			require.JSONEq(t, docs[2], f.kept(kind, 1))
			require.Equal(t, []string{"stale"}, f.sync(kind, "0", sent(kind, 1, 5, "")))
			require.Equal(t, []string{"stored", "stored"}, f.sync(kind, "0", sent(kind, 1, 8, ""), sent(kind, 4, 8, "")))
			require.Empty(t, f.kept(kind, 1))
			require.Equal(t, []string{"stale"}, f.sync(kind, "0", sent(kind, 1, 7, docs[0])))
			require.Empty(t, f.kept(kind, 1))
			require.Empty(t, f.synced(kind))
			require.Equal(t, []string{"stored"}, f.sync(kind, "0", sent(kind, 1, 9, docs[0])))
			require.JSONEq(t, docs[0], f.kept(kind, 1))
			require.Empty(t, f.events.Events())
		})
	}
}

func TestWhatWasMadeHereIsRefused(t *testing.T) {
	f := open(t)
	made := map[string]string{"tickets": f.open(bob), "returns": f.request(ana)}
	for kind, doc := range map[string]string{"tickets": movedTicket(1, "open"), "returns": movedReturn("requested", "")} {
		in := sent(kind, 1, 1, doc)
		in["id"] = made[kind]
		require.Equal(t, []string{"rejected made_here"}, f.sync(kind, "0", in))
		gone := sent(kind, 1, 2, "")
		gone["id"] = made[kind]
		require.Equal(t, []string{"stored"}, f.sync(kind, "0", gone))
		f.do(200, agent, http.MethodGet, "/v1/"+kind+"/"+made[kind], nil)
		require.Empty(t, f.kept(kind, 1))
	}
	require.Len(t, f.listed(bob, "/v1/tickets"), 1)
	require.Len(t, f.listed(agent, "/v1/worklist"), 1)
	require.Len(t, f.listed(ana, "/v1/returns"), 1)
}

// A batch of 200 tickets or returns is one bulk read and one transaction, and so is a
// reading of them.
func TestABatchIsTwoCalls(t *testing.T) {
	for _, kind := range []string{"tickets", "returns"} {
		f := open(t)
		var docs []map[string]any
		var ids []string
		for n := range 200 {
			doc := movedTicket(1+n%30, []string{"open", "closed"}[n%2])
			if kind == "returns" {
				doc = movedReturn("approved", "")
			}
			// of as many customers, and orders
			doc = strings.ReplaceAll(strings.ReplaceAll(doc, bob.UserID, movedID("users", n)), bobs, movedID("orders", n))
			docs, ids = append(docs, sent(kind, n, 1, doc)), append(ids, movedID(kind, n))
		}
		for position := range uint64(2) { // new, and once more
			for _, d := range docs {
				d["source"].(map[string]any)["position"] = position + 1
			}
			gets, commits := f.calls.during(func() { require.Equal(t, slices.Repeat([]string{"stored"}, 200), f.sync(kind, "0", docs...)) })
			want := int64(1)
			require.Equal(t, want, gets, kind)
			require.Equal(t, want, commits, kind)
		}
		gets, _ := f.calls.during(func() {
			a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/internal/v1/sync/" + kind + "/read", As: mover, Body: map[string]any{"ids": ids}})
			require.Equal(t, 200, a.Status)
		})
		require.Equal(t, map[string]int64{"tickets": 1, "returns": 2}[kind], gets)
		for i, d := range docs {
			docs[i] = map[string]any{"id": d["id"], "source": map[string]any{"key": "x", "position": 9}, "deleted": true}
		}
		gets, commits := f.calls.during(func() { f.sync(kind, "0", docs...) })
		require.Equal(t, int64(2), gets, "whose they were is known only then")
		require.Equal(t, int64(1), commits)
		require.Equal(t, []string{"moved:" + kind, "moved:" + kind + ":0"}, slices.DeleteFunc(f.store.Keys(""), func(key string) bool { return strings.HasPrefix(key, "board:") || strings.HasPrefix(key, "return:") }))
	}
}

// While documents are moved in, they are changed here: each change is made once, and
// what is listed is what is there.
func TestMovedInWhileItIsChangedHere(t *testing.T) {
	f := open(t)
	const rounds = 30
	require.Equal(t, []string{"stored"}, f.sync("tickets", "0", sent("tickets", 1, 1, movedTicket(1, "open"))))
	require.Equal(t, []string{"stored"}, f.sync("returns", "0", sent("returns", 1, 1, movedReturn("approved", ""))))
	path, rpath := "/v1/tickets/"+movedID("tickets", 1), "/v1/returns/"+movedID("returns", 1)
	var g sync.WaitGroup
	g.Go(func() {
		for n := range rounds {
			f.sync("tickets", "0", sent("tickets", 1, uint64(n+2), movedTicket(1, []string{"open", "closed"}[n%2])))
			f.sync("returns", "0", sent("returns", 1, uint64(n+2), movedReturn("approved", "")))
		}
	})
	g.Go(func() {
		for range rounds {
			f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path + "/messages", As: agent, Body: `{"text":"x"}`})
			f.Do(t, contracttest.Request{Method: http.MethodPut, Path: rpath + "/label", As: agent, Body: map[string]any{"label": uuid.NewString()}})
		}
	})
	g.Wait()
	f.sync("tickets", "0", sent("tickets", 1, 100, movedTicket(1, "open")))
	f.sync("returns", "0", sent("returns", 1, 100, movedReturn("approved", "")))
	require.JSONEq(t, movedTicket(1, "open"), f.kept("tickets", 1))
	require.JSONEq(t, movedReturn("approved", ""), f.kept("returns", 1))
	for _, list := range []string{"/v1/tickets", "/v1/worklist", "/v1/tickets?customer_id=" + bob.UserID} {
		require.Equal(t, []string{movedID("tickets", 1)}, f.listed(agent, list))
	}
	require.Equal(t, []string{movedID("returns", 1)}, f.listed(bob, "/v1/returns"))
}
