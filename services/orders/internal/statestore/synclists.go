package statestore

import (
	"cmp"
	"maps"
	"slices"

	"tienda/internal/state"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// lists is what becomes of the lists that a batch of moved orders is in.
type lists struct {
	pages  map[string]*pageNews
	owners map[shopper.Owner]*ownerNews
}

type pageNews struct {
	out []string      // IDs, at first of those that are to go and then of those that were there
	in  []history.Row // by ID instead of what is there
	// left: an order is moved off the page, which is written even if it is not there: whoever is
	// about to put it there, as it was, has to look again.
	left bool
}

type ownerNews struct {
	out []string // as in pageNews
	in  []state.Dated
}

func (l lists) page(name string) *pageNews {
	if l.pages[name] == nil {
		l.pages[name] = &pageNews{}
	}
	return l.pages[name]
}

func (l lists) owner(o shopper.Owner) *ownerNews {
	if l.owners[o] == nil {
		l.owners[o] = &ownerNews{}
	}
	return l.owners[o]
}

// list writes the lists of orders that were put or buried, each list once. A repeat
// writes again what an earlier time has lost on a store that keeps halves.
func (r *movedRun) list() error {
	l := lists{pages: map[string]*pageNews{}, owners: map[shopper.Owner]*ownerNews{}}
	var left []*order.Order // that have been listed elsewhere
	for _, id := range slices.Sorted(maps.Keys(r.held)) {
		o := r.held[id]
		l.add(o)
		if p := r.leaves[id]; p.Page != "" && p.Page != o.Page {
			l.page(p.Page).left = true
		}
		if len(o.Moved.Left) > 0 {
			left = append(left, o)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.bypassed)) {
		l.leave(id, r.bypassed[id].place, cmp.Or(r.held[id], r.bypassed[id].held))
	}
	if err := l.write(r.tx); err != nil {
		return err
	}
	for _, o := range left {
		ours, err := r.tx.Ours(orders.Key(o.ID))
		if err != nil {
			return err
		}
		if ours { // it has left only now: whoever has read it before may still list it there
			continue
		}
		was := len(o.Moved.Left)
		o.Moved.Left = slices.DeleteFunc(o.Moved.Left, func(p order.Place) bool {
			// What it leaves only now may be read before the order came to be listed there.
			return p != r.leaves[o.ID] && !l.had(p, o)
		})
		if len(o.Moved.Left) < was {
			if err := orders.Put(r.tx, o.ID, *o); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes an order in as it is kept from now on.
func (l lists) add(o *order.Order) {
	l.clear(o)
	if o.Gone {
		return
	}
	l.page(o.Page).in = append(l.page(o.Page).in, history.RowOf(o))
	if o.Owner.UserID() != "" && !o.InListOf(o.Owner) {
		w := l.owner(o.Owner)
		w.in = append(w.in, state.Dated{ID: o.ID, At: o.CreatedAt})
	}
}

// clear takes an order that was moved in out of where it was listed before.
func (l lists) clear(o *order.Order) {
	for _, p := range o.Moved.Left {
		l.out(o.ID, p, o)
	}
	if o.Gone {
		l.out(o.ID, o.Place(), o)
	}
}

// out takes an order out of a place, but for what it has in common with where it is; nil: it is
// nowhere.
func (l lists) out(id string, p order.Place, is *order.Order) {
	nowhere := is == nil || is.Gone
	if nowhere || p.Page != is.Page {
		l.page(p.Page).out = append(l.page(p.Page).out, id)
	}
	if p.Owner.UserID() != "" && (nowhere || is.Moved == nil || p.Owner != is.Owner) {
		l.owner(p.Owner).out = append(l.owner(p.Owner).out, id)
	}
}

// leave takes an order that is not stored out of where the state that came has it, and out of
// where is has been, which is held instead: what an earlier run has seen may have been there.
func (l lists) leave(id string, came order.Place, is *order.Order) {
	l.out(id, came, is)
	if is != nil && is.Moved != nil {
		l.clear(is)
	}
}

func (l lists) write(tx *state.Tx) error {
	for _, name := range slices.Sorted(maps.Keys(l.pages)) {
		if err := l.pages[name].write(tx, name); err != nil {
			return err
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(l.owners)) {
		w := l.owners[owner]
		there, err := ordersOf(owner).SetDated(tx, w.out, w.in)
		if err != nil {
			return err
		}
		w.out = there
	}
	return nil
}

// write writes the rows of a page, and lists it with its day.
func (n *pageNews) write(tx *state.Tx, name string) error {
	p, _, err := historyPageDocs.Get(tx, name)
	if err != nil {
		return err
	}
	var there []string
	rows := slices.DeleteFunc(p.Rows, func(r history.Row) bool {
		gone := slices.Contains(n.out, r.ID)
		if gone {
			there = append(there, r.ID)
		}
		return gone || slices.ContainsFunc(n.in, func(now history.Row) bool { return now.ID == r.ID })
	})
	n.out = there
	if len(n.in) == 0 && len(there) == 0 && !n.left {
		return nil
	}
	if err := historyPageDocs.Put(tx, name, historyPage{Rows: append(rows, n.in...)}); err != nil || len(n.in) == 0 {
		return err
	}
	return listPage(tx, name)
}

// had says whether an order was still listed where it had been before.
func (l lists) had(p order.Place, o *order.Order) bool {
	page, owner := l.pages[p.Page], l.owners[p.Owner]
	return page != nil && slices.Contains(page.out, o.ID) || owner != nil && slices.Contains(owner.out, o.ID)
}
