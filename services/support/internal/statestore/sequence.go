package statestore

import (
	"cmp"
	"slices"
	"time"

	"tienda/internal/origin/intake"
	"tienda/internal/state"
)

// sequence is a list: what was made here, the newest first, then what was moved in.
type sequence struct {
	made  state.Index
	moved movedIn // nil: nothing of the kind is
}

// movedIn lists what was moved in. Those of one customer come the newest first; those of
// all by the numbers of their keys, the newest of about a hundred first.
type movedIn interface {
	key() string // of the document that is read first
	list(tx *state.Tx, at spot, limit int) (ids []string, next *spot, err error)
}

// position is where the next page of a sequence begins.
type position struct {
	state.Position
	Moved *spot `json:"m,omitempty"` // in what was moved in; nil: not there yet
}

// spot is where the next page of what was moved in begins.
type spot struct {
	Batch intake.Mark `json:"w,omitzero"`
	Last  *listed     `json:"l,omitempty"` // the last that was seen of the batch
}

// listed is one that was moved in, in the order of lists.
type listed struct {
	ID string    `json:"i"`
	At time.Time `json:"t"` // when it was made
}

// compare puts the newest first.
func (l listed) compare(o listed) int {
	return cmp.Or(o.At.Compare(l.At), cmp.Compare(o.ID, l.ID))
}

// list gives up to limit IDs from a position on, and where the next call goes on; a nil
// next means the end.
func (s sequence) list(tx *state.Tx, at position, limit int) (ids []string, next *position, err error) {
	if s.moved != nil {
		if err := tx.Load(s.made.Key(), s.moved.key()); err != nil {
			return nil, nil, err
		}
	}
	from := at.Moved
	if from == nil {
		here, next, err := s.made.List(tx, at.Position, limit)
		switch {
		case err != nil:
			return nil, nil, err
		case next != nil:
			return here, &position{Position: *next}, nil
		case s.moved == nil:
			return here, nil, nil
		}
		ids, from = here, &spot{}
	}
	// One more than there is room for says whether there are more.
	more, behind, err := s.moved.list(tx, *from, max(limit-len(ids), 1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(ids) == limit && len(more) > 0:
		return ids, &position{Moved: from}, nil
	case behind != nil:
		next = &position{Moved: behind}
	}
	return append(ids, more...), next, nil
}

// take gives up to limit of a batch that is in order, from a spot on, and the spot
// behind the last of them; nil: the batch is used up.
func take(batch []listed, at spot, limit int) (ids []string, rest *spot) {
	for _, l := range batch {
		if at.Last != nil && at.Last.compare(l) >= 0 {
			continue
		}
		if len(ids) == limit {
			return ids, &at
		}
		ids = append(ids, l.ID)
		at.Last = &l
	}
	return ids, nil
}

// allMoved is all of a kind that was moved in, without an index of its own: the parts of
// the intake's index are walked.
type allMoved struct {
	kind string
	find func(tx *state.Tx, ids []string) ([]listed, error)
}

func (m allMoved) key() string { return intake.WalkKey(m.kind) }

func (m allMoved) list(tx *state.Tx, at spot, limit int) (ids []string, next *spot, err error) {
	for {
		batch, mark, err := intake.Walk(tx, m.kind, at.Batch)
		if err != nil {
			return nil, nil, err
		}
		found, err := m.find(tx, batch)
		if err != nil {
			return nil, nil, err
		}
		slices.SortFunc(found, listed.compare)
		some, rest := take(found, at, limit-len(ids))
		ids = append(ids, some...)
		switch {
		case rest != nil:
			return ids, rest, nil
		case mark == nil:
			return ids, nil, nil
		}
		if at = (spot{Batch: *mark}); len(ids) == limit {
			return ids, &at, nil
		}
	}
}

// customers are the lists of what customers have that was moved in.
type customers struct {
	lists state.Collection[customerList]
}

type customerList struct {
	Entries []listed `json:"entries"` // in order
}

var (
	movedTicketsOf = customers{state.Collection[customerList]{Prefix: "moved-tickets-of:"}}
	movedReturnsOf = customers{state.Collection[customerList]{Prefix: "moved-returns-of:"}}
)

// add puts an entry into a customer's list, which has it in one place only.
func (c customers) add(tx *state.Tx, customerID string, entry listed) error {
	have, _, err := c.lists.Get(tx, customerID)
	if err != nil {
		return err
	}
	at, there := slices.BinarySearchFunc(have.Entries, entry, listed.compare)
	if there {
		return nil
	}
	out := slices.Insert(slices.Clone(have.Entries), at, entry)
	out = slices.DeleteFunc(out, func(l listed) bool { return l.ID == entry.ID && !l.At.Equal(entry.At) })
	return c.lists.Put(tx, customerID, customerList{out})
}

// remove takes an entry out of a customer's list.
func (c customers) remove(tx *state.Tx, customerID, id string) error {
	have, _, err := c.lists.Get(tx, customerID)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(have.Entries), func(l listed) bool { return l.ID == id })
	switch len(left) {
	case len(have.Entries):
		return nil
	case 0:
		return c.lists.Delete(tx, customerID)
	default:
		return c.lists.Put(tx, customerID, customerList{left})
	}
}

func (c customers) of(customerID string) customerMoved { return customerMoved{c, customerID} }

// customerMoved is what one customer has that was moved in.
type customerMoved struct {
	customers
	id string
}

func (m customerMoved) key() string { return m.lists.Key(m.id) }

func (m customerMoved) list(tx *state.Tx, at spot, limit int) (ids []string, next *spot, err error) {
	have, _, err := m.lists.Get(tx, m.id)
	if err != nil {
		return nil, nil, err
	}
	ids, next = take(have.Entries, at, limit)
	return ids, next, nil
}
