package service

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/internal/fault"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/handover"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/source"
	"tienda/services/migration/internal/verify"
)

// settled is how long nothing more may have been announced before all is: what a request has
// begun behind its answer is announced shortly after it.
const settled = 150 * time.Millisecond

// adoptable are the kinds whose owners take over what was made there, once the monolith
// is in charge again.
var adoptable = []string{"categories", "products", "stock", "users", "tickets", "returns"}

// gateways implements cutover.Gateways.
type gateways struct{ desk *routing.Desk }

// fenced says whether the writes of a service are held.
func (g gateways) fenced(ctx context.Context, service string) (bool, error) {
	s, err := g.desk.State(ctx)
	return s.Services[service].Fenced, err
}

func (g gateways) Route(ctx context.Context, service string, r cutover.Route) (int64, error) {
	to := routing.Monolith
	if r.Shop {
		to = routing.Shop
	}
	return g.desk.Send(ctx, service, to, r.Fenced)
}

func (g gateways) Applied(ctx context.Context, version int64) (bool, error) {
	return g.desk.Applied(ctx, version)
}

// between implements cutover.Sync and cutover.Verifier over the engine: the mover on the
// way there, the writer on the way back.
type between struct {
	*engine
	doors gateways
	back  *reverse.Follower
	feed  *handover.Feed

	mu      sync.Mutex
	news    time.Time // when something was announced last that is written back
	watches map[*backWatch]bool
	adopted map[string]bool // IDs
}

func newBetween(e *engine, g gateways, back *reverse.Follower, f *handover.Feed) *between {
	return &between{engine: e, doors: g, back: back, feed: f, watches: map[*backWatch]bool{}, adopted: map[string]bool{}}
}

// Behind implements cutover.Sync.
func (b *between) Behind(ctx context.Context) (time.Duration, error) {
	s, err := b.Mover.Status(ctx)
	switch {
	case err != nil:
		return 0, err
	case s.Phase != progress.Following:
		return 0, fmt.Errorf("the move is %s", s.Phase)
	}
	return time.Duration(s.LagSecs * float64(time.Second)), nil
}

// Head implements cutover.Sync.
func (b *between) Head(ctx context.Context) (source.Position, error) { return b.source.Head(ctx) }

// Hand implements cutover.Sync. What was made in the shop keeps its identity when the
// monolith is in charge of it, and is made one that was moved in (adopt).
func (b *between) Hand(ctx context.Context, kinds []string, toShop bool) error {
	if err := b.writer.Learn(ctx); err != nil {
		return err
	}
	if err := b.Mover.Hand(ctx, kinds, toShop); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.adopted) // what was adopted after an earlier rollback may have changed in the shop since
	return nil
}

// appsOf gives the apps whose documents change hands with a service: stock is the
// catalog's, and goes with the orders.
func appsOf(kinds []string) (apps []string) {
	for _, kind := range kinds {
		if app := mapping.Owners()[kind]; !slices.Contains(apps, app) {
			apps = append(apps, app)
		}
	}
	return apps
}

func kindsOf(service string) []string {
	for _, s := range cutover.Services {
		if s.Name == service {
			return s.Kinds
		}
	}
	return nil
}

