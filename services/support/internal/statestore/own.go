package statestore

import (
	"encoding/json"

	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// ownTickets gives all tickets. State: 1 or 2 gets for a page of the list.
func ownTickets() *intake.Own[ticket.Moved] {
	return &intake.Own[ticket.Moved]{
		Prefix: tickets.Prefix,
		Holds: func(doc []byte) (map[string]ticket.Moved, error) {
			var t ticket.Ticket
			if err := json.Unmarshal(doc, &t); err != nil {
				return nil, err
			}
			return map[string]ticket.Moved{t.ID: t.Moved()}, nil
		},
		At:   func(_ *state.Tx, id string) (string, error) { return tickets.Key(id), nil },
		List: intake.MovedThen(kindTickets, intake.MadeIn(allTickets, func(id string) string { return id })),
	}
}

// ownReturns gives all returns. State: 1 or 2 gets for a page of the list, and 1 bulk get
// to find the orders that they are of.
func ownReturns() *intake.Own[rma.Moved] {
	idOf := func(entry string) string {
		_, id := split(entry)
		return id
	}
	return &intake.Own[rma.Moved]{
		Prefix: returnsOfOrder.Prefix,
		Holds: func(doc []byte) (map[string]rma.Moved, error) {
			var o rma.OfOrder
			if err := json.Unmarshal(doc, &o); err != nil {
				return nil, err
			}
			out := make(map[string]rma.Moved, len(o.Returns))
			for _, r := range o.Returns {
				out[r.ID] = r.Moved()
			}
			return out, nil
		},
		AtKeys: func(id string) []string { return orderOfReturn.Keys(id) },
		At: func(tx *state.Tx, id string) (string, error) {
			at, ok, err := orderOfReturn.Get(tx, id)
			if err != nil || !ok {
				return "", err
			}
			return returnsOfOrder.Key(at.OrderID), nil
		},
		List: intake.MovedThen(kindReturns, intake.MadeIn(allReturns, idOf)),
	}
}
