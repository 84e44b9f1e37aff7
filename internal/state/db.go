package state

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/trace"
)

// Bounds of the conflict loop. 24 tries with the pauses below are about 1.5 s.
const (
	maxAttempts = 24
	firstPause  = time.Millisecond
	longestWait = 100 * time.Millisecond
)

// ErrBusy is what Update answers when its documents never stood still.
var ErrBusy = fault.New(fault.Unavailable, "busy", "Too many writers want the same thing at once. Try again.")

// Publisher announces what was committed.
type Publisher interface {
	Publish(ctx context.Context, events ...event.Event)
}

// DB runs functions over a store's documents.
type DB struct {
	store     Store
	group     *group
	publisher Publisher
	outbox    *outbox // instead of publisher, where events must not be lost
	log       *slog.Logger
	watches   []Watch
	announced *announced
	conflicts atomic.Int64
	running   atomic.Int64 // updates
	tracer    *trace.Tracer
}

// Open gives a DB over a store. Events of committed updates go to publisher,
// which may be nil for a service that announces nothing.
func Open(store Store, publisher Publisher, log *slog.Logger) *DB {
	return &DB{store: readTogether(store), group: newGroup(store), publisher: publisher, log: log, announced: newAnnounced()}
}

// OpenOutbox gives a DB whose events survive the process: they are committed
// with their documents and published to topic at least once, by this replica
// or, if it dies, by another one. Start has to run.
func OpenOutbox(store Store, topic Topic, log *slog.Logger) *DB {
	db := Open(store, nil, log)
	db.outbox = newOutbox(db, topic, log)
	return db
}

// Start runs the outbox until ctx ends, then publishes what is left for at
// most drain. What cannot be published by then is left to other replicas, or
// to the next start.
func (db *DB) Start(ctx context.Context, drain time.Duration) error {
	if db.outbox == nil {
		<-ctx.Done()
		return nil
	}
	return db.outbox.start(ctx, drain)
}

// OnUnfinished has f told of each document whose replica died in the middle of
// what Tx.Unfinished noted. f may be told of work that is done, and more than
// once; it has to note what it is told, not to do it at once. Call it before
// Start.
func (db *DB) OnUnfinished(f func(ctx context.Context, key string) error) {
	if db.outbox != nil {
		db.outbox.unfinished = f
	}
}

// OnPublish has f told of the events of committed updates, before they are
// published: by this replica, or by the one that adopts its journal. While f
// fails, its events stay where they are and f is told again; so it may be told
// more than once. It may update documents, but not announce events. Call it
// before Start.
func (db *DB) OnPublish(f func(ctx context.Context, events [][]byte) error) {
	if db.outbox != nil {
		db.outbox.before = f
	}
}

// Finish takes a note of Tx.Unfinished back without a write.
func (db *DB) Finish(key string) { db.FinishAt(key, math.MaxInt64) }

// FinishAt is Finish for a note that a version of the document brought, or an earlier
// one: what a later one has begun stays noted.
func (db *DB) FinishAt(key string, version int64) {
	if db.outbox != nil {
		db.outbox.finish(key, version)
	}
}

// NotedAt gives the version of the document that brought the note of Tx.Unfinished
// which this replica keeps, for FinishAt; 0: it keeps none.
func (db *DB) NotedAt(key string) int64 {
	if db.outbox == nil {
		return 0
	}
	return db.outbox.noted(key)
}

// OutboxStats gives the figures of the outbox; zero without one.
func (db *DB) OutboxStats() Stats {
	if db.outbox == nil {
		return Stats{}
	}
	return db.outbox.Stats()
}

// Conflicts counts the updates that had to run again since the start.
func (db *DB) Conflicts() int64 { return db.conflicts.Load() }

// Running counts the updates that are under way: what they commit is in no backlog yet.
func (db *DB) Running() int { return int(db.running.Load()) }

// View runs fn over documents without writing any.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return fn(newTx(ctx, db.store))
}

// Update runs fn and commits what it wrote, all under the ETags it read. On a
// conflict fn runs again, over fresh documents: it must have no effect outside
// its Tx. An error of fn ends the update and is returned as it is. A store
// that cannot be reached gives fault.Unavailable, endless conflict ErrBusy.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	db.running.Add(1)
	defer db.running.Add(-1)
	var before halves
	defer func() {
		for _, tx := range before {
			db.outbox.decide(tx)
		}
	}()
	var tries []string
	for attempt := range maxAttempts {
		tx := newTx(ctx, db.store)
		tx.commit, tx.earlier, tx.tries = newCommit(), before, tries
		tries = append(tries, tx.commit)
		err := fn(tx)
		if len(tx.presumed) > 0 && (err != nil || tx.misjudged()) {
			continue
		}
		if err != nil {
			return err
		}
		if len(db.watches) > 0 {
			if err := db.tell(tx); err != nil {
				return err
			}
		}
		switch err := db.commit(ctx, tx); {
		case errors.Is(err, errConflict):
			db.conflicts.Add(1)
			if tx.half != nil {
				before.wrote(tx.half)
				before = append(before, tx)
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		before.wrote(tx.order)
		if db.publisher != nil && len(tx.events) > 0 {
			db.publisher.Publish(context.WithoutCancel(ctx), tx.finishedEvents()...)
		}
		return nil
	}
	db.log.WarnContext(ctx, "state: gave up after conflicts", "attempts", maxAttempts)
	return ErrBusy
}

// commit writes what a transaction has put: errConflict if it has to run again.
func (db *DB) commit(ctx context.Context, tx *Tx) error {
	if db.outbox != nil {
		return db.outbox.commit(ctx, tx)
	}
	ops, err := tx.ops(nil)
	if err != nil || len(ops) == 0 {
		return err
	}
	return orUnavailable(db.group.commit(ctx, tx.commit, ops, nil))
}

func orUnavailable(err error) error {
	if err == nil || errors.Is(err, errConflict) {
		return err
	}
	return unavailable(err)
}

func unavailable(cause error) error {
	if k := fault.KindOf(cause); k == fault.Unavailable {
		return cause
	}
	return fault.New(fault.Unavailable, "store_unavailable", "Storage does not answer. Try again.").
		Because(fmt.Errorf("state: %w", cause))
}

// pause waits a jittered, growing time before the next try.
func pause(ctx context.Context, attempt int) error {
	limit := min(firstPause<<min(attempt, 16), longestWait)
	t := time.NewTimer(jitter(limit))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// jitter gives a random time up to limit. It is from crypto/rand, which a
// simulation can seed, unlike the generator of math/rand/v2.
func jitter(limit time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:])                                                   // never fails since Go 1.24
	return time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(limit)) + 1 //nolint:gosec // less than limit
}
