package statestore

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

var (
	now   = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	agent = caller.Caller{UserID: "agent", Roles: []caller.Role{caller.SupportAgent}}
)

func open(t *testing.T) (*state.DB, *statetest.Memory, *event.Memory) {
	t.Helper()
	store, events := statetest.NewMemory(), &event.Memory{}
	return state.Open(store, events, slog.New(slog.DiscardHandler)), store, events
}

// create opens a ticket of a customer.
func create(t *testing.T, s *Tickets, customer string) (ticket.Ticket, error) {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	return s.Create(t.Context(), id, customer, func(set ticket.Settings) (ticket.Ticket, error) {
		return ticket.New(id, caller.Caller{UserID: customer}, ticket.Draft{Subject: "s", Text: "m"}, set, now)
	})
}

func TestTicketVersionsAndEvents(t *testing.T) {
	db, _, events := open(t)
	s := NewTickets(db)
	made, err := create(t, s, "ana")
	require.NoError(t, err)
	require.Equal(t, int64(1), made.Version)
	closeIt := func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Close(agent, 0, set, now) }
	closed, err := s.Update(t.Context(), made.ID, closeIt)
	require.NoError(t, err)
	require.Equal(t, int64(2), closed.Version)
	again, err := s.Update(t.Context(), made.ID, closeIt)
	require.NoError(t, err)
	require.Equal(t, int64(2), again.Version, "nothing changed, nothing is written")
	got, err := s.Get(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, ticket.StatusClosed, got.Status)
	require.Equal(t, int64(2), got.Version)
	require.Equal(t, []string{"tienda.support.ticket_opened", "tienda.support.ticket_closed"}, events.Types())
	require.Equal(t, int64(2), events.Events()[1].Version)
	_, err = s.Get(t.Context(), "none")
	require.ErrorIs(t, err, ticket.ErrMissing)
	_, err = s.Update(t.Context(), "none", closeIt)
	require.ErrorIs(t, err, ticket.ErrMissing)
}

// Every ticket comes once, newest first, over index pages and whatever the
// filter leaves out; entries without a document are passed over.
func TestTicketListWalks(t *testing.T) {
	db, store, _ := open(t)
	s := NewTickets(db)
	const all = 450
	var made []string
	for i := range all {
		tk, err := create(t, s, fmt.Sprintf("c%d", i%2))
		require.NoError(t, err)
		if i%50 == 0 {
			_, err = s.Update(t.Context(), tk.ID, func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Close(agent, 0, set, now) })
			require.NoError(t, err)
		}
		made = append(made, tk.ID)
	}
	gone := store.Keys("ticket:")[7]
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return tickets.Delete(tx, gone[len("ticket:"):]) }))

	walk := func(q ticket.Query, limit int) (ids []string) {
		cursor := ""
		for range all {
			p, err := s.List(t.Context(), q, cursor, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(p.Items), limit)
			for _, tk := range p.Items {
				require.True(t, q.Match(tk))
				ids = append(ids, tk.ID)
			}
			if cursor = p.NextCursor; cursor == "" {
				return ids
			}
		}
		t.Fatal("the list does not end")
		return nil
	}
	for _, limit := range []int{1, 7, 100} {
		ids := walk(ticket.Query{}, limit)
		require.Len(t, ids, all-1)
		require.Equal(t, made[all-1], ids[0])
		require.IsDecreasing(t, ids)
		require.Len(t, walk(ticket.Query{Status: ticket.StatusClosed}, limit), 9)
		require.Empty(t, walk(ticket.Query{CustomerID: "nobody"}, limit))
	}
	mine := len(walk(ticket.Query{CustomerID: "c0"}, 20)) + len(walk(ticket.Query{CustomerID: "c1"}, 20))
	require.Equal(t, all-1, mine)
	_, err := s.List(t.Context(), ticket.Query{}, "nonsense!", 20)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
}

func request(id, orderID, customer string) func(*rma.OfOrder) error {
	return func(o *rma.OfOrder) error {
		r := rma.Return{ID: id, OrderID: orderID, CustomerID: customer, CreatedAt: now, UpdatedAt: now,
			Lines: []rma.Line{{SKU: "LAMP", Quantity: 1, Reason: rma.Other}}}
		return o.Request(r, map[string]int{"LAMP": 2})
	}
}

