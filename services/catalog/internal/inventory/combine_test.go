package inventory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/catalog/internal/pricing"
)

// shelf is a store in memory. Each try of an update takes a second of a fake
// clock between its read and its write; tries makes the first ones conflict.
type shelf struct {
	Store
	mu      sync.Mutex
	stocks  map[string]Stock
	plans   []Plan
	tries   int
	broken  string // a SKU whose document cannot be read
	panics  bool
	aloneBy atomic.Int64
}

func (s *shelf) Update(ctx context.Context, plan func() Plan, change func(*Books)) error {
	for try := 0; ; try++ {
		p := plan()
		s.mu.Lock()
		s.plans = append(s.plans, p)
		stocks := map[string]*Stock{}
		for _, sku := range p.SKUs {
			stock := s.stocks[sku]
			stock.SKU, stock.Version = sku, 1
			held := map[string]Reservation{}
			for id, r := range stock.Reservations {
				held[id] = r
			}
			stock.Reservations = held
			stocks[sku] = &stock
		}
		s.mu.Unlock()
		if s.panics {
			s.panics = false
			panic("a defect")
		}
		if _, there := stocks[s.broken]; there {
			return errors.New("holds no document")
		}
		change(NewBooks(stocks, map[string]bool{}))
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if try < s.tries {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for sku, stock := range stocks {
			stock.changed, stock.counted, stock.reserved = false, false, 0
			s.stocks[sku] = *stock
		}
		return nil
	}
}

func (s *shelf) UpdateOne(_ context.Context, _ string, _ func(*Stock) error) (Stock, error) {
	time.Sleep(time.Second)
	s.aloneBy.Add(1)
	return Stock{}, nil
}

// priced offers every SKU.
type priced struct{}

func (priced) Offers(_ context.Context, skus []string) (map[string]Offer, error) {
	out := map[string]Offer{}
	for _, sku := range skus {
		out[sku] = Offer{SKU: sku, Prices: pricing.Prices{Base: []money.Money{euro}}}
	}
	return out, nil
}

func (priced) ShowStock(string, Availability) {}

func (priced) Low(string, int) []string { return nil }

func (priced) Book(context.Context) (pricing.Book, error) { return nil, nil }

// trial has orders reserve over a shelf, each as soon as the one before it
// waits or is at the store.
type trial struct {
	*shelf
	service *Service
	got     map[string]error
	mu      sync.Mutex
}

func newTrial(stock int, skus ...string) *trial {
	tr := &trial{shelf: &shelf{stocks: map[string]Stock{}}, got: map[string]error{}}
	for _, sku := range skus {
		tr.stocks[sku] = Stock{OnHand: stock}
	}
	tr.service = NewService(tr.shelf, priced{}, priced{})
	return tr
}

func (tr *trial) reserve(ctx context.Context, order string, skus ...string) {
	go func() {
		var lines []Line
		for _, sku := range skus {
			lines = append(lines, Line{SKU: sku, Quantity: 1})
		}
		_, err := tr.service.Reserve(ctx, order, "EUR", "", lines)
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.got[order] = err
	}()
	synctest.Wait()
}

// pass lets time pass, and whoever it wakes go on.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (tr *trial) seen() []Plan {
	tr.shelf.mu.Lock()
	defer tr.shelf.mu.Unlock()
	return slices.Clone(tr.plans)
}

func (tr *trial) forget() {
	tr.shelf.mu.Lock()
	defer tr.shelf.mu.Unlock()
	tr.plans = nil
}

func (tr *trial) holds(sku string) Reservations {
	tr.shelf.mu.Lock()
	defer tr.shelf.mu.Unlock()
	return maps.Clone(tr.stocks[sku].Reservations)
}

func (tr *trial) answers() map[string]error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return maps.Clone(tr.got)
}

