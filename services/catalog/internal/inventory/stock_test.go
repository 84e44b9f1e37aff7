package inventory

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/catalog/internal/pricing"
)

var (
	euro = money.New(100, "EUR")
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// booksOf gives the books over one stock. What they note is remembered.
func booksOf(s *Stock) *Books { return NewBooks(map[string]*Stock{s.SKU: s}, map[string]bool{}) }

func line(quantity int) []ReservedLine {
	return []ReservedLine{{Offer: Offer{SKU: "A"}, Price: pricing.Price{Money: euro}, Quantity: quantity}}
}

func TestMoves(t *testing.T) {
	type move = func(*Books) error
	reserve := func(order string, n int) move {
		return func(b *Books) error { return b.reserve(order, "EUR", line(n), nil, noon) }
	}
	release := func(order string) move {
		return func(b *Books) error { b.release(order, []string{"A"}, noon); return nil }
	}
	commit := func(order string) move {
		return func(b *Books) error { b.commit(order, []Line{{SKU: "A"}}, noon); return nil }
	}
	ship := func(order string, n int) move {
		return func(b *Books) error { b.commit(order, []Line{{"A", n}}, noon); return nil }
	}
	lower := func(order string, left int) move {
		return func(b *Books) error { b.lower(order, []Line{{"A", left}}, noon); return nil }
	}
	restock := func(id string, n int) move {
		return func(b *Books) error { b.Stocks["A"].Restock(id, n, noon); return nil }
	}
	withdraw := func(b *Books) error { b.Stocks["A"].Withdraw(noon); return nil }
	adjust := func(n int) move {
		return func(b *Books) error { return b.Stocks["A"].Adjust(n, "", Cause{Kind: Count}, noon) }
	}
	tests := []struct {
		name                      string
		moves                     []move
		onHand, reserved, soldOut int
		code                      string // of the last move's error
	}{
		{"reserve", []move{reserve("a", 3)}, 10, 3, 0, ""},
		{"reserve all", []move{reserve("a", 10)}, 10, 10, 0, ""},
		{"reserve too much", []move{reserve("a", 11)}, 10, 0, 0, "out_of_stock"},
		{"reserve what another holds", []move{reserve("a", 8), reserve("b", 3)}, 10, 8, 0, "out_of_stock"},
		{"reserve twice", []move{reserve("a", 3), reserve("a", 3)}, 10, 3, 0, ""},
		{"reserve twice, differently", []move{reserve("a", 3), reserve("a", 4)}, 10, 3, 0, "reservation_differs"},
		{"release", []move{reserve("a", 3), release("a"), release("a")}, 10, 0, 0, ""},
		{"release first", []move{release("a"), reserve("a", 3)}, 10, 0, 0, "reservation_closed"},
		{"reserve after release", []move{reserve("a", 3), release("a"), reserve("a", 3)}, 10, 0, 0, "reservation_closed"},
		{"commit", []move{reserve("a", 3), commit("a"), commit("a")}, 7, 0, 3, ""},
		{"commit of nothing", []move{commit("a")}, 10, 0, 0, ""},
		{"release after commit", []move{reserve("a", 3), commit("a"), release("a")}, 7, 0, 3, ""},
		{"reserve after commit", []move{reserve("a", 3), commit("a"), reserve("a", 3)}, 7, 0, 3, "reservation_closed"},
		{"lower", []move{reserve("a", 3), lower("a", 2), lower("a", 2)}, 10, 2, 0, ""},
		{"lower, the older news late", []move{reserve("a", 3), lower("a", 1), lower("a", 2)}, 10, 1, 0, ""},
		{"lower to nothing", []move{reserve("a", 3), lower("a", 0), lower("a", 0), release("a")}, 10, 0, 0, ""},
		{"lower of nothing", []move{lower("a", 2)}, 10, 0, 0, ""},
		{"reserve after lower", []move{reserve("a", 3), lower("a", 0), reserve("a", 3)}, 10, 0, 0, "reservation_closed"},
		{"lower, then ship", []move{reserve("a", 3), lower("a", 2), ship("a", 2), lower("a", 2)}, 8, 0, 2, ""},
		{"ship, then lower", []move{reserve("a", 3), ship("a", 2), lower("a", 2)}, 8, 0, 2, ""},
		{"ship, then lower to nothing", []move{reserve("a", 3), ship("a", 2), lower("a", 0), reserve("b", 8)}, 8, 8, 2, ""},
		{"withdraw, then lower", []move{reserve("a", 3), withdraw, lower("a", 1)}, 1, 1, 0, ""},
		{"withdraw, then ship less", []move{reserve("a", 3), withdraw, ship("a", 1)}, 0, 0, 1, ""},
		{"restock once", []move{restock("r", 2), restock("r", 2)}, 12, 0, 0, ""},
		{"restock too much", []move{restock("r", 2*MaxOnHand)}, MaxOnHand, 0, 0, ""},
		{"withdraw", []move{withdraw, withdraw}, 0, 0, 0, ""},
		{"withdraw, reserved", []move{reserve("a", 3), withdraw}, 3, 3, 0, ""},
		{"withdraw, then ship", []move{reserve("a", 3), withdraw, commit("a")}, 0, 0, 3, ""},
		{"withdraw, then release", []move{reserve("a", 3), withdraw, release("a"), release("a")}, 0, 0, 0, ""},
		{"withdraw, then another's", []move{reserve("a", 3), withdraw, adjust(5), reserve("b", 2), release("a"), release("b")}, 5, 0, 0, ""},
		{"adjust", []move{adjust(5), adjust(-15)}, 0, 0, 0, ""},
		{"adjust below zero", []move{adjust(-11)}, 10, 0, 0, "below_reserved"},
		{"adjust below reserved", []move{reserve("a", 3), adjust(-8)}, 10, 3, 0, "below_reserved"},
		{"adjust too high", []move{adjust(MaxOnHand)}, 10, 0, 0, "too_much_stock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Stock{SKU: "A", OnHand: 10, Initial: 10, Version: 1}
			var err error
			books := booksOf(s)
			for _, move := range tt.moves {
				err = move(books)
			}
			if tt.code == "" {
				require.NoError(t, err)
			} else {
				require.Equal(t, tt.code, fault.CodeOf(err))
			}
			require.Equal(t, []int{tt.onHand, tt.reserved, tt.onHand - tt.reserved, tt.soldOut}, []int{s.OnHand, s.Reserved(), s.Available(), s.Sold})
			require.Equal(t, s.OnHand, s.Initial+s.Adjusted+s.Returned-s.Sold)
		})
	}
}

