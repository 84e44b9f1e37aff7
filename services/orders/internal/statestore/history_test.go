package statestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
)

// halved is a store that keeps the halves of a transaction that does not land whole.
type halved struct{ state.Store }

func (h halved) Commit(ctx context.Context, ops ...state.Op) error {
	var errs []error
	for _, op := range ops {
		errs = append(errs, h.Store.Commit(ctx, op))
	}
	return errors.Join(errs...)
}

// ledger is two replicas of orders over one store, and the news that have not been
// told to the history yet.
type ledger struct {
	t        *testing.T
	rand     *rand.Rand
	orders   [2]*Orders
	history  [2]*History
	now      time.Time
	ids      []string
	untold   []string
	products []string
}

func newLedger(t *testing.T, seed uint64, store state.Store) *ledger {
	b := &ledger{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	for i := range b.orders {
		db := state.Open(store, nil, slog.New(slog.DiscardHandler))
		b.orders[i], b.history[i] = NewOrders(db), NewHistory(db)
	}
	for range 5 {
		b.products = append(b.products, uuid.NewString())
	}
	return b
}

// buy makes an order of one to three lines.
func (b *ledger) buy(replica int) {
	o := order.Order{
		ID: uuid.NewString(), Owner: shopper.User(fmt.Sprint("u", b.rand.IntN(3))), Status: order.Pending, CreatedAt: b.now,
		Currency: []string{"EUR", "USD"}[b.rand.IntN(2)], Payment: order.Payment{Method: []order.PaymentMethod{order.Invoice, order.CashOnDelivery}[b.rand.IntN(2)]},
	}
	if b.rand.IntN(3) == 0 {
		o.Asked.Codes = []string{"SPRING"}
	}
	for _, p := range b.rand.Perm(len(b.products))[:1+b.rand.IntN(3)] {
		price := money.New(int64(100+b.rand.IntN(900)), o.Currency)
		n := 1 + b.rand.IntN(4)
		o.Lines = append(o.Lines, order.Line{SKU: fmt.Sprintf("SKU-%d", p), ProductID: b.products[p], Name: fmt.Sprint("Product ", p), Quantity: n, UnitPrice: &price})
	}
	ctx := b.t.Context()
	require.NoError(b.t, b.orders[replica].db.Update(ctx, func(tx *state.Tx) error {
		if err := ordersOf(o.Owner).Append(tx, o.ID); err != nil {
			return err
		}
		return orders.Put(tx, o.ID, o)
	}))
	b.ids = append(b.ids, o.ID)
	b.change(replica, o.ID, func(o *order.Order) error {
		if b.rand.IntN(10) == 0 {
			return nil // its checkout is under way
		}
		bill := order.Bill{Lines: o.Lines}
		for _, l := range o.Lines {
			bill.Breakdown.Lines = append(bill.Breakdown.Lines, pricing.Priced{Charge: pricing.Charge{Total: l.UnitPrice.Amount * int64(l.Quantity)}})
			bill.Totals.Total += l.UnitPrice.Amount * int64(l.Quantity)
		}
		return o.Confirm(bill, b.now)
	})
}

func (b *ledger) change(replica int, id string, fn func(*order.Order) error) {
	_, err := b.orders[replica].Update(b.t.Context(), id, fn)
	if err == nil {
		b.untold = append(b.untold, id)
	}
}

// step is one thing that happens; what an order does not allow changes nothing.
func (b *ledger) step() {
	replica := b.rand.IntN(2)
	if len(b.ids) == 0 || b.rand.IntN(3) == 0 {
		b.now = b.now.Add(time.Duration(b.rand.IntN(int(2 * time.Hour))))
		b.buy(replica)
		return
	}
	id := b.ids[b.rand.IntN(len(b.ids))]
	what := b.rand.IntN(4)
	b.change(replica, id, func(o *order.Order) error {
		switch what {
		case 0:
			return o.Cancel("", 0, b.now)
		case 1:
			return o.Ship("", 0, b.now)
		case 2:
			return o.Deliver(0, b.now)
		default:
			_, err := o.Refund(uuid.NewString(), []order.RefundLine{{SKU: o.Lines[0].SKU, Quantity: 1}}, b.now)
			return err
		}
	})
}

// tell tells a replica's history of some of the news, in any order; some it is told
// again later.
func (b *ledger) tell() {
	b.rand.Shuffle(len(b.untold), func(i, j int) { b.untold[i], b.untold[j] = b.untold[j], b.untold[i] })
	n := b.rand.IntN(len(b.untold) + 1)
	err := b.history[b.rand.IntN(2)].Keep(b.t.Context(), b.untold[:n])
	if err == nil && b.rand.IntN(2) == 0 {
		b.untold = b.untold[n:]
	}
}

// naive gives the rows of all orders that were bought, from the orders themselves.
func (b *ledger) naive() (rows []history.Row) {
	all, err := b.orders[0].GetAll(b.t.Context(), b.ids)
	require.NoError(b.t, err)
	for _, o := range all {
		if o.Status != order.Pending {
			rows = append(rows, history.RowOf(o))
		}
	}
	return rows
}

// However the news come, and whatever a store keeps of a transaction that fails, the
// totals and lists are those of a count over all orders.
func TestHistoryAgainstACount(t *testing.T) {
	for name, wrap := range map[string]func(state.Store) state.Store{
		"with rollback":    func(s state.Store) state.Store { return s },
		"without rollback": func(s state.Store) state.Store { return halved{s} },
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				memory := statetest.NewMemory()
				b := newLedger(t, seed, wrap(memory))
				memory.BeforeCommit = func(ops []state.Op) error {
					if strings.HasPrefix(ops[0].Key, "history-") && b.rand.IntN(4) == 0 {
						return errAway
					}
					return nil
				}
				for range 200 {
					b.step()
					if b.rand.IntN(5) == 0 {
						b.tell()
					}
				}
				// All is told in the end, twice: a replica has died before it said that it had told.
				memory.BeforeCommit = nil
				for range 2 {
					require.NoError(t, b.history[b.rand.IntN(2)].Keep(t.Context(), b.untold))
				}
				b.requireTotals()
				b.requireLists()
			}
		})
	}
}

