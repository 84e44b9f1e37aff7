package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/services/migration/internal/clients"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/handover"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/source"
)

// recent is how many announcements of orders before a comparison are heard by the catalog
// once more: the broker may not have delivered them yet.
const recent = 2000

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

	owners *clients.Owners

	mu      sync.Mutex
	calm    int                  // how often in a row nothing was left while writes were held
	open    map[string]time.Time // documents that were not settled at the last look, and since when
	watches map[*backWatch]bool
	adopted map[string]bool // IDs
}

func newBetween(e *engine, g gateways, back *reverse.Follower, o *clients.Owners) *between {
	return &between{engine: e, doors: g, back: back, feed: handover.NewFeed(o), owners: o, watches: map[*backWatch]bool{}, adopted: map[string]bool{}}
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

// Written implements cutover.Sync: the owners' replicas have nothing left to commit or to
// announce, and what they have announced since the comparison began is written back. What was
// announced before that comparison it has compared. Of orders the catalog has heard by then,
// whose own announcements are asked for after that: who has held the writes finds nothing new.
// While writes go on it is enough to have caught up, since the comparison is still to come.
func (b *between) Written(ctx context.Context, service string) (bool, error) {
	whole := true
	fenced, err := b.doors.fenced(ctx, service)
	if err != nil {
		return false, err
	}
	for _, app := range appsOf(kindsOf(service)) {
		if !b.feed.Begun(app) {
			if err := b.begin(ctx, app); err != nil {
				return false, err
			}
		}
		idle, none, err := b.take(ctx, app, kindsOf(service), !fenced)
		if why := (*handover.UnsettledError)(nil); errors.As(err, &why) {
			if !fenced && !b.lasts(why.IDs) {
				continue // while writes go on there is always a checkout under way
			}
			err = &cutover.Hindrance{Reason: why.Error()}
		}
		if err != nil {
			return false, err
		}
		whole = whole && idle && none
	}
	waiting, err := b.back.Waiting(ctx)
	if err != nil {
		return false, err
	}
	for _, u := range waiting {
		if slices.Contains(kindsOf(service), u.Kind) {
			return false, &cutover.Hindrance{Reason: fmt.Sprintf("the monolith does not take %s %s: %s", u.Kind, u.ID, u.Reason)}
		}
	}
	if !fenced {
		b.mu.Lock()
		b.calm = 0
		b.mu.Unlock()
		return true, nil
	}
	// What the recovery of an owner has just ended is announced by the second look.
	b.mu.Lock()
	if b.calm++; !whole {
		b.calm = 0
	}
	calm := b.calm
	b.mu.Unlock()
	if calm < 2 {
		return false, &cutover.Hindrance{Reason: "an app has commits that are not announced, or work that is not finished"}
	}
	return true, nil
}

// settles is how long a document takes to be settled by itself, at most: a checkout, a charge.
const settles = 3 * time.Second

// lasts says whether one of the documents that are not settled has been so for longer than
// settles: holding the writes would not end that.
func (b *between) lasts(ids []string) (long bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := map[string]time.Time{}
	for _, id := range ids {
		since, was := b.open[id]
		if !was {
			since = time.Now()
		}
		open[id] = since
		long = long || time.Since(since) > settles
	}
	b.open = open
	return long
}

// before says how many of an app's announcements before a comparison are asked for as well.
func before(app string) int64 {
	if app == "orders" {
		return recent
	}
	return 0
}

// begin notes what an app has announced so far.
func (b *between) begin(ctx context.Context, app string) error {
	return b.feed.Begin(ctx, app, before(app))
}

// take writes back what an app has announced, and has the catalog hear what others are to
// hear. idle: no replica has anything left; none: nothing of some kinds was announced since, and
// nothing to be heard: others go on. early: the comparison is still to come, and finds what a
// replica took along that has ended.
func (b *between) take(ctx context.Context, app string, kinds []string, early bool) (idle, none bool, err error) {
	none = true
	hear := func(changes []reverse.Change, news []json.RawMessage) error {
		none = none && len(news) == 0 && !slices.ContainsFunc(changes, func(c reverse.Change) bool { return slices.Contains(kinds, c.Kind) })
		if err := b.owners.Hear(ctx, news); err != nil {
			return err
		}
		return b.apply(ctx, changes)
	}
	if early {
		idle, err = b.feed.Lately(ctx, app, before(app), hear)
	} else {
		idle, err = b.feed.All(ctx, app, hear)
	}
	return idle, none, err
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
	g.SetLimit(writers)
	for _, c := range newest {
		if b.Handed(c.Kind) {
			g.Go(func() error { return b.writer.Apply(working, c) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
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
		if err := b.begin(ctx, app); err != nil {
			return "", err
		}
	}
	for again := false; ; again = true {
		reason, err := b.verifier.Glance(ctx, kinds)
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
		_, _, err := b.take(ctx, app, kinds, false)
		if why := (*handover.UnsettledError)(nil); err != nil && !errors.As(err, &why) {
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
	return b.verifier.Watch(kinds, b.Mover.Watch(kinds), w), nil
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