// Who comes while a SKU is being changed is done with all who wait for it, in
// one update and in order, each with its own outcome.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(5, "A", "B")
		for i := range 10 {
			tr.reserve(t.Context(), strconv.Itoa(i), "A")
		}
		pass(2*time.Second + 1)
		require.Len(t, tr.seen(), 2)
		require.Equal(t, []string{"0"}, tr.seen()[0].Orders, "the first does not wait for company")
		require.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}, tr.seen()[1].Orders)
		for i := range 10 {
			if err := tr.answers()[strconv.Itoa(i)]; i < 5 {
				require.NoError(t, err)
			} else {
				require.Equal(t, "out_of_stock", fault.CodeOf(err))
			}
		}
		require.Empty(t, tr.service.together.busy)
		require.Empty(t, tr.service.together.waiting)
	})
}

// Orders of several SKUs share an update where they overlap, those that do
// not run beside it, and none is overtaken on a SKU.
func TestBatchesThatOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(100, "A", "B", "C", "D")
		ctx := t.Context()
		tr.reserve(ctx, "1", "A")
		tr.reserve(ctx, "2", "A", "B")
		tr.reserve(ctx, "3", "B", "C") // waits behind 2 for B
		tr.reserve(ctx, "4", "D")      // beside
		tr.reserve(ctx, "5", "C")      // not before 3
		require.Equal(t, []Plan{{[]string{"A"}, []string{"1"}}, {[]string{"D"}, []string{"4"}}}, tr.seen())
		pass(2*time.Second + 1)
		require.Len(t, tr.seen(), 3)
		require.Equal(t, Plan{[]string{"A", "B", "C"}, []string{"2", "3", "5"}}, tr.seen()[2])
		require.Len(t, tr.answers(), 5)
	})
}

// A refused member leaves nothing behind, and the others what they have.
func TestRefusedAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(2, "A", "B")
		tr.stocks["B"] = Stock{OnHand: 1}
		for _, id := range []string{"1", "2", "3"} {
			tr.reserve(t.Context(), id, "A", "B")
		}
		tr.reserve(t.Context(), "4", "A")
		pass(3 * time.Second)
		require.NoError(t, tr.answers()["1"])
		require.Equal(t, "out_of_stock", fault.CodeOf(tr.answers()["2"]))
		require.Equal(t, "out_of_stock", fault.CodeOf(tr.answers()["3"]))
		require.NoError(t, tr.answers()["4"])
		require.Len(t, tr.holds("A"), 2)
	})
}

// Each try of a batch takes in who has come meanwhile.
func TestBatchGrowsWhileItRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(10, "A")
		tr.tries = 1
		tr.reserve(t.Context(), "1", "A")
		tr.reserve(t.Context(), "2", "A")
		pass(2*time.Second + 1)
		require.Equal(t, []string{"1", "2"}, tr.seen()[1].Orders)
		require.Len(t, tr.answers(), 2, "both are through after two tries")
	})
}

// Who goes away while it waits is not done; who goes away later is done whole,
// and whoever was to be led by it is not left behind.
func TestMembersThatGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(10, "A")
		gone, leave := context.WithCancel(t.Context())
		tr.reserve(gone, "1", "A")
		tr.reserve(gone, "2", "A")
		tr.reserve(t.Context(), "3", "A")
		leave()
		pass(3 * time.Second)
		require.NoError(t, tr.answers()["1"], "it led its batch to the end")
		require.ErrorIs(t, tr.answers()["2"], context.Canceled)
		require.NoError(t, tr.answers()["3"])
		require.Contains(t, tr.holds("A"), "1")
		require.NotContains(t, tr.holds("A"), "2")

		// A follower that leaves in the middle of its batch, then its leader.
		gone, leave = context.WithCancel(t.Context())
		tr.reserve(t.Context(), "4", "A")
		tr.reserve(gone, "5", "A")
		tr.reserve(gone, "6", "A")
		tr.reserve(t.Context(), "7", "A")
		pass(1500 * time.Millisecond)
		leave()
		pass(2 * time.Second)
		require.ErrorIs(t, tr.answers()["6"], context.Canceled)
		require.NoError(t, tr.answers()["7"])
		require.Len(t, tr.holds("A"), 6)
	})
}

