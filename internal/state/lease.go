package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
)

// watch is what a replica has seen of another's journal. Leases are judged by
// the observer's own clock: a beat that stands still for leaseTime is dead.
type watch struct {
	beat   int64
	since  time.Time
	looked time.Time // at a retired journal, last
}

// every does work now and then every beat until ctx ends. Beats count from the
// end of the first turn, so that the loops of a replica take turns.
func (o *outbox) every(ctx context.Context, what string, work func(context.Context) error) {
	turn := func() {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("outbox: will be tried again", "work", what, "error", err)
		}
	}
	turn()
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if ctx.Err() != nil {
				return
			}
			turn()
		}
	}
}

// keepLease joins, renews the lease, and drops what is published.
func (o *outbox) keepLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	if err := o.renew(ctx); err != nil {
		return err
	}
	return o.flush(ctx)
}

// errLeft refuses writers that are still at it when the replica has given its
// journal up: whoever asked too long after the stop.
var errLeft = fault.New(fault.Unavailable, "stopping", "The service is being restarted. Try again.")

// leave removes this replica's journal when nothing is left in it. A request that
// has outlived the server may still want to write: from here on it is refused,
// since nobody would look for its entry.
func (o *outbox) leave(ctx context.Context) error {
	o.mu.Lock()
	id := o.id
	o.left = id != "" && len(o.open)+len(o.drop)+len(o.riding) == 0
	left := o.left
	o.mu.Unlock()
	if !left {
		return nil
	}
	return o.bury(ctx, id)
}