// count adds up what is placed under a key, from the orders themselves: orders, pieces,
// pieces returned, amount, amount refunded.
func (b *ledger) count(by history.By, in func(time.Time) bool) map[string][5]int64 {
	sums := map[string][5]int64{}
	all, err := b.orders[0].GetAll(b.t.Context(), b.ids)
	require.NoError(b.t, err)
	for _, o := range all {
		if o.Status == order.Pending || !in(o.CreatedAt) || o.Status == order.Cancelled && by != history.ByStatus {
			continue
		}
		returned := map[string]int64{}
		for _, r := range o.Refunds {
			returned[r.Lines[0].SKU]++
		}
		add := func(key string, more [5]int64) {
			sum := sums[key+" "+o.Currency]
			for i := range sum {
				sum[i] += more[i]
			}
			sums[key+" "+o.Currency] = sum
		}
		key := map[history.By]string{history.ByDay: o.CreatedAt.Format(time.DateOnly), history.ByStatus: string(o.Status)}[by]
		if key != "" {
			add(key, [5]int64{1, 0, 0, o.Total, o.Payment.Refunded})
		}
		for _, l := range o.Lines { // each of another product
			if by == history.ByProduct {
				add(l.ProductID, [5]int64{1, int64(l.Quantity), returned[l.SKU], l.UnitPrice.Amount * int64(l.Quantity), 0})
			} else {
				add(key, [5]int64{0, int64(l.Quantity), returned[l.SKU], 0, 0})
			}
		}
	}
	return sums
}

func (b *ledger) requireTotals() {
	s := history.NewService(b.history[0], func() time.Time { return b.now })
	from := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	for _, span := range []history.Span{{}, {From: from, To: from.AddDate(0, 0, 1)}} {
		for _, by := range []history.By{history.ByDay, history.ByProduct, history.ByStatus} {
			got := map[string][5]int64{}
			for cursor, more := "", true; more; {
				page, next, err := s.Totals(b.t.Context(), span, by, cursor, 3)
				require.NoError(b.t, err)
				require.LessOrEqual(b.t, len(page), 3)
				for _, t := range page {
					key := t.Day + t.Product + string(t.Status) + " " + t.Currency
					require.NotContains(b.t, got, key)
					got[key] = [5]int64{int64(t.Orders), int64(t.Quantity), int64(t.Returned), t.Total, t.Refunded}
				}
				cursor, more = next, next != ""
			}
			want := b.count(by, func(at time.Time) bool {
				return span.From.IsZero() || !at.Before(span.From) && at.Before(span.To.AddDate(0, 0, 1))
			})
			require.Equal(b.t, want, got, by)
		}
	}
}

func (b *ledger) requireLists() {
	s := history.NewService(b.history[1], func() time.Time { return b.now })
	from := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]struct {
		history.Filter
		match func(history.Row) bool
	}{
		"all":    {match: func(history.Row) bool { return true }},
		"status": {history.Filter{Status: order.Shipped}, func(r history.Row) bool { return r.Status == order.Shipped }},
		"method": {history.Filter{Method: order.Invoice}, func(r history.Row) bool { return r.Method == order.Invoice }},
		"code":   {history.Filter{Code: "SPRING"}, func(r history.Row) bool { return len(r.Codes) == 1 }},
		"text": {history.Filter{Text: "sku-1"}, func(r history.Row) bool {
			return slices.ContainsFunc(r.Lines, func(l history.RowLine) bool { return l.SKU == "SKU-1" })
		}},
		"two days": {history.Filter{Span: history.Span{From: from, To: from.AddDate(0, 0, 1)}}, func(r history.Row) bool { return r.At.Day() == 2 || r.At.Day() == 3 }},
	} {
		for _, owner := range []shopper.Owner{"", shopper.User("u1")} {
			var want, got []string
			for _, r := range b.naive() {
				if f.match(r) && (owner == "" || r.Owner == owner) {
					want = append(want, r.ID)
				}
			}
			for cursor, more := "", true; more; {
				list := s.All
				if owner != "" {
					list = func(ctx context.Context, f history.Filter, cursor string, limit int) ([]*order.Order, string, error) {
						return s.Owned(ctx, owner, f, cursor, limit)
					}
				}
				page, next, err := list(b.t.Context(), f.Filter, cursor, 7)
				require.NoError(b.t, err)
				require.LessOrEqual(b.t, len(page), 7)
				for _, o := range page {
					if o.Status != order.Pending { // a customer sees a checkout that is under way
						got = append(got, o.ID)
					}
				}
				cursor, more = next, next != ""
			}
			require.ElementsMatch(b.t, want, got, "%s of %q", name, owner)
			require.True(b.t, slices.IsSortedFunc(got, func(x, y string) int { return b.at(y).Compare(b.at(x)) }), "%s: newest first", name)
		}
	}
}

func (b *ledger) at(id string) time.Time {
	o, err := b.orders[0].Get(b.t.Context(), id)
	require.NoError(b.t, err)
	return o.CreatedAt
}
