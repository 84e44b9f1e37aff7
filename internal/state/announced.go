package state

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// mostAnnounced is how many announcements a replica remembers.
const mostAnnounced = 1 << 16

// announced is what a replica has published of the documents of its watches, by number:
// for one who cannot wait until a broker has delivered it.
type announced struct {
	process string // tells the replica's processes apart

	mu     sync.Mutex
	events []json.RawMessage
	last   int64 // number of the last of them
}

func newAnnounced() *announced { return &announced{process: uuid.NewString()} }

// note remembers an event of a document. It is called once the broker has the event, and
// before its commit counts as announced.
func (db *DB) note(key string, event json.RawMessage) {
	if !slices.ContainsFunc(db.watches, func(w Watch) bool { return strings.HasPrefix(key, w.Prefix) }) {
		return
	}
	a := db.announced
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events, a.last = append(a.events, event), a.last+1
	if len(a.events) > mostAnnounced {
		a.events = slices.Clone(a.events[len(a.events)-mostAnnounced/2:])
	}
}

// Announced are events that a replica has published.
type Announced struct {
	Process string            // of the replica: a new one each time that it starts
	Last    int64             // number of the last that it has published
	After   int64             // number of the last of Events, or that was asked for; 0 of another process
	Events  []json.RawMessage // those after the number that was asked for, at most as many as were
	Lost    bool              // some after that number are not remembered any more
}

// Announced gives what this replica has published about watched documents after a number
// of a process; of another process than this one only the last number.
func (db *DB) Announced(process string, after int64, most int) Announced {
	a := db.announced
	a.mu.Lock()
	defer a.mu.Unlock()
	out := Announced{Process: a.process, Last: a.last}
	if process != a.process {
		return out
	}
	out.After = after
	first := a.last - int64(len(a.events)) // the number before the first
	if out.Lost = after < first; out.Lost {
		return out
	}
	left := a.events[min(after-first, int64(len(a.events))):]
	out.Events = slices.Clone(left[:min(len(left), most)])
	out.After += int64(len(out.Events))
	return out
}

// Watched says whether there is a Watch.
func (db *DB) Watched() bool { return len(db.watches) > 0 }

// Journals gives the journals of all replicas that live, or have died and are not adopted
// yet: whoever has heard that each has nothing left to announce has heard of all.
func (db *DB) Journals(ctx context.Context) (ids []string, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		ids = []string{}
		r, _, err := registries.Get(tx, theRegistry)
		if err != nil {
			return err
		}
		if err := tx.Load(journalHeads.Keys(r.IDs...)...); err != nil {
			return err
		}
		for _, id := range r.IDs {
			h, ok, err := journalHeads.Get(tx, id)
			if err != nil {
				return err
			}
			if ok && h.Retired.IsZero() {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}
