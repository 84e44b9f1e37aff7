package inventory

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// naive is back-orders by hand: who holds or waits for how much, in the order in
// which they came.
type naive struct {
	onHand, sold int
	limit        int // -1: nothing may be waited for
	orders       []naiveOrder
}

type naiveOrder struct {
	id       string
	quantity int
	there    int // of quantity
}

func (n *naive) totals() (held, waiting int) {
	for _, o := range n.orders {
		held += o.there
		waiting += o.quantity - o.there
	}
	return held, waiting
}

func (n *naive) reserve(id string, quantity int) bool {
	held, waiting := n.totals()
	there := min(quantity, n.onHand-held)
	if waits := quantity - there; waits > 0 && waits+waiting > n.limit {
		return false
	}
	n.orders = append(n.orders, naiveOrder{id, quantity, there})
	return true
}

// arrive gives what is there to who came first.
func (n *naive) arrive(quantity int) {
	n.onHand += quantity
	for i := range n.orders {
		held, _ := n.totals()
		o := &n.orders[i]
		o.there += min(o.quantity-o.there, n.onHand-held)
	}
}

func (n *naive) take(id string) (o naiveOrder, ok bool) {
	i := slices.IndexFunc(n.orders, func(o naiveOrder) bool { return o.id == id })
	if i < 0 {
		return o, false
	}
	o = n.orders[i]
	n.orders = slices.Delete(n.orders, i, i+1)
	return o, true
}

// lower leaves an order no more than a quantity: what is not there goes first.
func (n *naive) lower(id string, left int) {
	i := slices.IndexFunc(n.orders, func(o naiveOrder) bool { return o.id == id })
	if i >= 0 && left < n.orders[i].quantity {
		n.orders[i].quantity, n.orders[i].there = left, min(left, n.orders[i].there)
	}
	n.orders = slices.DeleteFunc(n.orders, func(o naiveOrder) bool { return o.quantity == 0 })
}

// Random reservations, confirmations, releases, cancellations of some, shipments, arrivals, losses and
// changes of the limit do what they do by hand; each stock is written and read again
// in between.
func TestBackordersAgainstNaive(t *testing.T) {
	places := []string{"bcn", Main}
	for range 60 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		s, model := &Stock{SKU: "A", OnHand: 6, Initial: 6, Version: 1}, &naive{onHand: 6, limit: -1}
		books, next := booksOf(s), 0
		for step := range 150 {
			id := strconv.Itoa(random.IntN(next + 1))
			switch random.IntN(10) {
			case 0, 1, 2:
				next++
				id, quantity := strconv.Itoa(next), 1+random.IntN(5)
				err := books.reserve(id, "EUR", line(quantity), places, noon)
				if model.reserve(id, quantity) {
					require.NoError(t, err, "seed %d step %d", seed, step)
				} else {
					require.Equal(t, "out_of_stock", fault.CodeOf(err), "seed %d step %d", seed, step)
				}
			case 3:
				s.confirm([]string{id})
			case 4:
				books.release(id, []string{"A"}, noon)
				model.take(id)
				model.arrive(0)
			case 5:
				if o, ok := model.take(id); ok && o.there == o.quantity {
					books.commit(id, []Line{{"A", o.quantity}}, noon)
					model.onHand, model.sold = model.onHand-o.quantity, model.sold+o.quantity
				} else if ok {
					model.orders = append(model.orders, o) // not covered: it is not shipped
					slices.SortFunc(model.orders, func(a, b naiveOrder) int { x, _ := strconv.Atoi(a.id); y, _ := strconv.Atoi(b.id); return x - y })
				}
			case 6:
				n := 1 + random.IntN(4)
				require.NoError(t, s.Adjust(n, places[random.IntN(2)], Cause{Kind: Delivery}, noon))
				model.arrive(n)
			case 7:
				at := places[random.IntN(2)]
				if n := min(1, s.AvailableAt(at)); s.Waiting() == 0 && n > 0 {
					require.NoError(t, s.Adjust(-n, at, Cause{Kind: Loss}, noon))
					model.onHand -= n
				}
			case 9:
				left := random.IntN(5)
				books.lower(id, []Line{{"A", left}}, noon)
				model.lower(id, left)
				model.arrive(0)
			case 8:
				if model.limit = random.IntN(12) - 1; model.limit < 0 {
					s.SetBackorder(nil)
				} else {
					s.SetBackorder(&Backorder{Limit: model.limit})
				}
			}
			s.Fill(places)
			held, waiting := model.totals()
			require.Equal(t, []int{model.onHand, held, waiting, model.sold, model.onHand - held},
				[]int{s.OnHand, s.Reserved(), s.Waiting(), s.Sold, s.Available()}, "seed %d step %d", seed, step)
			for _, o := range model.orders {
				require.Equal(t, o.quantity-o.there, s.Reservations[o.id].Waiting, "seed %d step %d order %s", seed, step, o.id)
			}
			require.Len(t, s.Reservations, len(model.orders))
			holds(t, s)
			s, books = again(t, s, books)
		}
	}
}