// Written implements cutover.Sync: the owners' replicas have nothing left to announce,
// what they have announced since the comparison began is written back, and nothing more
// has come for a moment. What was announced before that comparison it has compared. While
// writes go on it is enough to have caught up, since the comparison is still to come.
func (b *between) Written(ctx context.Context, service string) (bool, error) {
	whole := true
	fenced, err := b.doors.fenced(ctx, service)
	if err != nil {
		return false, err
	}
	announced := b.feed.All
	if !fenced {
		announced = b.feed.Lately
	}
	for _, app := range appsOf(kindsOf(service)) {
		if !b.feed.Begun(app) {
			if err := b.feed.Begin(ctx, app); err != nil {
				return false, err
			}
		}
		all, err := announced(ctx, app, func(changes []reverse.Change) error { return b.apply(ctx, changes) })
		if err != nil {
			return false, err
		}
		whole = whole && all
	}
	waiting, err := b.back.Waiting(ctx)
	if err != nil {
		return false, err
	}
	for _, u := range waiting {
		if slices.Contains(kindsOf(service), u.Kind) {
			return false, fmt.Errorf("the monolith does not take %s %s: %s", u.Kind, u.ID, u.Reason)
		}
	}
	if !fenced {
		return true, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return whole && time.Since(b.news) >= settled, nil
}

// apply writes changes back, of several of one document the newest.
func (b *between) apply(ctx context.Context, changes []reverse.Change) error {
	if len(changes) == 0 {
		return nil
	}
	newest := map[string]reverse.Change{}
	for _, c := range changes {
		if c.Version >= newest[c.Kind+c.ID].Version {
			newest[c.Kind+c.ID] = c
		}
	}
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, c := range newest {
		if b.Handed(c.Kind) {
			g.Go(func() error { return b.writer.Apply(working, c) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.mu.Lock()
	b.news = time.Now()
	b.mu.Unlock()
	for _, c := range newest {
		if err := b.touched(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Compare implements cutover.Verifier. Of kinds that the shop is in charge of, what is
// not the same is written back once more: its news may be on its way, or lost.
func (b *between) Compare(ctx context.Context, kinds []string) (string, error) {
	if !b.Handed(kinds[0]) {
		if err := b.adopt(ctx, kinds); err != nil {
			return "", err
		}
		return b.verifier.Compare(ctx, kinds)
	}
	for _, app := range appsOf(kinds) {
		if err := b.feed.Begin(ctx, app); err != nil {
			return "", err
		}
	}
	for again := false; ; again = true {
		reason, err := b.verifier.Compare(ctx, kinds)
		if err != nil || reason == "" {
			return reason, err
		}
		left, err := b.standing(ctx, kinds)
		if err != nil || len(left) == 0 {
			return "", err
		}
		if again {
			return reason, nil
		}
		for _, d := range left {
			if err := b.writer.Again(ctx, d.Kind, d.ID); err != nil {
				return "", err
			}
		}
	}
}

// standing gives those differences of the last report that are not of documents which
// change all the time: what has changed since Watch is compared once more while nothing does.
func (b *between) standing(ctx context.Context, kinds []string) ([]progress.Difference, error) {
	for _, app := range appsOf(kinds) {
		if _, err := b.feed.All(ctx, app, func(changes []reverse.Change) error { return b.apply(ctx, changes) }); err != nil {
			return nil, err
		}
	}
	r, err := b.verifier.Report(ctx)
	if err != nil || r.Missing+r.Extra+r.Differs > int64(len(r.Different)) {
		return r.Different, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.Different), func(d progress.Difference) bool {
		for w := range b.watches {
			for _, keys := range w.keys {
				if _, changed := keys[d.ID]; changed {
					return true
				}
			}
		}
		return false
	}), nil
}

// Watch implements cutover.Verifier.
func (b *between) Watch(kinds []string) (cutover.Watched, error) {
	w := &backWatch{of: b, keys: map[string]map[string][]any{}}
	b.mu.Lock()
	b.watches[w] = true
	b.mu.Unlock()
	return watched{b.verifier.Watch(kinds, b.Mover.Watch(kinds), w), b, kinds}, nil
}

// watched refuses, besides, to give documents back that their owner could not take over.
type watched struct {
	*verify.Watched
	of    *between
	kinds []string
}

func (w watched) Compare(ctx context.Context) (string, error) {
	if w.of.Handed(w.kinds[0]) {
		made, err := w.of.stranded(ctx, w.kinds)
		if err != nil {
			return "", err
		}
		if made != "" {
			return made + " that were made in the shop could not be taken over again", nil
		}
	}
	return w.Watched.Compare(ctx)
}

// stranded gives the first of some kinds of which documents were made in the shop that
// their owner would refuse as moved in; "": there are none.
func (b *between) stranded(ctx context.Context, kinds []string) (string, error) {
	made, err := b.writing.Made(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range made {
		if slices.Contains(kinds, m.Kind) && !slices.Contains(adoptable, m.Kind) && !m.Deleted {
			return m.Kind, nil
		}
	}
	return "", nil
}

// backWatch are the rows that were written back since it began. It implements verify.Touched.
type backWatch struct {
	of   *between
	keys map[string]map[string][]any // by name of the mapping's entry, and ID
}

// Keys implements verify.Touched.
func (w *backWatch) Keys(k move.Kind) (keys [][]any) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	for _, key := range w.keys[k.Name()] {
		keys = append(keys, key)
	}
	return keys
}

// Close implements verify.Touched.
func (w *backWatch) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.watches, w)
}

// touched notes the row of a document for those who watch.
func (b *between) touched(ctx context.Context, c reverse.Change) error {
	var row reverse.Written
	err := b.writing.Hold(ctx, c.Kind, c.ID, func(ctx context.Context, tx reverse.Tx) (err error) {
		row, _, err = tx.Written(ctx, c.Kind, c.ID)
		return err
	})
	if err != nil || row.Source == "" {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watches {
		if w.keys[row.Name] == nil {
			w.keys[row.Name] = map[string][]any{}
		}
		w.keys[row.Name][row.ID] = row.Key
	}
	return nil
}

// adopt has what was made in the shop be as what was moved in, of kinds that the monolith
// is in charge of (again).
func (b *between) adopt(ctx context.Context, kinds []string) error {
	made, err := b.writing.Made(ctx)
	if fault.CodeOf(err) == "no_source" {
		return nil
	}
	if err != nil {
		return err
	}
	for _, k := range b.rules.kinds {
		if !slices.Contains(kinds, k.Kind()) || !slices.Contains(adoptable, k.Kind()) || b.Handed(k.Kind()) {
			continue
		}
		var keys [][]any
		var ids []string
		b.mu.Lock()
		for _, m := range made {
			if m.Name == k.Name() && !m.Deleted && !b.adopted[m.ID] {
				keys, ids = append(keys, m.Key), append(ids, m.ID)
			}
		}
		b.mu.Unlock()
		if len(keys) == 0 {
			continue
		}
		if err := b.Refresh(ctx, k, keys); err != nil {
			return err
		}
		b.mu.Lock()
		for _, id := range ids {
			b.adopted[id] = true
		}
		b.mu.Unlock()
	}
	return nil
}

// adoptAll is adopt for all kinds, to be done now and then while documents are moved.
func (b *between) adoptAll(ctx context.Context) error {
	s, err := b.Mover.Status(ctx)
	if err != nil || s.Phase != progress.Following {
		return err
	}
	return b.adopt(ctx, adoptable)
}
