package inventory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
)

// Bounds of a batch. The time is for all its tries; what is not through by
// then is answered as busy, and has happened or not: a repeat tells.
const (
	batchWorks = 128
	batchSKUs  = 100 // of all its members; one member may ask for that many
	batchLimit = 6 * time.Second
)

// Bounds of the courtesy to other replicas.
const (
	rivalTime   = 50 * time.Millisecond
	longestTurn = 10 * time.Millisecond
	maxRivals   = 1000 // remembered; past that, all are forgotten
)

var errBatch = errors.New("inventory: a batch was not finished")

// work is what one request wants to do to the stock of some SKUs.
type work struct {
	skus    []string
	orderID string                      // whose reservation it is about; "": no order's
	change  func(*Books)                // may run more than once, always over fresh books
	alone   func(context.Context) error // instead of change: shares with nobody

	lead chan *batch // gets the batch that this request has to do
	done chan error  // gets what became of the store's update
	err  error
}

// batch is works that are done in one update.
type batch struct {
	works []*work
	skus  map[string]bool
}

// combiner lets requests of this replica that want the same SKUs at the same
// time be done together: one read, all their changes in the order in which
// they came, one write. So a SKU that everybody wants costs two calls for each
// batch instead of for each buyer, and a replica never conflicts with itself.
// It is a courtesy to the store: it is the ETags that keep stock right, also
// against other replicas.
//
// There is no waiting for company. A request whose SKUs are free is a batch of
// its own at once; those that come meanwhile wait for their SKUs in the order
// of their arrival, and nobody overtakes on a SKU. The first of them then leads:
// it takes in all who wait for any of its SKUs, and does the batch within its
// own request. Each try of a batch takes in who has come since, so that the
// time lost on a conflict with another replica is not lost for them.
//
// Every member has its own outcome; what one is refused changes nothing for the
// others. Whoever goes away while it waits is not done at all; whoever goes
// away later is done whole, as if it had stayed.
type combiner struct {
	store Store
	watch func(*Stock) // after a change
	show  func(*Stock) // after its commit

	mu      sync.Mutex
	queue   []*work
	waiting map[string]int    // how many in the queue want a SKU
	busy    map[string]*batch // SKUs that are being changed
	rivals  map[string]rival  // by SKU
}

// rival is another replica that wants the same SKU.
type rival struct {
	until time.Time     // it counts as there
	turn  time.Duration // that it gets
}

func newCombiner(store Store, watch, show func(*Stock)) *combiner {
	return &combiner{store: store, watch: watch, show: show, waiting: map[string]int{}, busy: map[string]*batch{}, rivals: map[string]rival{}}
}

// do does a work, with others or alone. An error says that the store was not
// updated, or, after ctx has ended, that nobody waited for the answer.
func (c *combiner) do(ctx context.Context, w *work) error {
	w.lead, w.done = make(chan *batch, 1), make(chan error, 1)
	c.mu.Lock()
	free := !slices.ContainsFunc(w.skus, func(sku string) bool { return c.busy[sku] != nil || c.waiting[sku] > 0 })
	if free {
		w.lead <- c.begin(w)
	} else {
		c.queue = append(c.queue, w)
		c.wait(w, 1)
	}
	c.mu.Unlock()
	select {
	case b := <-w.lead:
		c.run(ctx, b)
		return <-w.done
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	if c.leave(w) {
		return ctx.Err()
	}
	select { // what has happened at the same time counts
	case b := <-w.lead: // others may wait for what it was just told to do
		c.run(ctx, b)
		return <-w.done
	case err := <-w.done:
		return err
	default:
		return ctx.Err()
	}
}

// begin makes a batch of a work. The lock is held, here and in the next three.
func (c *combiner) begin(w *work) *batch {
	b := &batch{skus: map[string]bool{}}
	c.add(b, w)
	return b
}

func (c *combiner) add(b *batch, w *work) {
	b.works = append(b.works, w)
	for _, sku := range w.skus {
		b.skus[sku], c.busy[sku] = true, b
	}
}

func (c *combiner) wait(w *work, n int) {
	for _, sku := range w.skus {
		if c.waiting[sku] += n; c.waiting[sku] == 0 {
			delete(c.waiting, sku)
		}
	}
}

// takeOut takes those works out of the queue that take says, in the order of
// the queue. held are the SKUs that somebody before them goes on waiting for.
func (c *combiner) takeOut(take func(w *work, held map[string]bool) bool) {
	held := map[string]bool{}
	c.queue = slices.DeleteFunc(c.queue, func(w *work) bool {
		if take(w, held) {
			c.wait(w, -1)
			return true
		}
		for _, sku := range w.skus {
			held[sku] = true
		}
		return false
	})
}

// start has those lead who wait for nobody any more. The lock is held.
func (c *combiner) start() {
	c.takeOut(func(w *work, held map[string]bool) bool {
		if slices.ContainsFunc(w.skus, func(sku string) bool { return c.busy[sku] != nil || held[sku] }) {
			return false
		}
		w.lead <- c.begin(w)
		return true
	})
}

// join takes into a batch who waits for its SKUs, and gives all its works.
func (c *combiner) join(b *batch) []*work {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeOut(func(w *work, held map[string]bool) bool {
		overlaps, more := false, 0
		for _, sku := range w.skus {
			switch {
			case held[sku], c.busy[sku] != nil && c.busy[sku] != b:
				return false
			case b.skus[sku]:
				overlaps = true
			default:
				more++
			}
		}
		if !overlaps || w.alone != nil || len(b.works) >= batchWorks || len(b.skus)+more > batchSKUs {
			return false
		}
		c.add(b, w)
		return true
	})
	return slices.Clone(b.works)
}

// leave takes a work out of the queue; false: it is in a batch already.
func (c *combiner) leave(w *work) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.queue, w)
	if i < 0 {
		return false
	}
	c.queue = slices.Delete(c.queue, i, i+1)
	c.wait(w, -1)
	c.start()
	return true
}