func TestReturnsOfOneOrder(t *testing.T) {
	db, _, events := open(t)
	s := NewReturns(db)
	for i, id := range []string{"r1", "r2"} {
		o, err := s.Change(t.Context(), "o1", request(id, "o1", "ana"))
		require.NoError(t, err)
		require.Len(t, o.Returns, i+1)
	}
	_, err := s.Change(t.Context(), "o1", request("r3", "o1", "ana"))
	require.Equal(t, "quantity_exceeded", fault.CodeOf(err))
	_, err = s.Change(t.Context(), "o2", request("r4", "o2", ""))
	require.NoError(t, err)
	require.Len(t, events.Events(), 3)

	orderID, err := s.OrderOf(t.Context(), "r2")
	require.NoError(t, err)
	require.Equal(t, "o1", orderID)
	r, err := s.Get(t.Context(), "r2")
	require.NoError(t, err)
	require.Equal(t, "r2", r.ID)
	for _, id := range []string{"r3", "none"} {
		_, err = s.Get(t.Context(), id)
		require.ErrorIs(t, err, rma.ErrMissing)
	}
	ids := func(q rma.Query) (out []string) {
		p, err := s.List(t.Context(), q, "", 20)
		require.NoError(t, err)
		for _, r := range p.Items {
			out = append(out, r.ID)
		}
		return out
	}
	require.Equal(t, []string{"r4", "r2", "r1"}, ids(rma.Query{}))
	require.Equal(t, []string{"r2", "r1"}, ids(rma.Query{CustomerID: "ana"}))
	require.Empty(t, ids(rma.Query{Status: rma.Approved}))
}

// What was received waits for its refund; an entry that is left behind is
// taken out.
func TestUnrefunded(t *testing.T) {
	db, _, _ := open(t)
	s := NewReturns(db)
	waiting := func() (ids []string) {
		found, err := s.Unrefunded(t.Context())
		require.NoError(t, err)
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		return ids
	}
	require.Empty(t, waiting())
	steps := []func(*rma.OfOrder) error{
		request("r1", "o1", "ana"),
		func(o *rma.OfOrder) error { return o.Approve("r1", 0, rma.Label{}, now) },
		func(o *rma.OfOrder) error { return o.Receive("r1", 0, nil, now) },
	}
	for _, step := range steps {
		_, err := s.Change(t.Context(), "o1", step)
		require.NoError(t, err)
	}
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return unrefunded.Append(tx, "o9/r9") }))
	require.Equal(t, []string{"r1"}, waiting())
	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
		ids, _, err := unrefunded.List(tx, state.Position{}, 10)
		require.Equal(t, []string{"o1/r1"}, ids)
		return err
	}))
	_, err := s.Change(t.Context(), "o1", func(o *rma.OfOrder) error { return o.Refunded("r1", money.New(1, "EUR"), now) })
	require.NoError(t, err)
	require.Empty(t, waiting())
}

// However many wait, those that have waited longest come first.
func TestUnrefundedOldestFirst(t *testing.T) {
	db, _, _ := open(t)
	s := NewReturns(db)
	const all = 250
	for i := range all {
		id, orderID := fmt.Sprintf("r%03d", i), fmt.Sprintf("o%03d", i)
		_, err := s.Change(t.Context(), orderID, func(o *rma.OfOrder) error {
			return errors.Join(request(id, orderID, "ana")(o), o.Approve(id, 0, rma.Label{}, now), o.Receive(id, 0, nil, now))
		})
		require.NoError(t, err)
	}
	for round := range 3 {
		found, err := s.Unrefunded(t.Context())
		require.NoError(t, err)
		require.Len(t, found, min(filterBatch, all-round*filterBatch))
		for i, r := range found {
			require.Equal(t, fmt.Sprintf("r%03d", round*filterBatch+i), r.ID)
			_, err := s.Change(t.Context(), r.OrderID, func(o *rma.OfOrder) error { return o.RefundRefused(r.ID, "no", now) })
			require.NoError(t, err)
		}
	}
	found, err := s.Unrefunded(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
}
