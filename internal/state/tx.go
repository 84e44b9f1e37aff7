package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tienda/internal/event"
	"tienda/internal/trace"
)

type doc struct {
	etag    string
	version int64 // as read; 0: absent
	gone    bool  // as read: deleted, and kept for its events
	pending []pending
	past    []string // commits, newest first
	trace   string   // as read
	data    json.RawMessage
	value   any // what Put gave, encoded at commit
	ttl     time.Duration
	written bool
	deleted bool
}

// Tx is one run of an Update's or a View's function. Not for concurrent use.
type Tx struct {
	ctx    context.Context
	store  Store
	commit string
	docs   map[string]*doc
	order  []string // written keys, in the order of their first write
	events []pendingEvent

	published  func(entry string) bool // nil: without an outbox
	unfinished []string                // keys
	earlier    halves                  // runs of the same update
	tries      []string                // commits of the earlier runs
	half       []string                // keys that have landed although the commit had a conflict
	entry      *entry                  // of the journal; nil: none

	presumed  []string // keys of documents that were taken for absent unread
	unwatched bool
	told      map[string][]string // what watches were told of, by document
}

type pendingEvent struct {
	event.Event
	key string // the document whose version the event carries
}

func newTx(ctx context.Context, store Store) *Tx {
	return &Tx{ctx: ctx, store: store, docs: map[string]*doc{}}
}

