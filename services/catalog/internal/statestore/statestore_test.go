package statestore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

// partial is a store whose transactions do not roll back, like Redis behind
// Dapr: a stale ETag fails one write and the others are kept.
type partial struct{ *statetest.Memory }

func (p partial) Commit(ctx context.Context, ops ...state.Op) error {
	var errs []error
	for _, op := range ops {
		errs = append(errs, p.Memory.Commit(ctx, op))
	}
	return errors.Join(errs...)
}

type catalog struct {
	db       *state.DB
	products *product.Service
	stock    *inventory.Service
	shown    *search.Model
	events   *event.Memory
}

// over opens a replica of the catalog over a store.
func over(t *testing.T, store state.Store) catalog {
	t.Helper()
	c := catalog{events: &event.Memory{}}
	c.db = state.Open(store, c.events, slog.New(slog.NewTextHandler(t.Output(), nil)))
	c.shown = search.New(NewShelf(c.db), func(*search.Entry, string, time.Time) ([]byte, time.Time) { return nil, time.Time{} })
	c.products = product.NewService(NewProducts(c.db), c.shown)
	c.stock = inventory.NewService(NewStocks(c.db), c.shown, pricing.NewService(NewPrices(c.db), &pricing.Board{}))
	require.NoError(t, c.shown.Refresh(t.Context()))
	return c
}

// fill imports products "p-0", "p-1" ... with one SKU each, "S-0", "S-1" ...
func (c catalog) fill(t *testing.T, n, stock int) {
	t.Helper()
	for i := range n {
		sku := "S-" + strconv.Itoa(i)
		refused, err := c.products.Import(t.Context(), []product.Imported{{
			Details: product.Details{Slug: "p-" + strconv.Itoa(i), Name: "P", Category: "c", Status: product.Published, Variants: []product.Variant{
				{SKU: sku, Name: "V", Prices: []money.Money{money.New(100, "EUR")}}}},
			Stock: map[string]int{sku: stock},
		}})
		require.NoError(t, err)
		require.Equal(t, []error{nil}, refused)
	}
	require.NoError(t, c.shown.Refresh(t.Context()))
}

// ledger reads a stock and holds it to its rule.
func (c catalog) ledger(t *testing.T, sku string) *inventory.Stock {
	t.Helper()
	s, err := c.stock.Get(t.Context(), sku)
	require.NoError(t, err)
	require.Equal(t, s.OnHand, s.Initial+s.Adjusted+s.Returned-s.Sold, "%+v", s)
	require.GreaterOrEqual(t, s.Available(), 0)
	return &s
}

func stores() map[string]func() state.Store {
	return map[string]func() state.Store{
		"rolls back":         func() state.Store { return statetest.NewMemory() },
		"does not roll back": func() state.Store { return partial{statetest.NewMemory()} },
	}
}

// Two replicas sell the same 3 SKUs to many orders at once: no more is sold
// than there is, no order holds only some of its lines, and the shop knows
// in the end that it is sold out.
func TestOrdersCompeteForStock(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			a.fill(t, 3, 10)
			require.NoError(t, b.shown.Refresh(t.Context()))
			// Every order wants two of the three SKUs, in differing order.
			wants := [][]inventory.Line{{{SKU: "S-0", Quantity: 1}, {SKU: "S-1", Quantity: 1}}, {{SKU: "S-2", Quantity: 1}, {SKU: "S-0", Quantity: 1}}, {{SKU: "S-1", Quantity: 1}, {SKU: "S-2", Quantity: 1}}}
			var won atomic.Int64
			got := make([]bool, 40)
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() {
					replica := []catalog{a, b}[i%2]
					_, err := replica.stock.Reserve(context.Background(), "order-"+strconv.Itoa(i), "EUR", "", wants[i%3])
					switch {
					case err == nil:
						got[i] = true
						won.Add(1)
					case fault.CodeOf(err) != "out_of_stock":
						t.Errorf("order %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			held := 0
			for i := range 3 {
				s := a.ledger(t, "S-"+strconv.Itoa(i))
				held += s.Reserved()
				for order := range s.Reservations {
					n, err := strconv.Atoi(order[len("order-"):])
					require.NoError(t, err)
					require.True(t, got[n], "%s holds stock and was refused", order)
				}
			}
			require.Equal(t, 2*int(won.Load()), held)
			require.LessOrEqual(t, held, 30)
			require.Greater(t, held, 20)
			require.NoError(t, b.shown.Refresh(t.Context()))
			for i := range 3 {
				e := b.shown.Detail("p-" + strconv.Itoa(i))
				require.Equal(t, a.ledger(t, "S-"+strconv.Itoa(i)).Available() > 0, e.AnyInStock())
			}
		})
	}
}

// A reservation of which only some lines were kept is completed by a repeat,
// and undone by one that is refused.
func TestHalfAReservation(t *testing.T) {
	for _, enough := range []bool{true, false} {
		c := over(t, statetest.NewMemory())
		c.fill(t, 2, 5)
		half := inventory.Reservation{Quantity: 2, Amount: 99, Currency: "EUR", At: time.Now().Unix()}
		require.NoError(t, c.db.Update(t.Context(), func(tx *state.Tx) error {
			s, _, err := stocks.Get(tx, "S-0")
			if err != nil {
				return err
			}
			s.Reservations = inventory.Reservations{"o": half}
			return stocks.Put(tx, "S-0", s)
		}))
		want := 1
		if !enough {
			want = 6
		}
		lines, err := c.stock.Reserve(t.Context(), "o", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 2}, {SKU: "S-1", Quantity: want}})
		if enough {
			require.NoError(t, err)
			require.Equal(t, half.UnitPrice(), lines[0].UnitPrice, "the price that was promised first")
			require.Equal(t, 3, c.ledger(t, "S-0").Available())
			require.Equal(t, 4, c.ledger(t, "S-1").Available())
			continue
		}
		require.Equal(t, "out_of_stock", fault.CodeOf(err))
		require.Equal(t, 5, c.ledger(t, "S-0").Available())
		require.Equal(t, 5, c.ledger(t, "S-1").Available())
	}
}

