package statestore

import (
	"errors"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/support/internal/ticket"
)

// The kinds of document that are moved in, as in the paths.
const (
	kindTickets = "tickets"
	kindReturns = "returns"
)

// errNoRoom refuses a ticket that has not ended, and keeps no other out, unlike
// errBoardFull, after which all would be sent again and again.
var errNoRoom = fault.New(fault.Unprocessable, "too_many_tickets", "Too many tickets are waiting.").At("/status", "waits, as too many do")

// MovedTickets is how tickets are kept that are moved in; check holds their JSON to the
// contract. A batch reads the tickets, their places on the board, the lists of their
// customers and the settings in 1 call, and writes them in 1.
func MovedTickets(db *state.DB, check func([]byte) []fault.Field) intake.Kind[ticket.Moved] {
	return intake.Kind[ticket.Moved]{
		Name: kindTickets, DB: db, Check: check,
		Keys: func(id string, m *ticket.Moved) []string {
			keys := []string{settings.Key(""), tickets.Key(id), board.Key(shardOf(id))}
			if m != nil {
				keys = append(keys, movedTicketsOf.lists.Key(m.CustomerID))
			}
			return keys
		},
		More: intake.ByID[ticket.Moved](func(tx *state.Tx, id string) ([]string, error) {
			t, ok, err := tickets.Get(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return []string{movedTicketsOf.lists.Key(t.CustomerID)}, nil
		}),
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			t, _, err := tickets.Get(tx, id)
			return t.Origin, err
		},
		Put: moveTicketIn, Remove: moveTicketOut, Own: ownTickets(),
		GetKeys: func(id string) []string { return tickets.Keys(id) },
		Get: func(tx *state.Tx, id string) (intake.Document[ticket.Moved], bool, error) {
			t, ok, err := tickets.Get(tx, id)
			if err != nil || !ok || t.Origin == nil {
				return intake.Document[ticket.Moved]{}, false, err
			}
			return intake.Document[ticket.Moved]{ID: id, Source: *t.Origin, Value: t.Moved()}, true, nil
		},
	}
}

func moveTicketIn(tx *state.Tx, d intake.Document[ticket.Moved]) error {
	set, err := getSettings(tx)
	if err != nil {
		return err
	}
	was, err := getTicket(tx, d.ID)
	there := !errors.Is(err, ticket.ErrMissing)
	if there && err != nil {
		return err
	}
	var held *ticket.Ticket
	if there {
		held = &was
	}
	t, err := d.Value.Ticket(d.ID, d.Source, held, d.Adopt, set)
	if err != nil {
		return err
	}
	if err := post(tx, &t); errors.Is(err, errBoardFull) {
		return errNoRoom
	} else if err != nil {
		return err
	}
	if there && was.CustomerID != t.CustomerID {
		err := movedTicketsOf.remove(tx, was.CustomerID, t.ID)
		if was.MadeHere {
			err = errors.Join(err, unlistTicket(tx, was))
		}
		if err != nil {
			return err
		}
	}
	if !t.MadeHere {
		if err := movedTicketsOf.add(tx, t.CustomerID, listed{t.ID, t.CreatedAt}); err != nil {
			return err
		}
	}
	return tickets.Put(tx, t.ID, t)
}

// unlistTicket takes a ticket out of the lists of what was made here. State: 2 gets, and 1 for
// each page of them that is newer.
func unlistTicket(tx *state.Tx, t ticket.Ticket) error {
	return errors.Join(allTickets.Remove(tx, t.ID), ticketsOf(t.CustomerID).Remove(tx, t.ID))
}

// moveTicketOut takes the entry on the board away also where the ticket is gone already:
// an earlier attempt may have been kept in part.
func moveTicketOut(tx *state.Tx, id string) error {
	t, ok, err := tickets.Get(tx, id)
	if err != nil || ok && t.Origin == nil {
		return err
	}
	if err := setEntry(tx, id, ticket.Entry{}, false); err != nil || !ok {
		return err
	}
	if err := movedTicketsOf.remove(tx, t.CustomerID, id); err != nil {
		return err
	}
	if t.MadeHere {
		if err := unlistTicket(tx, t); err != nil {
			return err
		}
	}
	return tickets.Delete(tx, id)
}

// findTickets gives when tickets that were moved in were opened, but for those that are
// listed with what was made here.
func findTickets(tx *state.Tx, ids []string) ([]listed, error) {
	found, err := tickets.GetAll(tx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]listed, 0, len(found))
	for _, t := range found {
		if !t.MadeHere {
			out = append(out, listed{t.ID, t.CreatedAt})
		}
	}
	return out, nil
}
