package api

import (
	"context"
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/support/internal/ticket"
)

// act answers a request that has no body and moves a ticket: 2 state calls, 1
// for a repeat.
func (h ticketHandlers) act(do func(*ticket.Service, context.Context, caller.Caller, string, int64) (ticket.Ticket, error)) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		version, err := httpapi.IfMatch(r)
		if err != nil {
			return err
		}
		t, err := do(h.tickets, r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), version)
		if err != nil {
			return err
		}
		return writeTicket(w, r, http.StatusOK, t)
	}
}

// sort: 2 state calls, 1 where nothing changes.
func (h ticketHandlers) sort(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Priority *ticket.Priority `json:"priority"`
		Queue    *string          `json:"queue"`
		Tags     *[]string        `json:"tags"`
	}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	t, err := h.tickets.Sort(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), ticket.Sorting(in), version)
	if err != nil {
		return err
	}
	return writeTicket(w, r, http.StatusOK, t)
}

// rate: 2 state calls, 1 for a repeat.
func (h ticketHandlers) rate(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Score   int    `json:"score"`
		Comment string `json:"comment"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	t, err := h.tickets.Rate(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), in.Score, in.Comment)
	if err != nil {
		return err
	}
	return writeTicket(w, r, http.StatusOK, t)
}

// worklist: 2 state calls: the board, and the tickets of the page.
func (h ticketHandlers) worklist(w http.ResponseWriter, r *http.Request) error {
	who, in := caller.From(r.Context()), r.URL.Query()
	q := ticket.Work{
		Queue: in.Get("queue"), Priority: ticket.Priority(in.Get("priority")), Status: ticket.Status(in.Get("status")),
		Tag: in.Get("tag"), AssignedTo: assignee(who, in.Get("assigned_to")),
	}
	if in.Has("overdue") {
		overdue := in.Get("overdue") == "true"
		q.Overdue = &overdue
	}
	found, err := h.tickets.Work(r.Context(), q, in.Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	return writeTickets(w, who, found)
}

func writeTickets(w http.ResponseWriter, who caller.Caller, found page.Of[ticket.Ticket]) error {
	out := page.Of[ticketBody]{Items: make([]ticketBody, len(found.Items)), NextCursor: found.NextCursor}
	for i, t := range found.Items {
		out.Items[i] = ticketOf(t, who)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

type queueBody struct {
	Name       string `json:"name"`
	Open       int    `json:"open"`
	Answered   int    `json:"answered"`
	OnHold     int    `json:"on_hold"`
	Unassigned int    `json:"unassigned"`
	Overdue    int    `json:"overdue"`
}

// queues: 1 state call.
func (h ticketHandlers) queues(w http.ResponseWriter, r *http.Request) error {
	counts, err := h.tickets.Queues(r.Context())
	if err != nil {
		return err
	}
	out := page.Of[queueBody]{Items: make([]queueBody, len(counts))}
	for i, c := range counts {
		out.Items[i] = queueBody{
			Name: c.Queue, Open: c.ByStatus[ticket.StatusOpen], Answered: c.ByStatus[ticket.StatusAnswered],
			OnHold: c.ByStatus[ticket.StatusOnHold], Unassigned: c.Unassigned, Overdue: c.Overdue,
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// The domain's own form of queues and targets is that of the contract.
type settingsBody struct {
	ReopenDays int            `json:"reopen_days"`
	Queues     []ticket.Queue `json:"queues"`
	Version    int64          `json:"version"`
}

func writeSettings(w http.ResponseWriter, set ticket.Settings) error {
	httpapi.SetETag(w, set.Version)
	return httpapi.Write(w, http.StatusOK, settingsBody(set))
}

// settings: 1 state call.
func (h ticketHandlers) settings(w http.ResponseWriter, r *http.Request) error {
	set, err := h.tickets.Settings(r.Context())
	if err != nil {
		return err
	}
	return writeSettings(w, set)
}

// setSettings: 2 state calls.
func (h ticketHandlers) setSettings(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ReopenDays int            `json:"reopen_days"`
		Queues     []ticket.Queue `json:"queues"`
	}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	set, err := h.tickets.SetSettings(r.Context(), ticket.Settings{ReopenDays: in.ReopenDays, Queues: in.Queues}, version)
	if err != nil {
		return err
	}
	return writeSettings(w, set)
}