// What has no document has no owner: a return does not make one, and neither
// does the end of an order that held nothing, which is noted all the same.
func TestStockThatIsNotThere(t *testing.T) {
	s := &Stock{SKU: "A"}
	s.Restock("r", 2, noon)
	books := booksOf(s)
	books.release("o", []string{"A"}, noon)
	require.False(t, s.Changed())
	require.Zero(t, s.OnHand)
	require.Equal(t, []string{"o"}, books.Noted())
}

// What is refused, or repeated, costs no write.
func TestWhatIsWritten(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 10, Version: 1}
	books := booksOf(s)
	require.Error(t, books.reserve("a", "EUR", line(11), nil, noon))
	books.commit("a", []Line{{"A", 1}}, noon)
	books.lower("a", []Line{{"A", 1}}, noon)
	require.False(t, s.Changed())

	// What was kept of an attempt is taken back where the order is refused.
	half := &Stock{SKU: "A", OnHand: 10, Version: 1, Reservations: Reservations{"a": {Quantity: 3, Amount: 100, Currency: "EUR"}}}
	two := NewBooks(map[string]*Stock{"A": half, "B": {SKU: "B"}}, map[string]bool{})
	require.NoError(t, two.reserve("a", "EUR", line(3), nil, noon))
	require.False(t, half.Changed())
	both := append(line(3), ReservedLine{Offer: Offer{SKU: "B"}, Quantity: 1})
	require.Error(t, two.reserve("a", "EUR", both, nil, noon))
	require.True(t, half.Changed())
	require.Zero(t, half.Reserved())

	// A release of nothing has whoever reserves meanwhile read again, once.
	books.release("b", []string{"A"}, noon)
	require.True(t, s.Changed())
	s.changed = false
	books.release("b", []string{"A"}, noon)
	require.False(t, s.Changed())
}

// However much happens to a SKU in between, an order that has ended holds
// nothing again, and a return is not taken in twice within its time.
func TestNothingIsForgottenInARush(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 10_000, Initial: 10_000, Version: 1}
	books := booksOf(s)
	require.NoError(t, books.reserve("first", "EUR", line(1), nil, noon))
	books.release("first", []string{"A"}, noon)
	s.Restock("the first", 1, noon)
	for i := range 400 {
		id := strconv.Itoa(i)
		require.NoError(t, books.reserve(id, "EUR", line(1), nil, noon))
		books.release(id, []string{"A"}, noon)
		s.Restock(id, 1, noon.Add(time.Second))
	}
	require.ErrorIs(t, books.reserve("first", "EUR", line(1), nil, noon), ErrClosed)
	onHand := s.OnHand
	s.Restock("the first", 1, noon.Add(returnTime))
	require.Equal(t, onHand, s.OnHand)
	s.Restock("much later", 1, noon.Add(returnTime+2*time.Second))
	require.Len(t, s.Restocked, 1, "and what is old goes")
}

