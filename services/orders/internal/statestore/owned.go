package statestore

import (
	"context"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// ownedRounds is how often an owner's list is read for one page.
const ownedRounds = 10

// listed is where a page of an owner's orders begins: among those that were made here,
// which are in the order in which they were, and among those that were moved in.
type listed struct {
	state.Position
	Ended bool         `json:"e,omitempty"` // there are no more that were made here
	After *state.Dated `json:"d,omitempty"` // the last one seen that was moved in; nil: none
}

// Owned implements history.Store. State: 1 get of the index, 1 bulk get of the
// orders; up to 10 times that while few of them match.
func (s *History) Owned(ctx context.Context, owner shopper.Owner, match func(*order.Order) bool, cursor string, limit int) (out []*order.Order, next string, err error) {
	var from listed
	if err := page.Decode(cursor, &from); err != nil {
		return nil, "", err
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		// Reading the few that are missing from a page that is half full is not worth it.
		for round := 0; round < ownedRounds && len(out) <= limit/2; round++ {
			found, more, err := from.read(tx, ordersOf(owner), limit-len(out))
			if err != nil {
				return err
			}
			for _, o := range found {
				if o.Owner == owner && !o.Refused() && match(o) { // of one that was moved in anew the owner may be another
					out = append(out, o)
				}
			}
			if next = ""; !more {
				return nil
			}
			next = page.Encode(from)
		}
		return nil
	})
	return out, next, err
}

// read gives up to limit orders, the newest first, and goes on behind them; more: there
// may be others.
func (p *listed) read(tx *state.Tx, index state.Index, limit int) (out []*order.Order, more bool, err error) {
	var ids []string
	var next *state.Position
	if !p.Ended {
		if ids, next, err = index.List(tx, p.Position, limit); err != nil {
			return nil, false, err
		}
	}
	dated, older, err := p.dated(tx, index, limit)
	if err != nil {
		return nil, false, err
	}
	all := append([]string(nil), ids...)
	for _, d := range dated {
		all = append(all, d.ID)
	}
	found, err := presentOrders(tx, all)
	if err != nil {
		return nil, false, err
	}
	byID := make(map[string]*order.Order, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	here, there := 0, 0 // how many of each are seen
	for here+there < limit && (here < len(ids) || there < len(dated)) {
		var id string
		if there == len(dated) || here < len(ids) && isLater(byID[ids[here]], dated[there]) {
			id = ids[here]
			here++
		} else {
			id = dated[there].ID
			p.After = &dated[there]
			there++
		}
		if o := byID[id]; o != nil {
			out = append(out, o)
		}
	}
	if here > 0 && here < len(ids) { // where the first of those not seen are
		if _, next, err = index.List(tx, p.Position, here); err != nil {
			return nil, false, err
		}
	}
	if here == len(ids) {
		p.Ended = p.Ended || next == nil
	}
	if here > 0 && next != nil {
		p.Position = *next
	}
	return out, !p.Ended || older || there < len(dated), nil
}

// isLater says whether an order comes before a dated one in a list; one that is not there
// is out of the way.
func isLater(o *order.Order, d state.Dated) bool { return o == nil || !o.CreatedAt.Before(d.At) }

// dated gives up to limit dated IDs, the newest first, and says whether there are older ones.
func (p *listed) dated(tx *state.Tx, index state.Index, limit int) (out []state.Dated, older bool, err error) {
	all, err := index.Dated(tx)
	if err != nil {
		return nil, false, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if p.After != nil && all[i].Compare(*p.After) >= 0 {
			continue
		}
		if len(out) == limit {
			return out, true, nil
		}
		out = append(out, all[i])
	}
	return out, false, nil
}
