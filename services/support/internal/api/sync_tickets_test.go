package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/services/support/internal/ticket"
)

// A ticket that was moved in is one as any other: found, shown, worked on. Nobody is
// told of it before something happens to it here.
func TestAMovedTicketIsATicket(t *testing.T) {
	f := open(t)
	require.Equal(t, []string{"stored"}, f.sync("tickets", "0", sent("tickets", 1, 1, movedTicket(1, "open"))))
	path := "/v1/tickets/" + movedID("tickets", 1)
	got := f.do(200, bob, http.MethodGet, path, nil)
	require.Equal(t, "other", got["category"])
	require.Equal(t, "normal", got["priority"])
	require.InDelta(t, 1, got["message_count"], 0, "the other one is internal")
	require.Equal(t, "2024-05-01T09:00:00.5Z", got["updated_at"])
	f.do(404, ana, http.MethodGet, path, nil)
	require.Equal(t, "general", f.do(200, agent, http.MethodGet, path, nil)["queue"])
	messages := items(f.do(200, agent, http.MethodGet, path+"/messages", nil))
	require.Equal(t, bob.UserID, messages[0].(map[string]any)["author_id"])
	require.Equal(t, ticket.UnknownAgent, messages[1].(map[string]any)["author_id"])
	for _, list := range []string{"/v1/tickets", "/v1/tickets?status=open", "/v1/worklist?queue=general", "/v1/worklist?overdue=true", "/v1/tickets?assigned_to=none"} {
		require.Equal(t, []string{movedID("tickets", 1)}, f.listed(agent, list), list)
	}
	f.do(200, agent, http.MethodGet, path+"/customer", nil)
	require.Equal(t, 200, f.Do(t, contracttest.Request{Method: http.MethodPut, As: bob, ContentType: "text/plain", Body: "a file",
		Path: path + "/messages/" + messages[0].(map[string]any)["id"].(string) + "/attachments/" + nowhere + "?name=a.txt"}).Status)
	require.Empty(t, f.events.Events())

	f.do(201, bob, http.MethodPost, path+"/messages", `{"text":"Still."}`)
	f.do(200, agent, http.MethodPost, path+"/assign", nil)
	f.do(200, agent, http.MethodPatch, path, `{"tags":["old"],"queue":"products"}`)
	f.do(200, agent, http.MethodPost, path+"/resolve", nil)
	require.Equal(t, []string{"ticket_answered", "ticket_assigned", "ticket_resolved"}, f.what())
	require.Empty(t, f.listed(agent, "/v1/worklist"))

	// The next state of it takes all that back which it tells of, and nothing else.
	require.Equal(t, []string{"stored"}, f.sync("tickets", "0", sent("tickets", 1, 2, movedTicket(1, "on_hold"))))
	require.JSONEq(t, movedTicket(1, "on_hold"), f.kept("tickets", 1))
	got = f.do(200, agent, http.MethodGet, path, nil)
	require.Equal(t, []any{"old"}, got["tags"])
	require.Equal(t, "products", got["queue"])
	require.Nil(t, got["assigned_to"])
	require.InDelta(t, 7, got["version"], 0, "a client that has read an earlier state is told so")
	messages = items(f.do(200, agent, http.MethodGet, path+"/messages", nil))
	require.Len(t, messages, 2)
	require.Len(t, messages[0].(map[string]any)["attachments"], 1)
	require.Equal(t, []string{movedID("tickets", 1)}, f.listed(agent, "/v1/worklist?queue=products&status=on_hold"))

	// It is another customer's, and about an order: a category of its own.
	hers := strings.Replace(strings.Replace(movedTicket(1, "open"), bob.UserID, ana.UserID, 1), `{`, `{"order_id":"`+nowhere+`",`, 1)
	require.Equal(t, []string{"stored"}, f.sync("tickets", "0", sent("tickets", 1, 3, hers)))
	require.Empty(t, f.listed(bob, "/v1/tickets"))
	require.Equal(t, []string{movedID("tickets", 1)}, f.listed(ana, "/v1/tickets"))
	require.Equal(t, []string{movedID("tickets", 1)}, f.listed(agent, "/v1/worklist?queue=orders"))

	require.Equal(t, []string{"stored"}, f.sync("tickets", "0", sent("tickets", 1, 4, "")))
	f.do(404, ana, http.MethodGet, path, nil)
	require.Empty(t, f.listed(agent, "/v1/worklist"))
	require.Empty(t, f.listed(agent, "/v1/tickets"))
	require.Empty(t, f.store.Keys("moved-tickets-of:"))
	require.Len(t, f.events.Events(), 3, "none of the moves is announced")
}

// A ticket that is late where it comes from shows that, and is not escalated; one that
// is reopened here has deadlines that are kept.
func TestAMovedTicketIsNotEscalated(t *testing.T) {
	f := open(t)
	ended := strings.Replace(movedTicket(2, "closed"), `"status"`, `"closed_at":"`+time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)+`","status"`, 1)
	require.Equal(t, []string{"stored", "stored"}, f.sync("tickets", "0", sent("tickets", 1, 1, movedTicket(1, "open")), sent("tickets", 2, 1, ended)))
	require.NoError(t, f.tickets.Look(t.Context()))
	f.sync("tickets", "0", sent("tickets", 1, 2, movedTicket(1, "open")))
	require.NoError(t, f.tickets.Look(t.Context()))
	require.Empty(t, f.events.Events())
	got := f.do(200, agent, http.MethodGet, "/v1/tickets/"+movedID("tickets", 1), nil)
	require.Equal(t, "normal", got["priority"])
	require.Equal(t, "2024-05-04T08:00:00Z", got["resolution"].(map[string]any)["due"])
	require.NotContains(t, got["resolution"], "escalated_at")

	path := "/v1/tickets/" + movedID("tickets", 2)
	f.do(201, bob, http.MethodPost, path+"/messages", `{"text":"Again."}`)
	due, err := time.Parse(time.RFC3339, f.do(200, agent, http.MethodGet, path, nil)["resolution"].(map[string]any)["due"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(72*time.Hour), due, time.Minute)
}