// What is wrong with one document is not wrong with the others of a batch, a
// defect blocks nobody's SKU, and a batch ends in time.
func TestBatchThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(10, "A", "B")
		tr.broken = "B"
		tr.reserve(t.Context(), "1", "A")
		tr.reserve(t.Context(), "2", "A", "B")
		tr.reserve(t.Context(), "3", "A")
		pass(5 * time.Second)
		require.NoError(t, tr.answers()["1"])
		require.Error(t, tr.answers()["2"])
		require.NoError(t, tr.answers()["3"])

		tr.panics = true
		require.Panics(t, func() { _, _ = tr.service.Reserve(t.Context(), "4", "EUR", "", []Line{{SKU: "A", Quantity: 1}}) })
		tr.reserve(t.Context(), "5", "A")
		pass(2 * time.Second)
		require.NoError(t, tr.answers()["5"])

		tr.tries = 1000
		tr.reserve(t.Context(), "6", "A")
		pass(batchLimit + time.Second)
		require.ErrorIs(t, tr.answers()["6"], context.DeadlineExceeded)
	})
}

// A count by staff goes by itself, in its turn.
func TestAdjustGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(10, "A")
		tr.reserve(t.Context(), "1", "A")
		go func() { _, _ = tr.service.Adjust(t.Context(), "A", Change{Delta: 1}, 0) }()
		synctest.Wait()
		tr.reserve(t.Context(), "2", "A")
		tr.reserve(t.Context(), "3", "A")
		pass(1500 * time.Millisecond)
		require.Zero(t, tr.aloneBy.Load())
		pass(time.Second)
		require.EqualValues(t, 1, tr.aloneBy.Load())
		pass(time.Second)
		require.Equal(t, []string{"2", "3"}, tr.seen()[1].Orders)
		require.NoError(t, tr.answers()["3"])
	})
}

// A batch has bounds; what does not fit comes next.
func TestBatchHasBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(1000, "A")
		for i := range batchWorks + 11 {
			tr.reserve(t.Context(), strconv.Itoa(i), "A")
		}
		pass(4 * time.Second)
		require.Len(t, tr.answers(), batchWorks+11)
		require.Len(t, tr.seen(), 3)
		require.Len(t, tr.seen()[1].Orders, batchWorks)
		require.Len(t, tr.seen()[2].Orders, 10)

		var a, b []string
		for i := range 60 {
			a, b = append(a, "a"+strconv.Itoa(i)), append(b, "b"+strconv.Itoa(i))
		}
		tr.forget()
		tr.reserve(t.Context(), "x", "A")
		tr.reserve(t.Context(), "y", append(a, "A")...)
		tr.reserve(t.Context(), "z", append(b, "A")...)
		pass(4 * time.Second)
		require.Len(t, tr.seen(), 3)
		require.Len(t, tr.answers(), batchWorks+11+3)
	})
}

// After a conflict the other replica gets its turn; without one nobody waits.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(100, "A")
		took := func(order string) time.Duration {
			began := time.Now()
			_, err := tr.service.Reserve(t.Context(), order, "EUR", "", []Line{{SKU: "A", Quantity: 1}})
			require.NoError(t, err)
			return time.Since(began)
		}
		require.Equal(t, time.Second, took("1"))
		require.Equal(t, time.Second, took("2"))
		tr.tries = 1
		require.Equal(t, 2*time.Second, took("3"))
		tr.tries = 0
		require.Equal(t, time.Second+longestTurn, took("4"))
		require.Equal(t, time.Second, took("5"), "nobody was met any more")
	})
}

// Who cannot join because another of its SKUs is taken is not overtaken.
func TestNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(100, "A", "Z")
		tr.tries = 1
		tr.reserve(t.Context(), "1", "A")
		tr.reserve(t.Context(), "2", "Z")
		tr.reserve(t.Context(), "3", "A", "Z")
		tr.reserve(t.Context(), "4", "A")
		pass(1500 * time.Millisecond)
		for _, p := range tr.seen() {
			require.NotContains(t, p.Orders, "4", "4 has overtaken 3")
		}
		pass(5 * time.Second)
		require.Len(t, tr.answers(), 4)
		require.Len(t, tr.holds("A"), 3)
	})
}
