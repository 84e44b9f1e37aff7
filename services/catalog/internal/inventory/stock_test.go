package inventory

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

var (
	euro = money.New(100, "EUR")
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func TestMoves(t *testing.T) {
	reserve := func(order string, n int) func(*Stock) error {
		return func(s *Stock) error { _, err := s.Reserve(order, n, euro, noon); return err }
	}
	release := func(order string) func(*Stock) error { return func(s *Stock) error { s.Release(order); return nil } }
	commit := func(order string) func(*Stock) error { return func(s *Stock) error { s.Commit(order); return nil } }
	restock := func(id string, n int) func(*Stock) error {
		return func(s *Stock) error { s.Restock(id, n); return nil }
	}
	withdraw := func(s *Stock) error { s.Withdraw(); return nil }
	adjust := func(n int) func(*Stock) error { return func(s *Stock) error { return s.Adjust(n, "count") } }
	tests := []struct {
		name                      string
		moves                     []func(*Stock) error
		onHand, reserved, soldOut int
		code                      string // of the last move's error
	}{
		{"reserve", []func(*Stock) error{reserve("a", 3)}, 10, 3, 0, ""},
		{"reserve all", []func(*Stock) error{reserve("a", 10)}, 10, 10, 0, ""},
		{"reserve too much", []func(*Stock) error{reserve("a", 11)}, 10, 0, 0, "out_of_stock"},
		{"reserve what another holds", []func(*Stock) error{reserve("a", 8), reserve("b", 3)}, 10, 8, 0, "out_of_stock"},
		{"reserve twice", []func(*Stock) error{reserve("a", 3), reserve("a", 3)}, 10, 3, 0, ""},
		{"reserve twice, differently", []func(*Stock) error{reserve("a", 3), reserve("a", 4)}, 10, 3, 0, "reservation_differs"},
		{"release", []func(*Stock) error{reserve("a", 3), release("a"), release("a")}, 10, 0, 0, ""},
		{"release first", []func(*Stock) error{release("a"), reserve("a", 3)}, 10, 0, 0, "reservation_closed"},
		{"commit", []func(*Stock) error{reserve("a", 3), commit("a"), commit("a")}, 7, 0, 3, ""},
		{"commit of nothing", []func(*Stock) error{commit("a")}, 10, 0, 0, ""},
		{"release after commit", []func(*Stock) error{reserve("a", 3), commit("a"), release("a")}, 7, 0, 3, ""},
		{"reserve after commit", []func(*Stock) error{reserve("a", 3), commit("a"), reserve("a", 3)}, 7, 0, 3, "reservation_closed"},
		{"restock once", []func(*Stock) error{restock("r", 2), restock("r", 2)}, 12, 0, 0, ""},
		{"restock too much", []func(*Stock) error{restock("r", 2*MaxOnHand)}, MaxOnHand, 0, 0, ""},
		{"withdraw", []func(*Stock) error{withdraw, withdraw}, 0, 0, 0, ""},
		{"withdraw, reserved", []func(*Stock) error{reserve("a", 3), withdraw}, 3, 3, 0, ""},
		{"withdraw, then ship", []func(*Stock) error{reserve("a", 3), withdraw, commit("a")}, 0, 0, 3, ""},
		{"withdraw, then release", []func(*Stock) error{reserve("a", 3), withdraw, release("a"), release("a")}, 0, 0, 0, ""},
		{"withdraw, then another's", []func(*Stock) error{reserve("a", 3), withdraw, adjust(5), reserve("b", 2), release("a"), release("b")}, 5, 0, 0, ""},
		{"adjust", []func(*Stock) error{adjust(5), adjust(-15)}, 0, 0, 0, ""},
		{"adjust below zero", []func(*Stock) error{adjust(-11)}, 10, 0, 0, "below_reserved"},
		{"adjust below reserved", []func(*Stock) error{reserve("a", 3), adjust(-8)}, 10, 3, 0, "below_reserved"},
		{"adjust too high", []func(*Stock) error{adjust(MaxOnHand)}, 10, 0, 0, "too_much_stock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Stock{SKU: "A", OnHand: 10, Initial: 10, Version: 1}
			var err error
			for _, move := range tt.moves {
				err = move(s)
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

// What has no document has no owner: a return does not make one.
func TestRestockOfNothing(t *testing.T) {
	s := &Stock{SKU: "A"}
	s.Restock("r", 2)
	require.False(t, s.Changed())
	require.Zero(t, s.OnHand)
}

// A refused order costs no write where nothing of it was stored.
func TestUnreserveRestores(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 10, Version: 1}
	_, err := s.Reserve("a", 3, euro, noon)
	require.NoError(t, err)
	require.True(t, s.Changed())
	s.Unreserve("a")
	require.False(t, s.Changed())

	stored := &Stock{SKU: "A", OnHand: 10, Version: 1, Reservations: map[string]Reservation{"a": {Quantity: 3, Amount: 100, Currency: "EUR"}}}
	_, err = stored.Reserve("a", 3, euro, noon)
	require.NoError(t, err)
	require.False(t, stored.Changed())
	stored.Unreserve("a")
	require.True(t, stored.Changed())
}

// Whatever happens in whatever order, the ledger adds up, nothing is negative
// and the document stays small.
func TestAnyMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := &Stock{SKU: "A", OnHand: 50, Initial: 50, Version: 1}
	for range 20_000 {
		id := "o-" + strconv.Itoa(random.IntN(60))
		switch random.IntN(7) {
		case 0, 1:
			_, _ = s.Reserve(id, 1+random.IntN(5), euro, noon)
		case 2:
			s.Release(id)
		case 3:
			s.Commit(id)
		case 4:
			s.Restock(id, 1)
		case 5:
			_ = s.Adjust(random.IntN(21)-10, "count")
		case 6:
			if random.IntN(20) == 0 {
				s.Withdraw()
				_ = s.Adjust(50, "count")
			}
		}
		require.GreaterOrEqual(t, s.Available(), 0)
		require.Equal(t, s.OnHand, s.Initial+s.Adjusted+s.Returned-s.Sold)
		require.LessOrEqual(t, len(s.Closed), keptClosed)
		require.LessOrEqual(t, len(s.Returns), keptReturn)
	}
	require.NotZero(t, s.Sold)
}

func TestLanes(t *testing.T) {
	l := newLanes()
	unlock, err := l.lock(t.Context(), "a", "b", "a")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		again, err := l.lock(t.Context(), "b", "c")
		if err == nil {
			again()
		}
	}()
	select {
	case <-done:
		t.Fatal("two writers of one SKU")
	default:
	}
	unlock()
	<-done
}
