package state

import (
	"context"
	"slices"
	"time"
)

// On a store that does not roll back, a commit that had a conflict may be there
// in part. The update runs again over its own half, and may find that there is
// nothing left to do: then what the half says has happened, and is announced.
// Or it writes the same documents again: then its last word counts, and the
// events of the half are dropped with the documents' version that held them.
// Until the update is through, nobody knows which, and the entry waits.

// hold keeps the entry of a half until decide. The lock is held.
func (o *outbox) hold(e *entry) {
	if s := o.open[e.seq]; s != nil && s.entry == e {
		s.left = 1
	}
}

// decide announces the events of the documents that are still as the half left
// them, when its update is through.
func (o *outbox) decide(tx *Tx) {
	if tx.entry == nil {
		return
	}
	stands := func(key string) bool { return slices.Contains(tx.half, key) }
	n := 0
	for i := range tx.entry.events {
		if stands(tx.events[i].key) {
			n++
		}
	}
	o.mu.Lock()
	if s := o.open[tx.entry.seq]; s != nil && s.entry == tx.entry {
		s.left += n
	}
	o.settled(tx.entry)
	o.mu.Unlock()
	o.announce(tx, tx.entry, stands)
}

// halves are the runs of one update that have landed in part.
type halves []*Tx

// wrote takes note of a later run's documents: the halves before it are not
// the last word on them any more.
func (h halves) wrote(keys []string) {
	for _, tx := range h {
		tx.half = slices.DeleteFunc(slices.Clone(tx.half), func(key string) bool { return slices.Contains(keys, key) })
	}
}

// superseded says whether events were held by a document for one of the runs.
func (h halves) superseded(p pending) bool {
	return slices.ContainsFunc(h, func(tx *Tx) bool { return tx.commit == p.Commit })
}

// begin notes work of an entry; that of a half is handed on. The lock is held.
func (o *outbox) begin(key string, w work) {
	if s := o.open[w.seq]; s != nil && s.entry == w.entry {
		s.left++
	}
	if w.half && o.unfinished != nil {
		o.handOn(w.entry, key, 0)
		return
	}
	if was, noted := o.work[key]; noted {
		o.settled(was.entry)
	}
	o.work[key] = w
}

// handOn tells of work, after a while, as if the replica that began it had died:
// nobody may be at it any more, if the update has failed in the end.
func (o *outbox) handOn(e *entry, key string, after time.Duration) {
	time.AfterFunc(after, func() {
		ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
		defer cancel()
		if err := o.unfinished(ctx, key); err != nil {
			o.log.Warn("outbox: work that was left cannot be handed on yet", "document", key, "error", err)
			o.handOn(e, key, retryLongest)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.settled(e)
	})
}
