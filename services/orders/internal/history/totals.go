package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tienda/internal/page"
	"tienda/services/orders/internal/order"
)

// By is what totals are taken by.
type By string

// What totals can be taken by.
const (
	ByDay     By = "day"     // on which the orders were made
	ByProduct By = "product" // that was sold
	ByStatus  By = "status"  // of the orders
)

// Total is the sum of the orders with one day, product or status, in one currency.
// Cancelled orders count only by status; what replaces pieces that came back costs
// nothing, as it was paid with the first order. Amounts are minor units.
type Total struct {
	Day           string       // of ByDay
	Product, Name string       // of ByProduct; the name is that of the last sale. No product: an SKU that is of none here
	Status        order.Status // of ByStatus
	Currency      string
	Orders        int
	Quantity      int   // pieces that were sold
	Returned      int   // pieces of them that were refunded
	Total         int64 // what the orders cost; of a product, what was paid for it, after discounts and with tax
	Refunded      int64 // of ByDay and ByStatus

	named time.Time
	sku   string // of ByProduct, where there is no product
}

// key is what a total is told apart and sorted by.
type key struct {
	A string `json:"a"`
	N int64  `json:"n"`
	B string `json:"b"`
}

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.A, other.A), cmp.Compare(k.N, other.N), cmp.Compare(k.B, other.B))
}

// sorted gives where a total stands: days and statuses in their order, products by
// what they brought, the most first.
func (t *Total) sorted() key {
	switch {
	case t.Day != "":
		return key{A: t.Day, B: t.Currency}
	case t.Status != "":
		return key{N: int64(slices.Index(order.Statuses, t.Status)), B: t.Currency}
	default:
		return key{A: t.Currency, N: -t.Total, B: cmp.Or(t.Product, t.sku)}
	}
}

// Sums adds rows up.
type Sums struct {
	by  By
	all map[key]*Total
}

// NewSums gives sums of nothing yet.
func NewSums(by By) *Sums { return &Sums{by: by, all: map[key]*Total{}} }

// Add takes one more order in.
func (s *Sums) Add(r Row) {
	if r.Status == order.Cancelled && s.by != ByStatus {
		return
	}
	if r.Method == order.ByExchange {
		r = free(r)
	}
	if s.by == ByProduct {
		s.addLines(r)
		return
	}
	t := Total{Currency: r.Currency}
	if s.by == ByDay {
		t.Day = r.At.UTC().Format(DayFormat)
	} else {
		t.Status = r.Status
	}
	sum := s.of(t.Day+string(t.Status), t)
	sum.Orders++
	sum.Total += r.Total
	sum.Refunded += r.Refunded
	for _, l := range r.Lines {
		sum.Quantity += l.Quantity
		sum.Returned += l.Returned
	}
}

// free is a row whose pieces were paid with another order.
func free(r Row) Row {
	r.Total, r.Lines = 0, slices.Clone(r.Lines)
	for i := range r.Lines {
		r.Lines[i].Total = 0
	}
	return r
}

func (s *Sums) addLines(r Row) {
	var seen []string
	for _, l := range r.Lines {
		what := cmp.Or(l.Product, l.SKU)
		sum := s.of(what, Total{Product: l.Product, Currency: r.Currency, sku: l.SKU})
		if !slices.Contains(seen, what) { // two of its variants are one order
			seen = append(seen, what)
			sum.Orders++
		}
		if sum.Name == "" || r.At.After(sum.named) {
			sum.Name, sum.named = l.Name, r.At
		}
		sum.Quantity += l.Quantity
		sum.Returned += l.Returned
		sum.Total += l.Total
	}
}

func (s *Sums) of(what string, zero Total) *Total {
	k := key{A: what, B: zero.Currency}
	if s.all[k] == nil {
		s.all[k] = &zero
	}
	return s.all[k]
}

// List gives the totals in their order.
func (s *Sums) List() []Total {
	out := make([]Total, 0, len(s.all))
	for _, t := range s.all {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Total) int { return a.sorted().compare(b.sorted()) })
	return out
}

// Totals adds up the orders made in a span, as of their last announcement, and gives
// up to limit of the sums, and the cursor of the next page, "" at the end.
func (s *Service) Totals(ctx context.Context, span Span, by By, cursor string, limit int) ([]Total, string, error) {
	var after *key
	if err := page.Decode(cursor, &after); err != nil {
		return nil, "", err
	}
	span, err := span.closed(s.now())
	if err != nil {
		return nil, "", err
	}
	sums := NewSums(by)
	err = s.store.Days(ctx, span.days(), func(_ string, rows []Row) bool {
		for _, r := range rows {
			sums.Add(r)
		}
		return true
	})
	if err != nil {
		return nil, "", err
	}
	all := sums.List()
	if after != nil {
		all = slices.DeleteFunc(all, func(t Total) bool { return t.sorted().compare(*after) <= 0 })
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], page.Encode(all[limit-1].sorted()), nil
}