// run does a batch. Its calls carry the trace of the request that leads, but do
// not end with it.
func (c *combiner) run(ctx context.Context, b *batch) {
	defer c.end(b)
	first := b.works[0]
	first.err = errBatch // unless it gets to the end
	if first.alone != nil {
		first.err = first.alone(ctx)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchLimit)
	defer cancel()
	c.letPass(b)
	tries, began := 0, time.Now()
	err := c.update(ctx, func() []*work {
		tries, began = tries+1, time.Now()
		return c.join(b)
	})
	if tries > 1 {
		c.met(b, time.Since(began))
	}
	for _, w := range b.works {
		w.err = err
	}
	if len(b.works) == 1 || fault.KindOf(err) != fault.Internal || err == nil {
		return
	}
	// A defect, such as one document that cannot be read: not everybody's.
	for _, w := range b.works {
		w.err = c.update(ctx, func() []*work { return []*work{w} })
	}
}

// letPass waits for as long as an update takes, where another replica was met
// on one of the SKUs a moment ago. Two that take turns, each with all who have
// come meanwhile, sell more than two that spoil each other every second try.
// Where no other replica is met, nobody waits.
func (c *combiner) letPass(b *batch) {
	var turn time.Duration
	c.mu.Lock()
	for sku := range b.skus {
		if r, met := c.rivals[sku]; met {
			if time.Now().Before(r.until) {
				turn = max(turn, r.turn)
			} else {
				delete(c.rivals, sku)
			}
		}
	}
	c.mu.Unlock()
	if turn > 0 {
		time.Sleep(turn)
	}
}

// met notes that another replica was in the way of a batch, whose last try took
// so long.
func (c *combiner) met(b *batch, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rivals) > maxRivals {
		clear(c.rivals)
	}
	for sku := range b.skus {
		c.rivals[sku] = rival{until: time.Now().Add(rivalTime), turn: min(took*3/2+time.Millisecond, longestTurn)}
	}
}

// end frees the SKUs of a batch and tells its members.
func (c *combiner) end(b *batch) {
	c.mu.Lock()
	for sku := range b.skus {
		delete(c.busy, sku)
	}
	c.start()
	c.mu.Unlock()
	for _, w := range b.works {
		w.done <- w.err
	}
}

// update does works in one update of the store and shows what changed.
func (c *combiner) update(ctx context.Context, works func() []*work) error {
	var now []*work
	var after *Books
	err := c.store.Update(ctx, func() Plan {
		now = works()
		return planOf(now)
	}, func(b *Books) {
		after = b
		for _, w := range now {
			w.change(b)
		}
		for _, stock := range b.Stocks {
			c.watch(stock)
		}
	})
	if err != nil {
		return err
	}
	for _, stock := range after.Stocks {
		if stock.Changed() {
			c.show(stock)
		}
	}
	return nil
}

func planOf(works []*work) (p Plan) {
	for _, w := range works {
		for _, sku := range w.skus {
			if !slices.Contains(p.SKUs, sku) {
				p.SKUs = append(p.SKUs, sku)
			}
		}
		if w.orderID != "" && !slices.Contains(p.Orders, w.orderID) {
			p.Orders = append(p.Orders, w.orderID)
		}
	}
	return p
}
