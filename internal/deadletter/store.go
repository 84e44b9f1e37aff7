package deadletter

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tienda/internal/page"
	"tienda/internal/state"
)

// Letters are the dead letters of one app.
type Letters struct {
	app     string
	db      *state.DB
	log     *slog.Logger
	now     func() time.Time
	reasons *reasons

	topics  map[string]string // the routes of the app's events, by topic
	deliver deliverer

	replayed, discarded atomic.Int64

	mu   sync.Mutex
	kept map[string]int64 // by topic
}

// Stats counts what this replica has done since its start.
type Stats struct {
	Kept                map[string]int64 // by topic
	Replayed, Discarded int64
}

// Stats gives the figures for /metrics.
func (l *Letters) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := map[string]int64{}
	for topic := range l.topics {
		kept[topic] = 0
	}
	maps.Copy(kept, l.kept)
	return Stats{Kept: kept, Replayed: l.replayed.Load(), Discarded: l.discarded.Load()}
}

// New gives the dead letters of an app, kept in its own store.
func New(app string, db *state.DB, log *slog.Logger) *Letters {
	return &Letters{
		app: app, db: db, log: log, reasons: newReasons(), kept: map[string]int64{}, topics: map[string]string{},
		now: func() time.Time { return time.Now().UTC() },
	}
}

// count counts a letter that was kept. A topic that the app does not hear is none: the name
// is the event's own word.
func (l *Letters) count(topic string) {
	if _, hears := l.topics[topic]; !hears {
		topic = "none"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept[topic]++
}

// Counts says how many letters there are in each state, of all replicas. State: 1 get.
func (l *Letters) Counts(ctx context.Context) (c Counts, err error) {
	err = l.db.View(ctx, func(tx *state.Tx) error {
		b, _, err := books.Get(tx, theBook)
		c = b.counts()
		return err
	})
	return c, err
}

// Heard says whether the app hears events at all.
func (l *Letters) Heard() bool { return len(l.topics) > 0 }

// theBook is the ID of the one book of an app's store.
const theBook = ""

// keep stores an event that has come from the dead-letter topic. What comes
// again is counted. State: 2 gets and 2 transactions.
func (l *Letters) keep(ctx context.Context, event []byte) error {
	id, h := open(event)
	var dropped string
	err := l.db.Update(ctx, func(tx *state.Tx) error {
		b, _, err := books.Get(tx, theBook)
		if err != nil {
			return err
		}
		var added bool
		if added, dropped, err = b.add(id); err != nil || !added {
			return err
		}
		return books.Put(tx, theBook, b)
	})
	if err != nil {
		return err
	}
	// The letter comes second: without it its entry is shown to nobody, and the
	// delivery is repeated.
	var there bool
	err = l.db.Update(ctx, func(tx *state.Tx) (err error) {
		var v letter
		if v, there, err = letters.Get(tx, id); err != nil {
			return err
		}
		now := l.now()
		if !there {
			v = letter{head: h, Event: event, First: now}
		}
		v.Arrivals, v.Last = v.Arrivals+1, now
		if why := l.reasons.of(id); why != nil {
			v.Reason = why
		}
		if dropped != "" {
			if err := letters.Delete(tx, dropped); err != nil {
				return err
			}
		}
		return letters.Put(tx, id, v)
	})
	if err == nil && !there {
		l.count(h.Topic)
		l.log.WarnContext(ctx, "an event became a dead letter", "letter", id, "type", h.Type, "event", h.EventID, "topic", h.Topic)
	}
	return err
}

// list gives a page of the letters of a state ("": all), the newest first, and
// how many there are of each state. State: 1 get, 1 bulk get.
func (l *Letters) list(ctx context.Context, s State, cursor string, limit int) (out List, err error) {
	out.Items = []View{}
	var from position
	if err := page.Decode(cursor, &from); err != nil {
		return out, err
	}
	err = l.db.View(ctx, func(tx *state.Tx) error {
		b, _, err := books.Get(tx, theBook)
		if err != nil {
			return err
		}
		out.Counts = b.counts()
		entries, next := b.page(s, from, limit)
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.ID
		}
		if err := tx.Load(letters.Keys(ids...)...); err != nil {
			return err
		}
		for _, e := range entries {
			v, there, err := letters.Get(tx, e.ID)
			if err != nil {
				return err
			}
			if there { // it is stored a moment after its entry
				out.Items = append(out.Items, l.view(e, v))
			}
		}
		if next != nil {
			out.NextCursor = page.Encode(*next)
		}
		return nil
	})
	return out, err
}

// get gives a letter and its entry. State: 1 bulk get.
func (l *Letters) get(ctx context.Context, id string) (e entry, v letter, err error) {
	err = l.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(books.Key(theBook), letters.Key(id)); err != nil {
			return err
		}
		b, _, err := books.Get(tx, theBook)
		if err != nil {
			return err
		}
		found := b.find(id)
		if found == nil {
			return errMissing
		}
		e = *found
		var there bool
		if v, there, err = letters.Get(tx, id); err == nil && !there {
			err = errMissing
		}
		return err
	})
	return e, v, err
}

// change runs fn over the book. State: 1 get, 1 save.
func (l *Letters) change(ctx context.Context, fn func(*book) error) error {
	return l.db.Update(ctx, func(tx *state.Tx) error {
		b, _, err := books.Get(tx, theBook)
		if err != nil {
			return err
		}
		if err := fn(&b); err != nil {
			return err
		}
		return books.Put(tx, theBook, b)
	})
}

// discard gives a letter up. A repeat is errSettled, as after a replay.
func (l *Letters) discard(ctx context.Context, id, by string) error {
	// A letter without its content was never acknowledged: it is not there yet.
	_, v, err := l.get(ctx, id)
	if err != nil {
		return err
	}
	err = l.change(ctx, func(b *book) error {
		e, err := b.waiting(id, l.now())
		if err == nil {
			e.settle(Discarded, by, l.now())
		}
		return err
	})
	if err == nil {
		l.discarded.Add(1)
		l.log.InfoContext(ctx, "dead letter discarded", "letter", id, "type", v.Type, "event", v.EventID, "by", by)
	}
	return err
}

// claim gives a replay the letter to itself, for claimTime at most.
func (l *Letters) claim(ctx context.Context, id string) (string, error) {
	token := uuid.NewString()
	err := l.change(ctx, func(b *book) error {
		if mine := b.find(id); mine != nil && mine.Claim == token {
			return nil // a commit whose answer was lost
		}
		e, err := b.waiting(id, l.now())
		if err == nil {
			e.Claim, e.Until = token, l.now().Add(claimTime)
			e.Replays++
		}
		return err
	})
	return token, err
}

// finish notes how a replay ended: the letter is replayed, or waits on.
func (l *Letters) finish(ctx context.Context, id, claim, by string, why *Reason) error {
	err := l.change(ctx, func(b *book) error {
		e := b.find(id)
		switch {
		case e == nil || e.State != Waiting:
		case why == nil:
			e.settle(Replayed, by, l.now())
		case e.Claim == claim:
			e.Claim, e.Until = "", time.Time{}
		}
		return nil
	})
	if err != nil || why == nil {
		return err
	}
	return l.db.Update(ctx, func(tx *state.Tx) error {
		v, there, err := letters.Get(tx, id)
		if err != nil || !there {
			return err
		}
		v.Reason = why
		return letters.Put(tx, id, v)
	})
}
