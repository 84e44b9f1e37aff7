package statestore

import (
	"cmp"
	"context"
	"errors"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/ticket"
)

var (
	tickets    = state.Collection[ticket.Ticket]{Prefix: "ticket:"}
	allTickets = state.Index{Name: "tickets"}
)

func ticketsOf(customerID string) state.Index { return state.Index{Name: "tickets-of:" + customerID} }

// Tickets is the ticket.Store over a state store.
type Tickets struct{ db *state.DB }

// NewTickets gives the store of tickets.
func NewTickets(db *state.DB) *Tickets { return &Tickets{db: db} }

// Create implements ticket.Store with 2 calls: all keys read, all written. A
// ticket that is there is of an attempt that was kept in part, since its ID is
// new: then only its entries in the lists are missing.
func (s *Tickets) Create(ctx context.Context, id, customerID string, open func(ticket.Settings) (ticket.Ticket, error)) (t ticket.Ticket, err error) {
	mine := ticketsOf(customerID)
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(tickets.Key(id), allTickets.Key(), mine.Key(), board.Key(shardOf(id)), settings.Key("")); err != nil {
			return err
		}
		set, err := getSettings(tx)
		if err != nil {
			return err
		}
		if t, err = open(set); err != nil {
			return err
		}
		for _, x := range []state.Index{allTickets, mine} {
			if err := x.Append(tx, id); err != nil {
				return err
			}
		}
		if err := post(tx, &t); err != nil {
			return err
		}
		version, err := tickets.Version(tx, id)
		if err != nil || version > 0 {
			t.Version = version
			return err
		}
		return putTicket(tx, &t)
	})
	return t, err
}

// Get implements ticket.Store with 1 call.
func (s *Tickets) Get(ctx context.Context, id string) (t ticket.Ticket, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		t, err = getTicket(tx, id)
		return err
	})
	return t, err
}

// Find implements ticket.Store with 1 call, none for no tickets.
func (s *Tickets) Find(ctx context.Context, ids []string) (found map[string]ticket.Ticket, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		found, err = loadTickets(tx, ids)
		return err
	})
	return found, err
}

// Update implements ticket.Store with 2 calls, 1 where nothing changes. An
// attempt that was kept in part may have left the ticket written and its entry
// on the board not: the board is looked at even where nothing changes. An entry
// without a ticket is taken out.
func (s *Tickets) Update(ctx context.Context, id string, change func(*ticket.Ticket, ticket.Settings) error) (t ticket.Ticket, err error) {
	var missing bool
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(tickets.Key(id), board.Key(shardOf(id)), settings.Key("")); err != nil {
			return err
		}
		set, err := getSettings(tx)
		if err != nil {
			return err
		}
		t, err = getTicket(tx, id)
		if missing = errors.Is(err, ticket.ErrMissing); missing {
			return setEntry(tx, id, ticket.Entry{}, false)
		}
		if err != nil {
			return err
		}
		if err := change(&t, set); err != nil {
			return err
		}
		if err := post(tx, &t); err != nil || len(t.Changes()) == 0 {
			return err
		}
		return putTicket(tx, &t)
	})
	if err == nil && missing {
		err = ticket.ErrMissing
	}
	return t, err
}

// List implements ticket.Store; package list says with how many calls.
func (s *Tickets) List(ctx context.Context, q ticket.Query, cursor string, limit int) (out page.Of[ticket.Ticket], err error) {
	x := sequence{made: allTickets, moved: allMoved{kind: kindTickets, find: findTickets}}
	if q.CustomerID != "" {
		x = sequence{made: ticketsOf(q.CustomerID), moved: movedTicketsOf.of(q.CustomerID)}
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		load := func(ids []string) (map[string]ticket.Ticket, error) { return loadTickets(tx, ids) }
		out, err = list(tx, x, cursor, page.Limit(limit), q.Filters(), load, q.Match)
		return err
	})
	return out, err
}

func loadTickets(tx *state.Tx, ids []string) (map[string]ticket.Ticket, error) {
	if err := tx.Load(tickets.Keys(ids...)...); err != nil {
		return nil, err
	}
	out := make(map[string]ticket.Ticket, len(ids))
	for _, id := range ids {
		t, ok, err := tickets.Get(tx, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // an entry without its document, left by a write that failed
		}
		if t.Version, err = tickets.Version(tx, id); err != nil {
			return nil, err
		}
		t.Priority = cmp.Or(t.Priority, ticket.Normal)
		out[id] = t
	}
	return out, nil
}

func getTicket(tx *state.Tx, id string) (ticket.Ticket, error) {
	found, err := loadTickets(tx, []string{id})
	if err != nil {
		return ticket.Ticket{}, err
	}
	t, ok := found[id]
	if !ok {
		return ticket.Ticket{}, ticket.ErrMissing
	}
	return t, nil
}

// putTicket writes and announces a ticket, and gives it its new version.
func putTicket(tx *state.Tx, t *ticket.Ticket) error {
	if err := tickets.Put(tx, t.ID, *t); err != nil {
		return err
	}
	version, err := tickets.Version(tx, t.ID)
	if err != nil {
		return err
	}
	t.Version = version + 1
	for _, c := range t.Changes() {
		if e, ok := events.OfTicket(*t, c); ok {
			tx.Emit(tickets.Key(t.ID), e)
		}
	}
	return nil
}
