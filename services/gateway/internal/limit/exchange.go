package limit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"tienda/internal/state"
)

// How the replicas talk. Each has a document with what it has let through in
// its last turns; a directory has the replicas. A document is written only
// when there is news, and those of others are read only while there are some:
// a replica that is alone, or has calm clients, costs the store next to nothing.
const (
	turnEvery  = 250 * time.Millisecond
	turnLimit  = 2 * time.Second
	keptTurns  = 4                // a reader that is later than so many has missed some
	lookEvery  = 2 * time.Second  // for other replicas
	beatEvery  = 5 * time.Second  // to say that one is there
	deadAfter  = 20 * time.Second // without a beat
	goneAfter  = time.Minute      // what nobody writes any more is dropped by the store
	directory  = "limits"
	ofReplica  = "limits:"
	mostOthers = 64 // replicas that are listened to
)

// turn is what a replica let through between two looks.
type turn struct {
	Seq    int64   `json:"seq"`
	Counts []Count `json:"counts"`
}

type report struct {
	Turns []turn `json:"turns"`
}

// members are the replicas with their beats, which grow.
type members struct {
	Beats map[string]int64 `json:"beats"`
}

type member struct {
	beat  int64
	since time.Time // on this replica's clock: those of others may differ
	heard int64     // the last turn that was taken in
}

// Exchange tells the other replicas what this one has let through, and hears
// from them. While the store is away each goes on with its own counts.
type Exchange struct {
	limiter *Limiter
	store   state.Store
	log     *slog.Logger
	now     func() time.Time
	id      string

	seq    int64
	turns  []turn
	untold bool // turns holds something that is not written
	beat   int64
	beatAt time.Time
	lookAt time.Time
	others map[string]*member
	failed bool
}

// NewExchange gives the exchange of a limiter over the gateway's store.
func NewExchange(l *Limiter, store state.Store, log *slog.Logger) *Exchange {
	return &Exchange{limiter: l, store: store, log: log, now: l.now, id: uuid.NewString(), others: map[string]*member{}}
}

// Part exchanges counts until ctx ends.
func (x *Exchange) Part(ctx context.Context) error {
	t := time.NewTicker(turnEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			x.report(ctx, x.turn(ctx))
		}
	}
}

// report logs when the exchange stops to work, and when it works again.
func (x *Exchange) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !x.failed:
		x.failed = true
		x.log.WarnContext(ctx, "the counts of the rate limits are not shared, each replica counts for itself", "error", err)
	case err == nil && x.failed:
		x.failed = false
		x.log.InfoContext(ctx, "the counts of the rate limits are shared again")
	}
}

// turn tells, hears, and says that this replica is there.
func (x *Exchange) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	now := x.now()
	var errs []error
	if now.Sub(x.lookAt) >= lookEvery {
		if err := x.look(ctx, now); err != nil {
			errs = append(errs, err)
		} else {
			x.lookAt = now
		}
	}
	if len(x.others) > 0 {
		errs = append(errs, x.tell(ctx), x.hear(ctx))
	}
	return errors.Join(errs...)
}

// look finds the other replicas, and renews this one's beat if it is time.
func (x *Exchange) look(ctx context.Context, now time.Time) error {
	items, err := x.store.Get(ctx, directory)
	if err != nil {
		return err
	}
	var m members
	if len(items[0].Value) > 0 {
		if err := json.Unmarshal(items[0].Value, &m); err != nil {
			m = members{} // it is made again
		}
	}
	dead := x.meet(m, now)
	if _, listed := m.Beats[x.id]; listed && now.Sub(x.beatAt) < beatEvery && len(dead) == 0 {
		return nil
	}
	if m.Beats == nil {
		m.Beats = map[string]int64{}
	}
	for _, id := range dead {
		delete(m.Beats, id)
		delete(x.others, id)
	}
	m.Beats[x.id] = x.beat + 1
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := x.store.Commit(ctx, state.Op{Key: directory, Value: b, ETag: items[0].ETag}); err != nil {
		x.lookAt = time.Time{}
		return nil //nolint:nilerr // another replica was faster, or the store is away, which the next look tells
	}
	x.beat++
	x.beatAt = now
	return nil
}

// meet notes the replicas of the directory and gives those that are dead.
func (x *Exchange) meet(m members, now time.Time) (dead []string) {
	for id, beat := range m.Beats {
		o := x.others[id]
		switch {
		case id == x.id:
		case o == nil && len(x.others) < mostOthers:
			x.others[id] = &member{beat: beat, since: now}
		case o == nil:
		case o.beat != beat:
			o.beat, o.since = beat, now
		case now.Sub(o.since) > deadAfter:
			dead = append(dead, id)
		}
	}
	for id := range x.others {
		if _, there := m.Beats[id]; !there {
			delete(x.others, id)
		}
	}
	return dead
}

// tell writes what was let through since the last turn.
func (x *Exchange) tell(ctx context.Context) error {
	if counts := x.limiter.collect(); len(counts) > 0 {
		x.seq++
		x.turns = append(x.turns, turn{x.seq, counts})
		x.turns = x.turns[max(0, len(x.turns)-keptTurns):]
		x.untold = true
	}
	if !x.untold {
		return nil
	}
	b, err := json.Marshal(report{x.turns})
	if err != nil {
		return err
	}
	if err := x.store.Commit(ctx, state.Op{Key: ofReplica + x.id, Value: b, Blind: true, TTL: goneAfter}); err != nil {
		return err
	}
	x.untold = false
	return nil
}

// hear takes in what the others have let through.
func (x *Exchange) hear(ctx context.Context) error {
	ids := make([]string, 0, len(x.others))
	keys := make([]string, 0, len(x.others))
	for id := range x.others {
		ids, keys = append(ids, id), append(keys, ofReplica+id)
	}
	items, err := x.store.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, it := range items {
		var r report
		if len(it.Value) == 0 || json.Unmarshal(it.Value, &r) != nil {
			continue
		}
		o := x.others[ids[i]]
		for _, t := range r.Turns {
			if t.Seq > o.heard {
				o.heard = t.Seq
				x.limiter.apply(t.Counts)
			}
		}
	}
	return nil
}
