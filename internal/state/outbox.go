package state

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tienda/internal/fault"
)

// Topic takes an event, a CloudEvent in JSON, for its consumers. It answers
// nil only once the broker has it.
type Topic interface {
	Publish(ctx context.Context, event []byte) error
}

// BulkTopic is a Topic that takes several events in one call, in no order, and
// gives the places of those that the broker does not have.
type BulkTopic interface {
	PublishAll(ctx context.Context, events [][]byte) (failed []int, err error)
}

// retryFirst and retryLongest bound the pause between tries of a publish.
const (
	retryFirst   = 20 * time.Millisecond
	retryLongest = 2 * time.Second
)

// ErrBacklog refuses writers while the broker is away for too long.
var ErrBacklog = fault.New(fault.Unavailable, "events_backlog", "Too much is waiting to be announced. Try again.")

// outbox announces what was committed, at least once, whatever dies.
//
// A commit writes, in one transaction, its documents with their events inside
// and an entry in this replica's journal that names them. Once the broker has
// the events, the entry is dropped. A replica that dies leaves its entries; its
// lease runs out, and another replica adopts the journal: it reads the entries,
// publishes what the named documents really hold, and drops them. So an entry
// without its document is harmless, and there is never a document with events
// without its entry.
//
// A replica that finds its journal adopted (it was paused) goes on under a new
// identity. What it may have sent before is found when the adopter looks at
// the retired journal again.
type outbox struct {
	db    *DB
	topic Topic
	// before is told of events ahead of the topic; nil: nobody is.
	before func(ctx context.Context, events [][]byte) error
	log    *slog.Logger
	lane   [lanes]*lane

	mu     sync.Mutex
	id     string // of the journal; "": none yet
	beat   int64
	seq    int64 // last that was given out
	limit  int64
	since  time.Time            // of the last renewal
	open   map[int64]*openEntry // entries that are not dropped yet, by seq
	drop   []string             // keys of published entries, to be deleted
	riding map[string]bool      // those of them that are on their way
	work   map[string]work      // unfinished, by document
	joined chan struct{}        // closed once there is a journal
	left   bool                 // the journal is given up: nothing may be written into it
	stats  Stats

	unfinished func(ctx context.Context, key string) error // told of what a dead replica left

	renewing chan struct{}     // full while the head is being written
	watched  map[string]*watch // other journals; only the lease's goroutine touches it
}

// openEntry is an entry whose events are not all published.
type openEntry struct {
	*entry
	began time.Time
	left  int // events and work that are not done; -1: not landed yet
}

// Stats are the outbox's figures.
type Stats struct {
	Backlog   int           // commits whose events are not all published
	Oldest    time.Duration // age of the oldest of them
	Published int64         // events, since the start
	Adopted   int64         // events of other replicas' journals, among them
	Retries   int64         // tries to publish that failed
}

func newOutbox(db *DB, topic Topic, log *slog.Logger) *outbox {
	o := &outbox{
		db: db, topic: topic, log: log, open: map[int64]*openEntry{}, work: map[string]work{},
		riding: map[string]bool{}, joined: make(chan struct{}), renewing: make(chan struct{}, 1), watched: map[string]*watch{},
	}
	for i := range o.lane {
		o.lane[i] = newLane()
	}
	return o
}

// start runs the outbox until ctx ends, then publishes what is left for at
// most drain and retires.
func (o *outbox) start(ctx context.Context, drain time.Duration) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	for i := range o.lane {
		wg.Go(func() { o.publishLane(work, o.lane[i]) })
	}
	// Two loops: adoption publishes, which may take long while the broker is
	// away, and the lease must not run out over it.
	var loops sync.WaitGroup
	loops.Go(func() { o.every(work, "adopt", o.lookAround) })
	loops.Go(func() { o.every(work, "lease", o.keepLease) })
	<-ctx.Done()
	o.drain(work, drain)
	stop()
	loops.Wait()
	wg.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	if err := o.leave(last); err != nil {
		o.log.Warn("outbox: the journal is left for another replica to retire", "error", err)
	}
	return nil
}

// reserve gives the next entry of the journal, under a valid lease.
func (o *outbox) reserve(ctx context.Context) (*entry, error) {
	select {
	case <-o.joined:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		o.mu.Lock()
		switch {
		case o.left:
			o.mu.Unlock()
			return nil, errLeft
		case len(o.open) >= maxBacklog:
			o.mu.Unlock()
			return nil, ErrBacklog
		case time.Since(o.since) < leaseSafe && o.seq+1 < o.limit:
			o.seq++
			e := &entry{journal: o.id, seq: o.seq}
			o.open[e.seq] = &openEntry{entry: e, began: time.Now(), left: -1}
			o.mu.Unlock()
			return e, nil
		}
		o.mu.Unlock()
		if err := o.renew(ctx); err != nil {
			return nil, err
		}
	}
}

// rides takes published entries, to be deleted along with another write. They
// arrive with it, or are given back.
func (o *outbox) rides(most int) (ops []Op) {
	o.mu.Lock()
	n := min(most, len(o.drop))
	keys := slices.Clone(o.drop[:n])
	o.drop = slices.Delete(o.drop, 0, n)
	for _, k := range keys {
		o.riding[k] = true
	}
	o.mu.Unlock()
	for _, k := range keys {
		ops = append(ops, Op{Key: k, Delete: true, Blind: true})
	}
	return ops
}

