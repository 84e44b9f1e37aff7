package statestore

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/services/support/internal/ticket"
)

// The board has an entry for every ticket that has not ended, in documents by
// the hash of the ticket's ID. So a ticket's entry stays where it is whatever
// becomes of it, and all of them are one bulk read (docs/adr/0020). An entry
// takes 200 to 700 bytes: a full document some 150 KB.
const (
	boardShards = 64
	boardRoom   = 500 // entries a document
)

type boardShard struct {
	Entries []ticket.Entry `json:"entries"`
}

var (
	board    = state.Collection[boardShard]{Prefix: "board:"}
	settings = state.Collection[ticket.Settings]{Prefix: "ticket-settings"}

	errBoardFull = fault.New(fault.Unavailable, "too_many_tickets", "Too many tickets are waiting. Try again later.")
)

func shardOf(ticketID string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(ticketID))
	return strconv.FormatUint(uint64(h.Sum32()%boardShards), 10)
}

// post keeps the board in step with a ticket; where it is, nothing is written.
func post(tx *state.Tx, t *ticket.Ticket) error {
	entry, on := t.Entry()
	return setEntry(tx, t.ID, entry, on)
}

func setEntry(tx *state.Tx, id string, entry ticket.Entry, on bool) error {
	shard := shardOf(id)
	b, _, err := board.Get(tx, shard)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(b.Entries, func(e ticket.Entry) bool { return e.ID == id })
	switch {
	case i < 0 && !on, i >= 0 && on && b.Entries[i].Equal(entry):
		return nil
	case i < 0 && len(b.Entries) >= boardRoom:
		return errBoardFull
	case i < 0:
		b.Entries = append(b.Entries, entry)
	case on:
		b.Entries[i] = entry
	default:
		b.Entries = slices.Delete(b.Entries, i, i+1)
	}
	return board.Put(tx, shard, b)
}

// Board implements ticket.Store with 1 call.
func (s *Tickets) Board(ctx context.Context) (out []ticket.Entry, set ticket.Settings, err error) {
	keys := []string{settings.Key("")}
	for i := range boardShards {
		keys = append(keys, board.Key(strconv.Itoa(i)))
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(keys...); err != nil {
			return err
		}
		if set, err = getSettings(tx); err != nil {
			return err
		}
		for i := range boardShards {
			b, _, err := board.Get(tx, strconv.Itoa(i))
			if err != nil {
				return err
			}
			out = append(out, b.Entries...)
		}
		return nil
	})
	return out, set, err
}

func getSettings(tx *state.Tx) (ticket.Settings, error) {
	set, ok, err := settings.Get(tx, "")
	if err != nil || !ok {
		return ticket.Defaults(), err
	}
	version, err := settings.Version(tx, "")
	set.Version = version + 1
	return set, err
}

// Settings implements ticket.Store with 1 call.
func (s *Tickets) Settings(ctx context.Context) (set ticket.Settings, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		set, err = getSettings(tx)
		return err
	})
	return set, err
}

// SetSettings implements ticket.Store with 2 calls.
func (s *Tickets) SetSettings(ctx context.Context, set ticket.Settings, version int64) (ticket.Settings, error) {
	err := s.db.Update(ctx, func(tx *state.Tx) error {
		is, err := getSettings(tx)
		if err != nil {
			return err
		}
		if version != 0 && version != is.Version {
			return ticket.ErrSettingsVersion
		}
		set.Version = is.Version + 1
		return settings.Put(tx, "", set)
	})
	return set, err
}
