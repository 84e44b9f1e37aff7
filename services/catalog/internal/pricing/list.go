package pricing

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
)

// List is a price list: prices of SKUs that hold together, from a time to another
// and for a customer group, where it has them.
type List struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Group   string    `json:"group,omitempty"`  // "": for everybody
	Starts  time.Time `json:"starts,omitzero"`  // zero: at once
	Ends    time.Time `json:"ends,omitzero"`    // not any more at this moment; zero: never
	Version int64     `json:"version,omitzero"` // of the list
}

// Book is the lists by ID.
type Book map[string]List

func (l List) covers(a Ask) bool {
	return (l.Group == "" || l.Group == a.Group) && !a.Now.Before(l.Starts) && (l.Ends.IsZero() || a.Now.Before(l.Ends))
}

func (l List) kind(e Entry) Kind {
	switch {
	case l.Group != "":
		return Group
	case e.MinQuantity > 1:
		return Tier
	}
	return Sale
}

// What lists refuse.
var (
	ErrMissing = fault.Missing("price list")
	ErrTooMany = fault.New(fault.Conflict, "too_many_price_lists", "There are 500 price lists, which is all that there may be.")
	ErrPeriod  = fault.New(fault.Unprocessable, "invalid_period", "The list ends before it starts.").At("/ends_at", "is not after starts_at")
	ErrVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"It has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Lists are all price lists, the oldest first.
type Lists []List

// Book gives the lists by ID.
func (all Lists) Book() Book {
	b := make(Book, len(all))
	for _, l := range all {
		b[l.ID] = l
	}
	return b
}

// Add takes a new list in, under a new ID: prices that an earlier list has left
// behind are none of its.
func (all *Lists) Add(l List) (List, error) {
	switch {
	case len(*all) >= MaxLists:
		return List{}, ErrTooMany
	case l.backwards():
		return List{}, ErrPeriod
	}
	l.ID, l.Version = uuid.Must(uuid.NewV7()).String(), 1
	*all = append(*all, l)
	return l, nil
}

// Change states a list anew. version is the one that the caller has read; 0: any.
func (all Lists) Change(l List, version int64) (List, error) {
	i, err := all.at(l.ID, version)
	switch {
	case err != nil:
		return List{}, err
	case l.backwards():
		return List{}, ErrPeriod
	}
	l.Version = all[i].Version + 1
	all[i] = l
	return l, nil
}

// Remove takes a list out: its prices hold no more.
func (all *Lists) Remove(id string, version int64) error {
	i, err := all.at(id, version)
	if err == nil {
		*all = slices.Delete(*all, i, i+1)
	}
	return err
}

func (all Lists) at(id string, version int64) (int, error) {
	i := slices.IndexFunc(all, func(l List) bool { return l.ID == id })
	switch {
	case i < 0:
		return 0, ErrMissing
	case version != 0 && version != all[i].Version:
		return 0, ErrVersion
	}
	return i, nil
}

func (l List) backwards() bool { return !l.Ends.IsZero() && !l.Starts.Before(l.Ends) }
