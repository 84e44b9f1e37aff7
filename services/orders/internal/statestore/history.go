package statestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"tienda/internal/state"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
)

// Bounds of the history's documents and of what is read of them in one call.
const (
	historyRows  = 64  // of a page, some 20 kB; a little more where two replicas fill in at once
	historyPages = 50  // read in one call
	historyDays  = 366 // the same
)

// historyPage is rows of orders of one day. An order says which page has its row
// from its confirmation on, so that news of it finds the row again.
type historyPage struct {
	Rows []history.Row `json:"rows"`
}

// historyDay lists the pages of a day.
type historyDay struct {
	Pages []string `json:"pages"`
}

var (
	historyPageDocs = state.Collection[historyPage]{Prefix: "history-page:"}
	historyDayDocs  = state.Collection[historyDay]{Prefix: "history-day:"}
)

// pages says which page of the history gets the row of a new order. Each replica
// fills pages of its own, so that two do not want the same one for each checkout.
type pages struct {
	mu   sync.Mutex
	name string // "": none yet
	day  string
	full int
}

func (p *pages) next(o *order.Order) string {
	day := o.CreatedAt.UTC().Format(history.DayFormat)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.day != day || p.full >= historyRows {
		p.day, p.full, p.name = day, 0, day+":"+uuid.NewString()[:13]
	}
	p.full++
	return p.name
}

// dayOf gives the day that a page is of.
func dayOf(page string) string { return page[:min(len(page), len(history.DayFormat))] }

// History implements history.Store.
type History struct {
	*Orders
	turn chan struct{} // one update of this replica at a time; what comes meanwhile comes together
}

// NewHistory gives the history in db.
func NewHistory(db *state.DB) *History {
	return &History{Orders: NewOrders(db), turn: make(chan struct{}, 1)}
}

// Keep implements history.Store. State: 1 bulk get of the orders, 1 of their pages
// and days, 1 transaction if a row differs. It is done ahead of publishing, with the
// events that go out together: no request waits for it.
func (s *History) Keep(ctx context.Context, ids []string) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	return s.db.Update(ctx, func(tx *state.Tx) error {
		byPage, err := rowsOf(tx, ids)
		if err != nil {
			return err
		}
		var keys []string
		for name := range byPage {
			keys = append(keys, historyPageDocs.Key(name), historyDayDocs.Key(dayOf(name)))
		}
		slices.Sort(keys)
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, key := range slices.Compact(keys) {
			if name, isPage := strings.CutPrefix(key, historyPageDocs.Prefix); isPage {
				if err := keepRows(tx, name, byPage[name]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// rowsOf gives the rows of orders by the page that has them.
func rowsOf(tx *state.Tx, ids []string) (map[string][]history.Row, error) {
	if err := tx.Load(orders.Keys(ids...)...); err != nil {
		return nil, err
	}
	byPage := map[string][]history.Row{}
	for _, id := range ids {
		o, err := getOrder(tx, id)
		switch {
		case errors.Is(err, order.ErrMissing):
			continue
		case err != nil:
			return nil, err
		case o.Page == "" || o.Refused():
			continue
		}
		byPage[o.Page] = append(byPage[o.Page], history.RowOf(o))
	}
	return byPage, nil
}

// keepRows writes a page if its rows differ, and lists it if it is not listed: on a
// store that keeps halves, one may have landed without the other.
func keepRows(tx *state.Tx, name string, rows []history.Row) error {
	p, _, err := historyPageDocs.Get(tx, name)
	if err != nil {
		return err
	}
	merged, changed := history.Merge(p.Rows, rows)
	if changed {
		if err := historyPageDocs.Put(tx, name, historyPage{Rows: merged}); err != nil {
			return err
		}
	}
	return listPage(tx, name)
}

// listPage lists a page with its day.
func listPage(tx *state.Tx, name string) error {
	d, _, err := historyDayDocs.Get(tx, dayOf(name))
	if err != nil || slices.Contains(d.Pages, name) {
		return err
	}
	return historyDayDocs.Put(tx, dayOf(name), historyDay{Pages: append(d.Pages, name)})
}

// Days implements history.Store. State: 1 bulk get of the days, 1 of each 50 pages.
func (s *History) Days(ctx context.Context, days []string, each func(day string, rows []history.Row) bool) error {
	for chunk := range slices.Chunk(days, historyDays) {
		listed, err := s.pagesOf(ctx, chunk)
		if err != nil {
			return err
		}
		for len(chunk) > 0 {
			n, names := 0, []string(nil)
			for n < len(chunk) && (n == 0 || len(names)+len(listed[chunk[n]]) <= historyPages) {
				names = append(names, listed[chunk[n]]...)
				n++
			}
			rows, err := s.rows(ctx, names)
			if err != nil {
				return err
			}
			for _, day := range chunk[:n] {
				if !each(day, rows[day]) {
					return nil
				}
			}
			chunk = chunk[n:]
		}
	}
	return nil
}

func (s *History) pagesOf(ctx context.Context, days []string) (map[string][]string, error) {
	out := make(map[string][]string, len(days))
	err := s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(historyDayDocs.Keys(days...)...); err != nil {
			return err
		}
		for _, day := range days {
			d, _, err := historyDayDocs.Get(tx, day)
			if err != nil {
				return err
			}
			out[day] = d.Pages
		}
		return nil
	})
	return out, err
}

// rows gives the rows of pages by day.
func (s *History) rows(ctx context.Context, names []string) (map[string][]history.Row, error) {
	out := map[string][]history.Row{}
	for some := range slices.Chunk(names, historyPages) {
		err := s.db.View(ctx, func(tx *state.Tx) error {
			if err := tx.Load(historyPageDocs.Keys(some...)...); err != nil {
				return err
			}
			for _, name := range some {
				p, _, err := historyPageDocs.Get(tx, name)
				if err != nil {
					return fmt.Errorf("history: %w", err)
				}
				out[dayOf(name)] = append(out[dayOf(name)], p.Rows...)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