// renew writes this replica's head: that it lives, from where its entries are
// unpublished, and up to where it may write. Without a journal yet, or with one
// that was adopted meanwhile, it starts a new one.
func (o *outbox) renew(ctx context.Context) error {
	select {
	case o.renewing <- struct{}{}:
		defer func() { <-o.renewing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	o.mu.Lock()
	id, began := o.id, time.Now()
	next := head{Beat: o.beat + 1, Low: o.seq + 1, Limit: o.seq + 1 + ahead}
	for seq := range o.open {
		next.Low = min(next.Low, seq)
	}
	for _, key := range slices.AppendSeq(slices.Clone(o.drop), maps.Keys(o.riding)) { // published, and perhaps still there
		if seq, ok := o.seqOf(key); ok {
			next.Low = min(next.Low, seq)
		}
	}
	o.mu.Unlock()
	if id == "" {
		return o.join(ctx, next, began)
	}
	var adopted bool
	err := o.db.plain().Update(ctx, func(tx *Tx) error {
		h, ok, err := journalHeads.Get(tx, id)
		if err != nil {
			return err
		}
		if adopted = !ok || h.Adopter != ""; adopted {
			return nil
		}
		return journalHeads.Put(tx, id, next)
	})
	switch {
	case err != nil:
		return err
	case adopted:
		o.log.Warn("outbox: the journal was adopted while this replica stood still; going on with a new one", "journal", id)
		return o.join(ctx, next, began)
	}
	o.renewed(id, next, began)
	return nil
}

// join starts a journal. Entries go on counting, so that those of an earlier
// identity that are still open keep their place.
func (o *outbox) join(ctx context.Context, first head, began time.Time) error {
	id := uuid.NewString()
	first.Low = first.Limit - ahead
	err := o.db.plain().Update(ctx, func(tx *Tx) error {
		r, _, err := registries.Get(tx, theRegistry)
		if err != nil {
			return err
		}
		r.IDs = append(r.IDs, id)
		if err := registries.Put(tx, theRegistry, r); err != nil {
			return err
		}
		return journalHeads.Put(tx, id, first)
	})
	if err != nil {
		return err
	}
	o.renewed(id, first, began)
	return nil
}

func (o *outbox) renewed(id string, h head, began time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.id == "" {
		close(o.joined)
	}
	o.id, o.beat, o.limit, o.since = id, h.Beat, h.Limit, began
}

// lookAround adopts journals whose replica is dead and looks after those that
// this replica has adopted.
func (o *outbox) lookAround(ctx context.Context) error {
	o.mu.Lock()
	me := o.id
	o.mu.Unlock()
	if me == "" {
		return nil
	}
	var ids []string
	all := map[string]head{}
	err := o.db.View(ctx, func(tx *Tx) error {
		r, _, err := registries.Get(tx, theRegistry)
		if err != nil {
			return err
		}
		ids = r.IDs
		if err := tx.Load(journalHeads.Keys(r.IDs...)...); err != nil {
			return err
		}
		for _, id := range r.IDs {
			h, _, err := journalHeads.Get(tx, id)
			if err != nil {
				return err
			}
			all[id] = h
		}
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	var failed []error // one journal that cannot be read does not hold up the others
	for _, id := range ids {
		h := all[id]
		w := o.watched[id]
		if w == nil || w.beat != h.Beat {
			w = &watch{beat: h.Beat, since: now}
			o.watched[id] = w
		}
		_, adopterLives := all[h.Adopter]
		adopterLives = adopterLives && all[h.Adopter].Adopter == ""
		var err error
		switch {
		case id == me:
		case h.Adopter == "" && now.Sub(w.since) >= leaseTime,
			h.Adopter != "" && h.Adopter != me && !adopterLives:
			err = o.adopt(ctx, me, id, h)
		case h.Adopter == me && now.Sub(h.Retired) > retireTime:
			err = o.bury(ctx, id)
		case h.Adopter == me && now.Sub(w.looked) >= lookAgain:
			w.looked = now
			err = o.finishJournal(ctx, id, h)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("journal %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// adopt takes over a dead replica's journal and publishes what it left.
func (o *outbox) adopt(ctx context.Context, me, id string, seen head) error {
	var mine bool
	err := o.db.plain().Update(ctx, func(tx *Tx) error {
		h, ok, err := journalHeads.Get(tx, id)
		if err != nil {
			return err
		}
		if mine = ok && h.Beat == seen.Beat && h.Adopter == seen.Adopter; !mine {
			return nil
		}
		h.Adopter, h.Retired = me, time.Now().UTC()
		h.Beat++
		return journalHeads.Put(tx, id, h)
	})
	if err != nil || !mine {
		return err
	}
	o.log.Info("outbox: adopting the journal of a replica that is gone", "journal", id)
	return o.finishJournal(ctx, id, seen)
}

// finishJournal publishes what the entries of a journal name and drops them.
func (o *outbox) finishJournal(ctx context.Context, id string, h head) error {
	for from := h.Low; from < h.Limit; from += groupOps {
		var keys []string
		for seq := from; seq < min(from+groupOps, h.Limit); seq++ {
			keys = append(keys, entryKey(id, seq))
		}
		items, err := o.db.store.Get(ctx, keys...)
		if err != nil {
			return err
		}
		var drops []Op
		var left []ref
		for _, item := range items {
			if item.ETag == "" {
				continue
			}
			var refs []ref
			if err := json.Unmarshal(item.Value, &refs); err != nil {
				return fmt.Errorf("entry %s: %w", item.Key, err)
			}
			left = append(left, refs...)
			drops = append(drops, Op{Key: item.Key, Delete: true, Blind: true})
		}
		n, err := o.settle(ctx, left)
		o.mu.Lock()
		o.stats.Published += int64(n)
		o.stats.Adopted += int64(n)
		o.mu.Unlock()
		if err != nil {
			return err
		}
		if len(drops) > 0 {
			if err := o.db.store.Commit(ctx, drops...); err != nil {
				return err
			}
		}
	}
	return nil
}

// bury removes a journal that no paused writer can reach any more.
func (o *outbox) bury(ctx context.Context, id string) error {
	err := o.db.plain().Update(ctx, func(tx *Tx) error {
		r, _, err := registries.Get(tx, theRegistry)
		if err != nil {
			return err
		}
		r.IDs = slices.DeleteFunc(r.IDs, func(x string) bool { return x == id })
		if err := registries.Put(tx, theRegistry, r); err != nil {
			return err
		}
		return journalHeads.Delete(tx, id)
	})
	if err == nil {
		delete(o.watched, id)
	}
	return err
}

// plain gives the same documents without the outbox: the journal's own.
func (db *DB) plain() *DB {
	return &DB{store: db.store, group: db.group, log: db.log}
}