// Context gives the context of the Update or View.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Load reads all the keys that were not read yet in one call to the store.
func (tx *Tx) Load(keys ...string) error {
	var missing []string
	asked := make(map[string]bool, len(keys))
	for _, k := range keys {
		if _, ok := tx.docs[k]; !ok && !asked[k] {
			asked[k] = true
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	items, err := tx.store.Get(tx.ctx, missing...)
	if err != nil {
		return unavailable(err)
	}
	for _, item := range items {
		d := &doc{etag: item.ETag}
		if item.ETag != "" {
			var e envelope
			if err := json.Unmarshal(item.Value, &e); err != nil {
				return fmt.Errorf("state: %s holds no document: %w", item.Key, err)
			}
			d.version, d.data, d.gone, d.pending, d.past, d.trace = e.Version, e.Data, e.Gone, e.Pending, e.before(), e.Trace
		}
		tx.docs[item.Key] = d
	}
	return nil
}

// Presume takes documents that were not read yet for absent, without asking the store: those
// that this update writes, where somebody else would hardly have written them. They are
// created, which is a conflict where something is there after all; then, or where one of them is
// not written, or the function ends with an error, it runs again and what it presumed is read. On
// a store that does not roll back, what it wrote besides may have landed by then.
func (tx *Tx) Presume(keys ...string) error {
	if len(tx.tries) > 0 {
		return tx.Load(keys...)
	}
	for _, k := range keys {
		if _, known := tx.docs[k]; !known {
			tx.docs[k] = &doc{}
			tx.presumed = append(tx.presumed, k)
		}
	}
	return nil
}

// misjudged says whether something that was presumed is not created after all, so that the
// store would not say that it is there.
func (tx *Tx) misjudged() bool {
	return slices.ContainsFunc(tx.presumed, func(k string) bool { return !tx.docs[k].written || tx.docs[k].deleted })
}

// Ours says whether the document under key holds what an earlier run of this
// update has written: a store that does not roll back kept it, although another
// document of the run had a conflict. A change that must not be made twice, such
// as adding a number, is then done, and what is missing is the rest.
func (tx *Tx) Ours(key string) (bool, error) {
	if err := tx.Load(key); err != nil {
		return false, err
	}
	return slices.ContainsFunc(tx.docs[key].past, func(commit string) bool { return slices.Contains(tx.tries, commit) }), nil
}

// Emit announces e once the update is committed. key names the document that
// the event is about: the event carries that document's new version.
func (tx *Tx) Emit(key string, e event.Event) {
	tx.events = append(tx.events, pendingEvent{Event: e, key: key})
}

// Unfinished notes that the document under key, which this update writes,
// begins work that goes on after the commit. The note stands until this
// replica writes the document again, or calls DB.Finish. If the replica dies
// before, the one that adopts its journal is told (DB.OnUnfinished). Without
// an outbox the note is lost.
func (tx *Tx) Unfinished(key string) { tx.unfinished = append(tx.unfinished, key) }

// finishedEvents gives the events with the versions of their documents.
func (tx *Tx) finishedEvents() []event.Event {
	out := make([]event.Event, len(tx.events))
	t := trace.Kept(tx.ctx)
	for i, p := range tx.events {
		out[i] = p.Event
		out[i].TraceParent, out[i].TraceState = t.Parent, t.State
		if d := tx.docs[p.key]; d != nil {
			out[i].Version = d.version
			if d.written {
				out[i].Version++
			}
		}
	}
	return out
}

func (tx *Tx) get(key string, into any) (bool, error) {
	if err := tx.Load(key); err != nil {
		return false, err
	}
	d := tx.docs[key]
	raw := d.data
	if d.written {
		if d.deleted {
			return false, nil
		}
		b, err := json.Marshal(d.value)
		if err != nil {
			return false, fmt.Errorf("state: %s: %w", key, err)
		}
		raw = b
	} else if d.etag == "" || d.gone {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("state: %s: %w", key, err)
	}
	return true, nil
}

func (tx *Tx) write(key string, value any, ttl time.Duration, deleted bool) error {
	if err := tx.Load(key); err != nil {
		return err
	}
	d := tx.docs[key]
	if !d.written {
		tx.order = append(tx.order, key)
	}
	d.written, d.deleted, d.value, d.ttl = true, deleted, value, ttl
	return nil
}

func (tx *Tx) writtenKeys() []string {
	keys := make([]string, 0, len(tx.order))
	for _, k := range tx.order {
		if d := tx.docs[k]; !d.deleted || d.etag != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// ops gives the writes of the documents. With an entry, the events go into the
// documents that they are about, until the entry's journal has published them.
func (tx *Tx) ops(entry *entry) ([]Op, error) {
	keys := tx.writtenKeys()
	events := map[string][]json.RawMessage{}
	if entry != nil {
		for i, e := range tx.finishedEvents() {
			key := tx.events[i].key
			if d := tx.docs[key]; d == nil || !d.written || d.deleted && d.etag == "" {
				return nil, fmt.Errorf("state: an event %s about %s, which is not written", e.Type, key)
			}
			raw, err := json.Marshal(e)
			if err != nil {
				return nil, fmt.Errorf("state: %s: %w", key, err)
			}
			if len(events[key]) == 0 {
				entry.refs = append(entry.refs, ref{Key: key, Commit: tx.commit})
			}
			events[key] = append(events[key], raw)
			entry.events = append(entry.events, raw)
		}
	}
	if entry != nil {
		for _, key := range tx.unfinished {
			entry.refs = append(entry.refs, ref{Key: key, Commit: tx.commit, Work: true})
		}
	}
	ops := make([]Op, 0, len(keys)+1)
	for _, k := range keys {
		d := tx.docs[k]
		op := Op{Key: k, ETag: d.etag, Delete: d.deleted, TTL: d.ttl}
		e := envelope{Version: d.version + 1, Commit: tx.commit, Past: d.past, Pending: tx.unpublished(d.pending), Trace: d.trace}
		if len(events[k]) > 0 || slices.Contains(tx.unfinished, k) {
			e.Trace = trace.Kept(tx.ctx).Parent
		}
		if len(events[k]) > 0 {
			e.Pending = append(e.Pending, pending{Commit: tx.commit, Entry: entry.key(), Events: events[k]})
		}
		switch {
		case !d.deleted:
			data, err := json.Marshal(d.value)
			if err != nil {
				return nil, fmt.Errorf("state: %s: %w", k, err)
			}
			e.Data = data
		case len(e.Pending) > 0: // what it was is announced before it really goes
			op.Delete, e.Gone = false, true
			if entry != nil {
				entry.tombs = append(entry.tombs, k)
			}
		}
		if !op.Delete {
			var err error
			if op.Value, err = e.encode(); err != nil {
				return nil, fmt.Errorf("state: %s: %w", k, err)
			}
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// unpublished leaves out what this replica knows to be published, and what this
// run of the update says anew.
func (tx *Tx) unpublished(all []pending) []pending {
	return slices.DeleteFunc(slices.Clone(all), func(p pending) bool {
		return tx.published != nil && tx.published(p.Entry) || tx.earlier.superseded(p)
	})
}
