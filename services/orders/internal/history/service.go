package history

import (
	"context"
	"slices"
	"time"

	"tienda/internal/page"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// Store keeps the read model, and gives orders.
type Store interface {
	// Keep takes in what the orders of some IDs are now.
	Keep(ctx context.Context, ids []string) error
	// Days gives the rows of the orders made on some days, in the order of the days,
	// those of a day together and unordered, until each wants no more.
	Days(ctx context.Context, days []string, each func(day string, rows []Row) (more bool)) error
	// Owned gives orders of an owner that match, newest first, and the cursor of the
	// next page, "" at the end. It looks at a bounded number of orders.
	Owned(ctx context.Context, owner shopper.Owner, match func(*order.Order) bool, cursor string, limit int) ([]*order.Order, string, error)
	// GetAll gives those of the orders that there are.
	GetAll(ctx context.Context, ids []string) ([]*order.Order, error)
}

// maxLooked is how many rows a page of a list looks at before it says that the rest
// is on the next; the day that is begun is looked at whole.
const maxLooked = 20_000

// Service finds orders.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over its store and a clock.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Owned gives the orders of an owner that a filter means, newest first. A page may
// hold fewer orders than the limit, even none, and not be the last.
func (s *Service) Owned(ctx context.Context, owner shopper.Owner, f Filter, cursor string, limit int) ([]*order.Order, string, error) {
	return s.store.Owned(ctx, owner, func(o *order.Order) bool { return f.matches(RowOf(o)) }, cursor, limit)
}

// position is where a page of all orders begins: after an order, or with a day.
type position struct {
	At time.Time `json:"t"`
	ID string    `json:"i,omitempty"` // "": the days before At's are next
}

// All gives the orders of all customers that a filter means, newest first, as of
// their last announcement, which is less than a second old. Pages are as in Owned.
func (s *Service) All(ctx context.Context, f Filter, cursor string, limit int) ([]*order.Order, string, error) {
	var after position
	if err := page.Decode(cursor, &after); err != nil {
		return nil, "", err
	}
	span, err := f.closed(s.now())
	if err != nil {
		return nil, "", err
	}
	f.Span = span
	found, next, err := s.find(ctx, f, after, limit)
	if err != nil || len(found) == 0 {
		return nil, next, err
	}
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = r.ID
	}
	orders, err := s.store.GetAll(ctx, ids)
	// One that has changed since its row was written may be meant no more.
	return slices.DeleteFunc(orders, func(o *order.Order) bool { return !f.matches(RowOf(o)) }), next, err
}

// find gives up to limit rows after a position.
func (s *Service) find(ctx context.Context, f Filter, after position, limit int) (found []Row, next string, err error) {
	days := f.days()
	if !after.At.IsZero() {
		last := after.At.UTC().Format(DayFormat)
		days = slices.DeleteFunc(days, func(d string) bool { return d > last || d == last && after.ID == "" })
	}
	looked := 0
	err = s.store.Days(ctx, days, func(d string, rows []Row) bool {
		slices.SortFunc(rows, later)
		for _, r := range rows {
			if after.ID != "" && later(r, Row{At: after.At, ID: after.ID}) <= 0 || !f.matches(r) {
				continue
			}
			if len(found) == limit {
				last := found[limit-1]
				next = page.Encode(position{last.At, last.ID})
				return false
			}
			found = append(found, r)
		}
		if looked += len(rows); looked >= maxLooked && d != days[len(days)-1] {
			at, _ := time.Parse(DayFormat, d)
			next = page.Encode(position{At: at})
			return false
		}
		return true
	})
	return found, next, err
}
