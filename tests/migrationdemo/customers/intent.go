package customers

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	legacy "tienda/monolith/shop"
)

// intent is what somebody wants who has asked the old shop for it.
type intent struct {
	*Door
	path string
	body []byte
}

// do does it in the new shop. false: that does not have it, the old one is in charge again.
func (w intent) do(ctx context.Context, service string) bool {
	parts := strings.Split(strings.TrimPrefix(w.path, "/legacy/"), "/")
	last := parts[len(parts)-1]
	var o Outcome
	var why string
	switch {
	case service == "users" && last == "customers":
		o, why = w.register(ctx)
	case service == "users":
		o, why = w.moveHouse(ctx, number(parts[1]))
	case service == "orders" && last == "orders":
		o, why = w.order(ctx)
	case service == "orders":
		o, why = w.goOn(ctx, parts[1], last)
	case last == "tickets":
		o, why = w.openTicket(ctx)
	case last == "messages":
		o, why = w.write(ctx, number(parts[1]))
	default:
		o, why = w.giveBack(ctx)
	}
	return o != Refused || why != gone
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// learn takes from an acknowledgement of the old shop what is needed to go on in the new one.
func (w intent) learn(answer []byte) {
	var out struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(answer, &out) != nil {
		return
	}
	switch {
	case w.path == "/legacy/customers":
		var in legacy.NewCustomer
		if json.Unmarshal(w.body, &in) == nil {
			w.mu.Lock()
			w.known[out.ID] = Account{strings.ToLower(in.Email), in.Password}
			w.mu.Unlock()
		}
	case w.path == "/legacy/tickets":
		var in legacy.NewTicket
		if json.Unmarshal(w.body, &in) == nil {
			w.mu.Lock()
			w.tickets[out.ID] = oldTicket{in.CustomerID, in.Subject}
			w.mu.Unlock()
		}
	case strings.HasSuffix(w.path, "/address"): // what was said before in the new shop is no more
		if a, ok := w.account(number(strings.Split(w.path, "/")[3])); ok {
			w.Ledger.keep(func(e *Entries) {
				if p := e.People[a.Email]; p != nil {
					p.Address, p.Addresses = nil, nil
				}
			})
		}
	}
}

// person gives somebody's entry. It is called while the ledger is held.
func (e *Entries) person(a Account, customer int64) *Person {
	p := e.People[a.Email]
	if p == nil {
		p = &Person{Password: a.Password, CustomerID: customer}
		e.People[a.Email] = p
	}
	return p
}