// A commit that was kept in part is completed by the retry of the update:
// the claims are there, and other replicas see the product.
func TestHalfAnImport(t *testing.T) {
	for _, lost := range []string{"slug:p-0", "sku:S-0", "bucket:", "stock:S-0"} {
		t.Run(lost, func(t *testing.T) {
			store := &losing{partial: partial{statetest.NewMemory()}, lose: lost}
			c := over(t, store)
			c.fill(t, 1, 5)
			require.True(t, store.lost)
			require.Equal(t, []string{"slug:p-0"}, store.Keys("slug:"))
			require.Equal(t, []string{"sku:S-0"}, store.Keys("sku:"))
			require.Equal(t, 5, c.ledger(t, "S-0").OnHand)
			other := over(t, store)
			require.NotNil(t, other.shown.Detail("p-0"))
		})
	}
}

// losing fails the first write of a key, as if another writer had come first,
// and keeps the others.
type losing struct {
	partial
	lose string
	lost bool
}

func (l *losing) Commit(ctx context.Context, ops ...state.Op) error {
	for i, op := range ops {
		if !l.lost && len(op.Key) >= len(l.lose) && op.Key[:len(l.lose)] == l.lose {
			l.lost = true
			rest := append(append([]state.Op(nil), ops[:i]...), ops[i+1:]...)
			return errors.Join(statetest.ErrConflict, l.partial.Commit(ctx, rest...))
		}
	}
	return l.partial.Commit(ctx, ops...)
}

// A claim that its product does not stand by keeps nobody from it.
func TestStrayClaims(t *testing.T) {
	c := over(t, statetest.NewMemory())
	require.NoError(t, c.db.Update(t.Context(), func(tx *state.Tx) error {
		return errors.Join(slugs.Put(tx, "p-0", claim{ProductID: "gone"}), skus.Put(tx, "S-0", claim{ProductID: "gone"}))
	}))
	_, err := c.products.Find(t.Context(), "p-0")
	require.ErrorIs(t, err, product.ErrMissing)
	c.fill(t, 1, 5)
	require.NotNil(t, c.shown.Detail("p-0"))
	require.Equal(t, 5, c.ledger(t, "S-0").Available())
}

// A mark that was lost is made good by the sweep.
func TestSweepFindsWhatIsNotMarked(t *testing.T) {
	store := statetest.NewMemory()
	a, b := over(t, store), over(t, store)
	a.fill(t, 1, 5)
	require.NoError(t, b.shown.Refresh(t.Context()))
	require.NoError(t, a.db.Update(t.Context(), func(tx *state.Tx) error {
		s, _, err := stocks.Get(tx, "S-0")
		s.OnHand, s.Initial = 0, 0
		return errors.Join(err, stocks.Put(tx, "S-0", s))
	}))
	require.NoError(t, b.shown.Refresh(t.Context()))
	require.False(t, b.shown.Detail("p-0").AnyInStock())
}

// A delta is added once, also where the store kept the stock of a commit whose
// other document had a conflict.
func TestAdjustedOnceThoughKeptInPart(t *testing.T) {
	store := statetest.NewMemory()
	store.KeepsHalves = true
	c, other := over(t, store), over(t, store)
	c.fill(t, 1, 0)
	met := false
	store.BeforeCommit = func(ops []state.Op) error {
		i := slices.IndexFunc(ops, func(op state.Op) bool { return strings.HasPrefix(op.Key, buckets.Prefix) })
		if met || i < 0 {
			return nil
		}
		met = true
		return other.db.Update(context.Background(), func(tx *state.Tx) error {
			id := strings.TrimPrefix(ops[i].Key, buckets.Prefix)
			b, _, err := buckets.Get(tx, id)
			if err != nil {
				return err
			}
			return buckets.Put(tx, id, b)
		})
	}
	before, err := c.stock.Get(t.Context(), "S-0")
	require.NoError(t, err)
	after, err := c.stock.Adjust(t.Context(), "S-0", inventory.Change{Delta: 5}, before.Version)
	require.NoError(t, err)
	require.True(t, met, "the conflict has happened")
	require.Equal(t, 5, after.OnHand)
	stored, err := c.stock.Get(t.Context(), "S-0")
	require.NoError(t, err)
	require.Equal(t, 5, stored.OnHand)
	require.Equal(t, after.Version, stored.Version)
	require.NoError(t, other.shown.Refresh(t.Context()))
	offers, err := other.shown.Offers(t.Context(), []string{"S-0"})
	require.NoError(t, err)
	require.True(t, offers["S-0"].InStock, "the mark is there for the other replica")
}

// A product that was stored before it could state a language has one.
func TestAnOldProduct(t *testing.T) {
	c := over(t, statetest.NewMemory())
	require.NoError(t, c.db.Update(t.Context(), func(tx *state.Tx) error {
		return products.Put(tx, "old", product.Product{ID: "old", Details: product.Details{Slug: "old"}})
	}))
	loaded, err := NewShelf(c.db).Load(t.Context(), []string{"old"})
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	require.Equal(t, []string{"en", "standard"}, []string{loaded[0].Product.Language, loaded[0].Product.TaxClass})
}