// holds is what is always so.
func holds(t *testing.T, s *Stock) {
	t.Helper()
	require.Equal(t, s.OnHand, s.Initial+s.Adjusted+s.Returned-s.Sold)
	for _, at := range s.Places() {
		require.GreaterOrEqual(t, s.AvailableAt(at), 0, at)
		require.GreaterOrEqual(t, s.ReservedAt(at), 0, at)
	}
	if s.Waiting() > 0 {
		require.Zero(t, s.Available(), "nothing is available while somebody waits")
	}
}

// again writes a stock and reads it.
func again(t *testing.T, s *Stock, b *Books) (*Stock, *Books) {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	out := &Stock{Version: s.Version + 1}
	require.NoError(t, json.Unmarshal(raw, out))
	return out, NewBooks(map[string]*Stock{"A": out}, b.ended)
}

// A sale never goes past those who wait, also where they are not filled yet: all
// works of a batch come before that.
func TestNobodyOvertakesWhoWaits(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 2, Initial: 2, Version: 1, Backorder: &Backorder{Limit: 5}}
	b := booksOf(s)
	require.NoError(t, b.reserve("a", "EUR", line(2), nil, noon))
	require.NoError(t, b.reserve("b", "EUR", line(4), nil, noon))
	require.Error(t, b.reserve("c", "EUR", line(2), nil, noon), "only one more may be waited for")
	b.release("a", []string{"A"}, noon)
	require.NoError(t, b.reserve("c", "EUR", line(3), nil, noon), "b has two now, and waits for two")
	require.Equal(t, Availability{}, s.Availability())
	s.Fill(nil)
	require.Equal(t, []int{2, 3}, []int{s.Reservations["b"].Waiting, s.Reservations["c"].Waiting})
	require.Equal(t, []int{2, 2, 0, 5}, []int{s.OnHand, s.Reserved(), s.Available(), s.Waiting()})
}

// All lines or none, also with back-orders.
func TestBackordersAllOrNothing(t *testing.T) {
	more := &Stock{SKU: "A", OnHand: 1, Initial: 1, Version: 1, Backorder: &Backorder{Limit: 5}}
	none := &Stock{SKU: "B", Version: 1}
	b := NewBooks(map[string]*Stock{"A": more, "B": none}, map[string]bool{})
	lines := append(line(3), line(1)...)
	lines[1].SKU = "B"
	err := b.reserve("o", "EUR", lines, nil, noon)
	require.Equal(t, "out_of_stock", fault.CodeOf(err))
	require.Empty(t, more.Reservations)
	require.Equal(t, []int{0, 0, 1}, []int{more.Waiting(), more.Reserved(), more.Available()})
}

// Who waits for what is withdrawn gets nothing of what its SKU is given later, and
// keeps nobody from it.
func TestWithdrawnWaitInVain(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 1, Initial: 1, Version: 1, Backorder: &Backorder{Limit: 5}}
	b := booksOf(s)
	require.NoError(t, b.reserve("old", "EUR", line(3), nil, noon))
	s.Withdraw(noon)
	require.NoError(t, s.Adjust(4, "", Cause{Kind: Delivery}, noon))
	s.Fill(nil)
	require.Equal(t, 2, s.Reservations["old"].Waiting)
	require.NoError(t, b.reserve("new", "EUR", line(4), nil, noon))
	require.Error(t, b.reserve("more", "EUR", line(1), nil, noon))
	holds(t, s)
	b.release("old", []string{"A"}, noon)
	require.Equal(t, []int{4, 4}, []int{s.OnHand, s.Reserved()})
	holds(t, s)
}

// What is shipped although it was waited for was there: the ledger says so.
func TestShippedBeforeItWasBookedIn(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 1, Initial: 1, Version: 1, Backorder: &Backorder{Limit: 5}}
	b := booksOf(s)
	require.NoError(t, b.reserve("o", "EUR", line(3), nil, noon))
	b.commit("o", []Line{{SKU: "A"}}, noon)
	require.Equal(t, []int{0, 3, 2}, []int{s.OnHand, s.Sold, s.Adjusted})
	entries, err := s.Ledger.Entries(1)
	require.NoError(t, err)
	require.Equal(t, []int{2, -3}, []int{entries[0].Delta, entries[1].Delta})
	holds(t, s)
}
