package deadletter

import (
	"slices"
	"time"

	"tienda/internal/fault"
)

// Bounds. A book of Most letters is about 300 KB.
const (
	// Most is how many letters an app keeps, settled ones included. A new one
	// takes the place of the oldest that is settled. While all wait, it is not
	// taken: it stays in the broker, which delivers it again.
	Most = 2000
	// claimTime is how long a replay has a letter to itself. It is longer than a
	// replay may take; one whose process died is over after it.
	claimTime  = 30 * time.Second
	replayTime = 10 * time.Second
)

// What the book refuses.
var (
	errMissing  = fault.Missing("dead letter")
	errSettled  = fault.New(fault.Conflict, "dead_letter_settled", "The dead letter has been replayed or discarded already.")
	errUnderWay = fault.New(fault.Conflict, "replay_under_way", "The dead letter is being replayed just now.")
	errFull     = fault.New(fault.Unavailable, "dead_letters_full", "Too many dead letters are waiting.")
)

// book lists the letters of an app, the oldest first.
type book struct {
	Next    int64   `json:"next"` // sequence number of the next letter
	Entries []entry `json:"entries"`
}

// entry is one letter; its names are short because the book is written whole.
type entry struct {
	ID      string    `json:"i"`
	Seq     int64     `json:"n"`
	State   State     `json:"s"`
	Replays int       `json:"r,omitempty"` // tries, the successful one included
	Claim   string    `json:"c,omitempty"` // the replay that is under way
	Until   time.Time `json:"u,omitzero"`  // when its claim ends
	By      string    `json:"b,omitempty"` // the user who settled it
	At      time.Time `json:"t,omitzero"`  // when
}

// Counts says how many letters there are in each state.
type Counts struct {
	Waiting   int `json:"waiting"`
	Replayed  int `json:"replayed"`
	Discarded int `json:"discarded"`
}

func (b *book) find(id string) *entry {
	if i := slices.IndexFunc(b.Entries, func(e entry) bool { return e.ID == id }); i >= 0 {
		return &b.Entries[i]
	}
	return nil
}

// add takes a letter in; false: it is there already. dropped is the ID of the
// letter that made room, "" where there was room.
func (b *book) add(id string) (added bool, dropped string, err error) {
	if b.find(id) != nil {
		return false, "", nil
	}
	if len(b.Entries) >= Most {
		i := slices.IndexFunc(b.Entries, func(e entry) bool { return e.State != Waiting })
		if i < 0 {
			return false, "", errFull
		}
		dropped = b.Entries[i].ID
		b.Entries = slices.Delete(b.Entries, i, i+1)
	}
	b.Entries = append(b.Entries, entry{ID: id, Seq: b.Next, State: Waiting})
	b.Next++
	return true, dropped, nil
}

// waiting gives the entry of a letter that nobody has settled or replays.
func (b *book) waiting(id string, now time.Time) (*entry, error) {
	e := b.find(id)
	switch {
	case e == nil:
		return nil, errMissing
	case e.State != Waiting:
		return nil, errSettled
	case e.Claim != "" && now.Before(e.Until):
		return nil, errUnderWay
	}
	return e, nil
}

func (e *entry) settle(s State, by string, now time.Time) {
	e.State, e.By, e.At = s, by, now
	e.Claim, e.Until = "", time.Time{}
}

func (b *book) counts() (c Counts) {
	for _, e := range b.Entries {
		switch e.State {
		case Waiting:
			c.Waiting++
		case Replayed:
			c.Replayed++
		case Discarded:
			c.Discarded++
		}
	}
	return c
}

// position is where the next page begins: below a sequence number.
type position struct {
	Below int64 `json:"n"`
}

// page gives up to limit entries of a state ("": all), the newest first, and
// where the next page begins; nil: there is none.
func (b *book) page(s State, from position, limit int) (out []entry, next *position) {
	for _, e := range slices.Backward(b.Entries) {
		if s != "" && e.State != s || from.Below > 0 && e.Seq >= from.Below {
			continue
		}
		if len(out) == limit {
			return out, &position{Below: out[limit-1].Seq}
		}
		out = append(out, e)
	}
	return out, nil
}