// Whatever happens in whatever order, the ledger adds up, nothing is negative
// and the document stays small.
func TestAnyMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := &Stock{SKU: "A", OnHand: 50, Initial: 50, Version: 1}
	for i := range 20_000 {
		id := "o-" + strconv.Itoa(random.IntN(60))
		books := booksOf(s) // which forget every end: the harder case
		switch random.IntN(8) {
		case 0, 1:
			_ = books.reserve(id, "EUR", line(1+random.IntN(5)), nil, noon)
		case 2:
			books.release(id, []string{"A"}, noon)
		case 3:
			books.commit(id, []Line{{"A", random.IntN(3)}}, noon)
		case 7:
			books.lower(id, []Line{{"A", random.IntN(5)}}, noon)
		case 4:
			s.Restock(id, 1, noon.Add(time.Duration(i)*time.Minute))
		case 5:
			_ = s.Adjust(random.IntN(21)-10, "", Cause{Kind: Count}, noon)
		case 6:
			if random.IntN(20) == 0 {
				s.Withdraw(noon)
				_ = s.Adjust(50, "", Cause{Kind: Count}, noon)
			}
		}
		held := 0
		for _, r := range s.Reservations {
			held += r.Quantity
		}
		require.Equal(t, held, s.Reserved())
		require.GreaterOrEqual(t, s.Available(), 0)
		require.Equal(t, s.OnHand, s.Initial+s.Adjusted+s.Returned-s.Sold)
		require.LessOrEqual(t, len(s.Restocked), keptReturn)
		s.Ledger, s.entered = "", 0 // another test's
	}
	require.NotZero(t, s.Sold)
}

// A document has a bound, which refuses new orders and nothing else.
func TestTooManyOpenOrders(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: MaxOnHand, Version: 1}
	books := booksOf(s)
	for i := range MaxOpen {
		require.NoError(t, books.reserve("0198d2a4-7b1c-5f00-8a00-"+fmt.Sprintf("%012d", i), "EUR", line(1), nil, noon))
	}
	require.ErrorIs(t, books.reserve("one more", "EUR", line(1), nil, noon), ErrCrowded)
	require.NoError(t, books.reserve("0198d2a4-7b1c-5f00-8a00-000000000007", "EUR", line(1), nil, noon), "a repeat")
	doc, err := json.Marshal(s)
	require.NoError(t, err)
	require.Less(t, len(doc), 3_000_000, "the sidecar takes 4 MB")
	books.commit("0198d2a4-7b1c-5f00-8a00-000000000007", []Line{{SKU: "A"}}, noon)
	require.NoError(t, books.reserve("one more", "EUR", line(1), nil, noon))
}

// A stock remembers who has ended for a moment, in bounds.
func TestClosed(t *testing.T) {
	var c Closed
	for i := range keptClosed {
		c = c.with(fmt.Sprint("order-", i), noon.Add(time.Duration(i)*time.Millisecond))
	}
	for i := range keptClosed {
		require.True(t, c.has(fmt.Sprint("order-", i)))
	}
	require.False(t, c.has("order-x"))
	c = c.with("one more", noon)
	require.False(t, c.has("order-0"), "the oldest makes room")
	require.True(t, c.has("order-1"))
	require.Len(t, c, keptClosed*(markLength+secondLength))
	c = c.with("later", noon.Add(2*closedTime))
	require.Len(t, c, markLength+secondLength, "what is old goes")
	require.True(t, c.has("later"))
	require.Less(t, second(noon), second(noon.Add(time.Second)))
	require.Len(t, second(time.Unix(1<<31, 0)), secondLength)
}

// The note of an order's end is not seen yet, because the store reads or writes
// two documents at two moments: the stock knows it.
func TestTheStockItselfKnowsWhoHasEnded(t *testing.T) {
	a := &Stock{SKU: "A", OnHand: 10, Version: 1}
	held := NewBooks(map[string]*Stock{"A": a}, map[string]bool{})
	require.NoError(t, held.reserve("x", "EUR", line(1), nil, noon))
	held.release("x", []string{"A"}, noon)
	held.release("y", []string{"A"}, noon)
	blind := NewBooks(map[string]*Stock{"A": a}, map[string]bool{})
	require.ErrorIs(t, blind.reserve("x", "EUR", line(1), nil, noon), ErrClosed)
	require.ErrorIs(t, blind.reserve("y", "EUR", line(1), nil, noon), ErrClosed)
	require.NoError(t, blind.reserve("z", "EUR", line(1), nil, noon))
}