// What ended too long ago is not reopened.
func TestAMovedTicketThatEndedLongAgo(t *testing.T) {
	f := open(t)
	f.sync("tickets", "0", sent("tickets", 1, 1, movedTicket(1, "closed")))
	a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/v1/tickets/" + movedID("tickets", 1) + "/messages", As: bob, Body: `{"text":"x"}`})
	require.Equal(t, 409, a.Status)
	code, _ := a.Problem(t)
	require.Equal(t, "reopen_over", code)
}

// Lists have what was made here, then what was moved in: of a customer the newest
// first, of all by the parts of the index.
func TestListsHaveWhatWasMovedInBehind(t *testing.T) {
	f := open(t)
	order := func(days ...int) (ids []string) {
		for _, d := range days {
			ids = append(ids, movedID("tickets", d))
		}
		return ids
	}
	move := func(part string, days ...int) {
		var docs []map[string]any
		for _, d := range days {
			docs = append(docs, sent("tickets", d, 1, movedTicket(d, []string{"open", "closed"}[d%2])))
		}
		require.Equal(t, slices.Repeat([]string{"stored"}, len(docs)), f.sync("tickets", part, docs...))
	}
	made := []string{f.open(bob)}
	move("9", 3, 1, 2)
	move("10", 4, 6, 8, 5)
	move("9", 7)
	made = append([]string{f.open(bob)}, made...)
	require.Equal(t, append(slices.Clone(made), order(8, 7, 6, 5, 4, 3, 2, 1)...), f.listed(bob, "/v1/tickets"))
	require.Equal(t, append(slices.Clone(made), order(8, 7, 6, 5, 4, 3, 2, 1)...), f.listed(agent, "/v1/tickets"), "parts of less than a hundred come together")
	require.Equal(t, append(slices.Clone(made), order(8, 6, 4, 2)...), f.listed(agent, "/v1/tickets?status=open"))
	require.Equal(t, order(7, 5, 3, 1), f.listed(agent, "/v1/tickets?status=closed"))
	require.Equal(t, append(slices.Clone(made), order(8, 6, 4, 2)...), f.listed(bob, "/v1/tickets?status=open"))
	require.Equal(t, []string{"stored"}, f.sync("tickets", "9", sent("tickets", 7, 1, movedTicket(9, "closed"))))
	require.Equal(t, append(slices.Clone(made), order(7, 8, 6, 5, 4, 3, 2, 1)...), f.listed(bob, "/v1/tickets"), "its time was put right")
}

// All of many are listed once, whatever the page.
func TestAllThatWasMovedInIsListedOnce(t *testing.T) {
	f := open(t)
	want := map[string]bool{}
	for part := range 4 {
		var docs []map[string]any
		for n := range 200 - 60*part {
			id := part*1000 + n
			docs = append(docs, sent("tickets", id, 1, movedTicket(1+id%30, "closed")))
			want[movedID("tickets", id)] = true
		}
		f.sync("tickets", fmt.Sprint(part), docs...)
	}
	for _, list := range []string{"/v1/tickets?limit=100", "/v1/tickets?limit=30", "/v1/tickets?limit=100&customer_id=" + bob.UserID, "/v1/tickets?limit=40&status=closed"} {
		got := map[string]bool{}
		for cursor := ""; ; {
			page := f.do(200, agent, http.MethodGet, list+cursor, nil)
			for _, it := range items(page) {
				id := it.(map[string]any)["id"].(string)
				require.False(t, got[id], "twice")
				got[id] = true
			}
			next, more := page["next_cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		require.Equal(t, want, got, list)
	}
}

func TestTicketsThatAreNotTaken(t *testing.T) {
	f := open(t)
	long := strings.Repeat("x", 20000)
	message := func(text string) string {
		return `{"author":"agent","text":"` + text + `","internal":false,"created_at":"2024-05-01T08:00:00Z"}`
	}
	doc := func(messages, more string) string {
		return `{"customer_id":"` + ana.UserID + `","subject":"s","status":"open","created_at":"2024-05-01T08:00:00Z","messages":[` + messages + `]` + more + `}`
	}
	for _, tt := range []struct{ doc, want string }{
		{doc(message("x"), ""), "stored"},
		{doc("", ""), "rejected invalid_request /messages"},
		{doc(strings.Replace(message("x"), "false", "true", 1), ""), "rejected no_visible_message /messages"},
		{doc(strings.Join(slices.Repeat([]string{message(long)}, 14), ","), ""), "rejected ticket_full /messages"},
		{doc(message("x"), `,"closed_at":"2024-05-01T08:00:00Z"`), "rejected invalid_request /status"},
		{doc(message("x"), `,"resolved_at":"2024-05-01T08:00:00Z"`), "rejected invalid_request /status"},
		{doc(message("x"), `,"updated_at":"2024-05-01T08:00:00.50Z"`), "rejected invalid_request /updated_at"},
		{doc(message("x"), `,"updated_at":"2024-05-01T08:00:00+02:00"`), "rejected invalid_request /updated_at"},
		{doc(message("x"), `,"queue":"general"`), "rejected invalid_request /queue"},
		{doc(message("x"), `,"order_id":"10248"`), "rejected invalid_request /order_id"},
	} {
		require.True(t, json.Valid([]byte(tt.doc)))
		require.Equal(t, []string{tt.want}, f.sync("tickets", "0", sent("tickets", 1, 1, tt.doc)))
	}
}