// rode forgets what has ridden, and takes up again what did not in the end.
func (o *outbox) rode(ops []Op, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range ops {
		delete(o.riding, op.Key)
		if err != nil {
			o.drop = append(o.drop, op.Key)
		}
	}
}

// landed hands the events of a committed entry, nil for none, to the lanes, and
// notes what work has begun and what is done. It is called in the order of
// commits and does not wait. keys, where they are
// given, are what is there of a commit that had a conflict (half.go).
func (o *outbox) landed(tx *Tx, e *entry, keys []string) {
	tx.half = keys
	there := func(key string) bool { return keys == nil || slices.Contains(keys, key) }
	o.mu.Lock()
	for _, key := range tx.order {
		if was, noted := o.work[key]; noted && there(key) && !slices.Contains(tx.unfinished, key) {
			delete(o.work, key)
			o.settled(was.entry)
		}
	}
	if e == nil {
		o.mu.Unlock()
		return
	}
	if s := o.open[e.seq]; s != nil && s.entry == e {
		s.left = len(e.events)
	}
	if e.half = keys != nil; e.half {
		o.hold(e)
	}
	for _, key := range tx.unfinished {
		if there(key) {
			o.begin(key, work{e, tx.docs[key].version + 1})
		}
	}
	o.mu.Unlock()
	if keys == nil {
		o.announce(tx, e, there)
	}
}

// settled counts one event or one piece of work of an entry. The lock is held.
func (o *outbox) settled(e *entry) {
	s := o.open[e.seq]
	if s == nil || s.entry != e {
		return
	}
	if s.left--; s.left == 0 {
		o.forget(e)
		if len(e.tombs) > 0 {
			go o.sweep(e.tombs)
		}
	}
}

// refused forgets an entry whose commit did not happen. On a store that does
// not roll back it may stand there: it is dropped like a published one, unless
// half of the commit did happen.
func (o *outbox) refused(e *entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !e.half {
		o.forget(e)
	}
}

func (o *outbox) published(e *entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Published++
	o.settled(e)
}

// sweep removes deleted documents whose events are published. It is a
// courtesy: what it misses reads as absent all the same.
func (o *outbox) sweep(keys []string) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	items, err := o.db.store.Get(ctx, keys...)
	if err != nil {
		return
	}
	for _, item := range items {
		var e envelope
		if item.ETag == "" || json.Unmarshal(item.Value, &e) != nil || !e.Gone {
			continue
		}
		if !slices.ContainsFunc(e.Pending, func(p pending) bool { return !o.isPublished(p.Entry) }) {
			_ = o.db.store.Commit(ctx, Op{Key: item.Key, ETag: item.ETag, Delete: true}) // somebody made it anew, or later
		}
	}
}

func (o *outbox) forget(e *entry) {
	if s := o.open[e.seq]; s != nil && s.entry == e {
		delete(o.open, e.seq)
	}
	o.drop = append(o.drop, e.key())
}

// doubtful keeps an entry whose commit got no answer: once it has landed or
// never will, what the documents hold is published.
func (o *outbox) doubtful(e *entry) {
	time.AfterFunc(doubtTime, func() {
		ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
		defer cancel()
		if _, err := o.settle(ctx, e.refs); err != nil {
			o.log.Warn("outbox: a commit without an answer is still unclear", "entry", e.key(), "error", err)
			o.doubtful(e)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.forget(e)
	})
}

// seqOf gives the number of an entry of the present journal. The lock is held.
func (o *outbox) seqOf(key string) (int64, bool) {
	number, mine := strings.CutPrefix(key, "outbox:entry:"+o.id+":")
	if !mine {
		return 0, false
	}
	seq, err := strconv.ParseInt(number, 10, 64)
	return seq, err == nil
}

// isPublished says whether an entry is one of this replica's and published. Of
// other replicas, and of itself under an earlier identity, it knows nothing.
func (o *outbox) isPublished(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	seq, mine := o.seqOf(key)
	return mine && seq <= o.seq && o.open[seq] == nil
}

// drain publishes what is under way, for at most limit, and drops the entries.
func (o *outbox) drain(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for o.Stats().Backlog > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	if n := o.Stats().Backlog; n > 0 {
		o.log.Warn("outbox: stopped with events that another replica will publish", "commits", n)
	}
	if err := o.flush(context.WithoutCancel(ctx)); err != nil {
		o.log.Warn("outbox: published entries are left for another replica to drop", "error", err)
	}
}

// flush deletes the published entries that no other write has taken along.
func (o *outbox) flush(ctx context.Context) error {
	for {
		ops := o.rides(groupOps)
		if len(ops) == 0 {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, commitLimit)
		err := o.db.store.Commit(ctx, ops...)
		cancel()
		if o.rode(ops, err); err != nil {
			return err
		}
	}
}

// Stats gives the figures of now.
func (o *outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Backlog = len(o.open)
	for _, e := range o.open {
		s.Oldest = max(s.Oldest, time.Since(e.began))
	}
	return s
}

// ended sorts what became of a commit with an entry.
func (o *outbox) ended(e *entry, err error) {
	var f *fault.Error
	switch {
	case err == nil:
	case errors.As(err, &mayLandHalf{}):
		o.doubtful(e)
	case errors.Is(err, errConflict):
		o.refused(e)
	case errors.As(err, &f) && f.Kind != fault.Unavailable:
		o.refused(e)
	default:
		o.doubtful(e)
	}
}
