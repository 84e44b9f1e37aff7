package state

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tienda/internal/trace"
)

// Bounds of group commit. A store takes a transaction of 100 writes at little
// more than the price of one (docs/adr/0007).
const (
	groupOps     = 100              // writes in one transaction
	groupFlights = 2                // transactions under way at once: Postgres makes use of two, SQLite does not mind
	commitLimit  = 10 * time.Second // for a transaction, and for reading what became of it
)

// errConflict says that another writer was faster: the update runs again.
var errConflict = errors.New("state: conflict")

// mayLandHalf is a conflict after which half of the write may still land: the
// store did not answer in time, and does not roll back.
type mayLandHalf struct{ error }

func (e mayLandHalf) Unwrap() error { return e.error }

// write is what one update wants to commit.
type write struct {
	ctx    context.Context
	ops    []Op
	commit string
	landed landing
	done   chan error
}

// landing is called once a write is in the store, in the order of commits; may
// be nil. keys are those that are there of a write that had a conflict, on a
// store that does not roll back; nil: all of it.
type landing func(keys []string)

func (w *write) end(err error) {
	if err == nil && w.landed != nil {
		w.landed(nil)
	}
	w.done <- err
}

// group gathers the writes that are under way in this replica into
// transactions. While one is at the store the next one fills; with nothing
// else under way a write goes out alone and at once, so that light load pays
// nothing. Writes go out in the order in which they came, except that two
// writes of one key never share a transaction or overlap: the later waits.
//
// One stale ETag makes a store refuse a whole transaction. The group then
// reads its keys once: what conflicts is told so, what landed (a store that
// does not roll back) is done, and the rest goes out again at once.
type group struct {
	store Store

	mu      sync.Mutex
	queue   []*write
	flying  map[string]bool // keys at the store
	flights int
}

func newGroup(store Store) *group { return &group{store: store, flying: map[string]bool{}} }

// commit writes ops and waits for the outcome: nil, errConflict, or why the
// store could not be reached. After ctx has ended the write may still land.
func (g *group) commit(ctx context.Context, commit string, ops []Op, landed landing) error {
	ctx, span := trace.Start(ctx, trace.Internal, "commit")
	defer span.End()
	w := &write{ctx: ctx, ops: ops, commit: commit, landed: landed, done: make(chan error, 1)}
	g.mu.Lock()
	g.queue = append(g.queue, w)
	g.takeOff()
	g.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeOff starts a flight with what is waiting, if there is room for one. The
// lock is held.
func (g *group) takeOff() {
	if g.flights >= groupFlights {
		return
	}
	batch := g.board()
	if len(batch) == 0 {
		return
	}
	g.flights++
	go func() {
		g.fly(batch)
		g.mu.Lock()
		for _, w := range batch {
			for _, op := range w.ops {
				delete(g.flying, op.Key)
			}
		}
		g.flights--
		g.takeOff()
		g.takeOff() // what waited for a key may go beside the next flight
		g.mu.Unlock()
	}()
}

// board takes the writes of the next flight out of the queue: the oldest ones,
// leaving those whose keys are under way or already on board, and everything
// behind them on the same keys.
func (g *group) board() []*write {
	var batch, left []*write
	var held map[string]bool
	n := 0
	for i, w := range g.queue {
		if len(batch) > 0 && n+len(w.ops) > groupOps {
			left = append(left, g.queue[i:]...)
			break
		}
		if slices.ContainsFunc(w.ops, func(op Op) bool { return g.flying[op.Key] || held[op.Key] }) {
			if held == nil {
				held = map[string]bool{}
			}
			for _, op := range w.ops {
				held[op.Key] = true
			}
			left = append(left, w)
			continue
		}
		for _, op := range w.ops {
			g.flying[op.Key] = true
		}
		batch = append(batch, w)
		n += len(w.ops)
	}
	g.queue = left
	return batch
}

// fly commits a batch until each of its writes has its outcome.
func (g *group) fly(batch []*write) {
	for len(batch) > 0 {
		late, err := g.send(batch)
		if err == nil {
			finish(batch, nil)
			return
		}
		rest, rerr := g.learn(batch, late)
		switch {
		case rerr != nil:
			finish(batch, errors.Join(err, rerr))
			return
		case len(rest) < len(batch): // some had a conflict or landed; it was not the others' fault
			batch = rest
		case len(batch) == 1:
			finish(batch, err)
			return
		default: // refused, and no ETag is why: each by itself, so that one cannot fail the others
			for _, w := range batch {
				g.fly([]*write{w})
			}
			return
		}
	}
}

// send commits a batch. late says that the store has not answered in time: what
// is on its way may land after a later read.
func (g *group) send(batch []*write) (late bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	ctx, span := trace.Shared(ctx, trace.Internal, "commit together", traced(batch, func(w *write) context.Context { return w.ctx }))
	defer func() { span.EndWith(err) }()
	var ops []Op
	for _, w := range batch {
		ops = append(ops, w.ops...)
	}
	err = g.store.Commit(ctx, ops...)
	return ctx.Err() != nil, err
}

// learn reads what became of a refused batch, tells the writes whose outcome
// is known, and gives the others.
func (g *group) learn(batch []*write, late bool) (rest []*write, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	ctx, span := trace.Shared(ctx, trace.Internal, "learn what was committed", traced(batch, func(w *write) context.Context { return w.ctx }))
	defer func() { span.EndWith(err) }()
	var keys []string
	for _, w := range batch {
		for _, op := range w.ops {
			keys = append(keys, op.Key)
		}
	}
	items, err := g.store.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, w := range batch {
		mine := items[:len(w.ops)]
		items = items[len(w.ops):]
		switch landed, changed, half := w.outcome(mine); {
		case landed:
			w.end(nil)
		case changed:
			if len(half) > 0 && w.landed != nil {
				w.landed(half)
			}
			if late && len(half) == 0 {
				w.end(mayLandHalf{errConflict})
			} else {
				w.end(errConflict)
			}
		default:
			rest = append(rest, w)
		}
	}
	return rest, nil
}

// outcome compares what is stored with what was to be written: landed when all
// of it carries this commit, changed when anything differs from what was read.
// half are the documents that carry the commit where not all of them do.
func (w *write) outcome(items []Item) (landed, changed bool, half []string) {
	landed = true
	for i, op := range w.ops {
		item := items[i]
		if op.Blind { // it went with the others, or it did not matter
			// Unless they are deletions that somebody else was faster with: an entry of
			// the journal that is still there tells it.
			landed = landed && (!op.Delete || item.ETag == "")
			continue
		}
		if op.Delete {
			landed = landed && item.ETag == ""
		} else {
			held := item.ETag != "" && holds(item.Value, w.commit)
			landed = landed && held
			if held {
				half = append(half, op.Key)
			}
		}
		changed = changed || item.ETag != op.ETag
	}
	return landed, changed, half
}

func finish(batch []*write, err error) {
	for _, w := range batch {
		w.end(err)
	}
}
