package statestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

func (c catalog) sync(t *testing.T) *Sync {
	t.Helper()
	catalog, err := contract.Load(contracts.FS, "catalog")
	require.NoError(t, err)
	s, err := NewSync(c.db, catalog, func(context.Context, int) {})
	require.NoError(t, err)
	return s
}

// presuming has batches of any size read nothing that is new.
func presuming(s *Sync) *Sync {
	s.Products.Presume, s.Stock.Presume = 1, 1
	return s
}

func movedID(key string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(key)).String() }

// incoming is a document of a row; nil: it is gone.
func incoming(t *testing.T, key string, position uint64, doc any) intake.Incoming {
	t.Helper()
	in := intake.Incoming{ID: movedID(key), Source: origin.Source{Key: key, Position: position}, Deleted: doc == nil}
	if doc != nil {
		var err error
		in.Document, err = json.Marshal(doc)
		require.NoError(t, err)
	}
	return in
}

func movedThing(n int, name string) map[string]any {
	return map[string]any{"slug": fmt.Sprintf("m-%d", n), "name": name, "category": "c", "variants": []any{
		map[string]any{"sku": fmt.Sprintf("M-%d", n), "name": "V", "prices": []any{map[string]any{"amount": 100, "currency": "EUR"}}}}}
}

func movedOnHand(n, quantity int) map[string]any {
	return map[string]any{"sku": fmt.Sprintf("M-%d", n), "on_hand": quantity}
}

// insist takes documents until it comes through, as the app migration does.
func insist[T any](t *testing.T, k intake.Kind[T], docs ...intake.Incoming) []intake.Result {
	for range 50 {
		results, err := k.Take(context.Background(), "0", docs)
		if err == nil {
			return results
		}
		if !errors.Is(err, state.ErrBusy) {
			t.Errorf("%v", err)
			return nil
		}
	}
	t.Error("it never came through")
	return nil
}

// shelved has a category "c" moved in.
func (c catalog) shelved(t *testing.T) *Sync {
	t.Helper()
	s := c.sync(t)
	insist(t, s.Categories, incoming(t, "c:1", 1, map[string]any{"slug": "c", "name": "C"}))
	return s
}

// Two replicas take states of the same products and stock in any order, while staff change them
// and orders reserve: in the end the newest of each is held, or what staff stated after it; the
// books add up, all of it is listed and shown, and what is gone has left nothing. On a store
// that does not roll back as well.
func TestMovingInCompetes(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			store := open()
			a, b := over(t, store), over(t, store)
			ways := []*Sync{presuming(a.shelved(t)), b.sync(t)}
			const rows, last = 12, 8
			var wg sync.WaitGroup
			for i, s := range ways {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				wg.Go(func() {
					for position := range uint64(last) {
						var things, stock []intake.Incoming
						for _, n := range r.Perm(rows) {
							key := strconv.Itoa(n)
							things = append(things, incoming(t, "p:"+key, position, movedThing(n, fmt.Sprint("P ", position))))
							stock = append(stock, incoming(t, "s:"+key, position, movedOnHand(n, 100+int(position))))
						}
						insist(t, s.Products, things...)
						insist(t, s.Stock, stock...)
					}
				})
			}
			wg.Go(func() {
				for i := range 20 {
					sku := "M-" + strconv.Itoa(i%rows)
					p, err := a.products.FindSKU(context.Background(), sku)
					if err != nil {
						continue // it is not there yet, or its half
					}
					d := p.Details
					d.Description = "changed here"
					_, _ = a.products.Replace(context.Background(), p.ID, d, 0) // a conflict is staff's to see
					_, _ = b.stock.Reserve(context.Background(), "order-"+strconv.Itoa(i), "EUR", "", []inventory.Line{{SKU: sku, Quantity: 1}})
				}
			})
			wg.Wait()
			var things, stock []intake.Incoming
			for n := range rows {
				key := strconv.Itoa(n)
				doc := any(movedThing(n, "last"))
				if n == 0 {
					doc = nil
				}
				things, stock = append(things, incoming(t, "p:"+key, last, doc)), append(stock, incoming(t, "s:"+key, last, movedOnHand(n, n)))
			}
			for n, r := range insist(t, ways[1].Products, things...) {
				require.Equal(t, intake.Stored, r.Outcome, "%d: %+v", n, r.Problem)
			}
			third := over(t, store)
			held := map[int]bool{}
			for n, r := range insist(t, ways[0].Stock, stock...) {
				if r.Outcome == intake.Rejected {
					require.Equal(t, "below_reserved", r.Problem.Code)
					held[n] = true
				}
			}
			for _, c := range []catalog{a, b, third} {
				require.NoError(t, c.shown.Refresh(t.Context()))
				require.Nil(t, c.shown.Detail("m-0"))
			}
			docs, err := ways[0].Products.Read(t.Context(), idsOf(things))
			require.NoError(t, err)
			require.Len(t, docs, rows-1)
			for n := 1; n < rows; n++ {
				sku := "M-" + strconv.Itoa(n)
				ledger := third.ledger(t, sku)
				want := n
				if held[n] {
					want = 100 + last - 1
					require.Greater(t, ledger.Reserved(), n)
				}
				require.Equal(t, want, ledger.OnHand)
				for _, c := range []catalog{a, b, third} {
					e := c.shown.Detail("m-" + strconv.Itoa(n))
					require.NotNil(t, e)
					require.Equal(t, "last", e.Product.Name)
					require.Empty(t, e.Product.Description)
					require.Equal(t, ledger.Available() > 0, e.InStock[sku], "%s", sku)
				}
			}
			listed, _, err := ways[0].Products.List(t.Context(), "")
			require.NoError(t, err)
			require.ElementsMatch(t, idsOf(things[1:]), listed)
		})
	}
}

// marked gives the IDs of all products of the index.
func (c catalog) marked(t *testing.T) (all []string) {
	t.Helper()
	require.NoError(t, c.db.View(t.Context(), func(tx *state.Tx) error {
		for i := range Buckets {
			_, ids, err := listed(tx, strconv.Itoa(i))
			if err != nil {
				return err
			}
			all = append(all, ids...)
		}
		return nil
	}))
	return all
}

func idsOf(docs []intake.Incoming) (ids []string) {
	for _, d := range docs {
		ids = append(ids, d.ID)
	}
	return ids
}

// dying is a store that keeps some writes of the commit that is to die, and none after it.
type dying struct {
	*statetest.Memory
	keep func(op state.Op) bool
}

var errDied = errors.New("the replica has died")

func (d *dying) Commit(ctx context.Context, ops ...state.Op) error {
	if d.keep == nil {
		return d.Memory.Commit(ctx, ops...)
	}
	for _, op := range ops {
		if d.keep(op) {
			if err := d.Memory.Commit(ctx, op); err != nil {
				return err
			}
		}
	}
	return errDied
}

// Whichever half of a transaction is kept when a replica dies, the same batch once more makes
// it whole: a first state, a later one, and an end.
func TestAHalfIsMadeWhole(t *testing.T) {
	change := func(doc map[string]any, field string, value any) map[string]any {
		doc[field] = value
		return doc
	}
	for trial := range 24 {
		t.Run(strconv.Itoa(trial), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(trial), 7))
			store := &dying{Memory: statetest.NewMemory()}
			c := over(t, store)
			s := c.shelved(t)
			if trial%2 == 0 {
				presuming(s)
			}
			half := func(take func()) {
				store.keep = func(state.Op) bool { return r.IntN(2) == 0 }
				take()
				store.keep = nil
				take()
			}
			products := func(docs ...intake.Incoming) func() {
				return func() { _, _ = s.Products.Take(t.Context(), "0", docs) }
			}
			stock := func(docs ...intake.Incoming) func() { return func() { _, _ = s.Stock.Take(t.Context(), "0", docs) } }
			half(products(incoming(t, "p:1", 1, movedThing(1, "one")), incoming(t, "p:2", 1, movedThing(2, "two"))))
			half(stock(incoming(t, "s:1", 1, movedOnHand(1, 5)), incoming(t, "s:2", 1, movedOnHand(2, 6))))
			refresh := func() {
				for range 8 { // a mark may have been kept without what it speaks of
					require.NoError(t, c.shown.Refresh(t.Context()))
				}
			}
			refresh()
			require.True(t, c.shown.Detail("m-1").AnyInStock())
			require.True(t, c.shown.Detail("m-2").AnyInStock())
			half(products(incoming(t, "p:1", 2, change(movedThing(3, "three"), "slug", "m-1")), incoming(t, "p:2", 2, change(movedThing(2, "two"), "slug", "m-9"))))
			half(stock(incoming(t, "s:1", 2, movedOnHand(3, 8)), incoming(t, "s:2", 2, movedOnHand(2, 0))))
			refresh()
			require.Equal(t, "three", c.shown.Detail("m-1").Product.Name)
			require.Equal(t, 8, c.ledger(t, "M-3").Available())
			require.True(t, c.shown.Detail("m-1").AnyInStock())
			require.False(t, c.shown.Detail("m-9").AnyInStock())
			require.Zero(t, c.ledger(t, "M-2").OnHand)
			docs, err := s.Stock.Read(t.Context(), []string{movedID("s:1"), movedID("s:2")})
			require.NoError(t, err)
			require.Len(t, docs, 2)
			require.NotContains(t, store.Keys("stock:"), "stock:M-1")
			half(products(incoming(t, "p:1", 3, nil), incoming(t, "p:2", 3, nil)))
			half(stock(incoming(t, "s:1", 3, nil), incoming(t, "s:2", 3, nil)))
			refresh()
			require.Nil(t, c.shown.Detail("m-1"))
			require.Empty(t, c.events.Events())
			require.Empty(t, c.marked(t))
			for _, prefix := range []string{"product:", "stock:"} { // a claim that is left harms nobody
				require.Empty(t, store.Keys(prefix))
			}
			for i, slug := range []string{"m-1", "m-2", "m-9"} {
				made := thing(i+1, "c")
				made.Slug, made.Variants[0].SKU = slug, "M-"+strconv.Itoa(i+1)
				_, err = c.products.Create(t.Context(), made)
				require.NoError(t, err)
			}
			for _, list := range []func(context.Context, string) ([]string, string, error){s.Products.List, s.Stock.List} {
				ids, _, err := list(t.Context(), "")
				require.NoError(t, err)
				require.Empty(t, ids)
			}
		})
	}
}

// One replica deletes a category while another one moves a product into it, on a store that does
// not roll back as well: the product is there and shown, or it is refused and nothing is.
func TestMovingIntoACategoryThatGoes(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			s := b.sync(t)
			for i := range 25 {
				slug := "c-" + strconv.Itoa(i)
				_, _, err := a.products.CreateCategory(t.Context(), product.Category{Slug: slug, Name: "C"})
				require.NoError(t, err)
				doc := movedThing(i, "P")
				doc["category"] = slug
				var results []intake.Result
				var removed error
				var wg sync.WaitGroup
				wg.Go(func() { results = insist(t, s.Products, incoming(t, "p:"+strconv.Itoa(i), 1, doc)) })
				wg.Go(func() { removed = a.products.DeleteCategory(context.Background(), slug, 0) })
				wg.Wait()
				require.Len(t, results, 1)
				there := slices.Contains(keysWith(store, "product:"), "product:"+movedID("p:"+strconv.Itoa(i)))
				require.Equal(t, results[0].Outcome == intake.Stored, there)
				if name == "rolls back" && results[0].Outcome == intake.Stored {
					require.Error(t, removed)
				}
			}
		})
	}
}

// The mark of a product that was lost beside its stock is made when the stock comes again, and
// stock that is shown as before makes none.
func TestALostMarkIsMadeAgain(t *testing.T) {
	store := &dying{Memory: statetest.NewMemory()}
	c := over(t, store)
	s := c.shelved(t)
	insist(t, s.Products, incoming(t, "p:1", 1, movedThing(1, "P")))
	mark := func() (n int64) {
		require.NoError(t, c.db.View(t.Context(), func(tx *state.Tx) error {
			b, _, err := buckets.Get(tx, placeOf(movedID("p:1")).bucket)
			n = b.Marks[movedID("p:1")]
			return err
		}))
		return n
	}
	before := mark()
	store.keep = func(op state.Op) bool { return !isIndex(op.Key) }
	_, err := s.Stock.Take(t.Context(), "0", []intake.Incoming{incoming(t, "s:1", 1, movedOnHand(1, 5))})
	require.Error(t, err)
	store.keep = nil
	require.Equal(t, 5, c.ledger(t, "M-1").OnHand)
	require.Equal(t, before, mark())
	insist(t, s.Stock, incoming(t, "s:1", 1, movedOnHand(1, 5)))
	require.Greater(t, mark(), before)
	before = mark()
	insist(t, s.Stock, incoming(t, "s:1", 2, movedOnHand(1, 6)))
	require.Equal(t, before, mark())
}

// interrupted is a store that does not roll back, where something happens just before the first
// commit of a product.
type interrupted struct {
	partial
	before func()
}

func (s *interrupted) Commit(ctx context.Context, ops ...state.Op) error {
	if s.before != nil && slices.ContainsFunc(ops, func(op state.Op) bool { return strings.HasPrefix(op.Key, "product:") }) {
		f := s.before
		s.before = nil
		f()
	}
	return s.partial.Commit(ctx, ops...)
}

// A half that has landed is stored in the end, although its category has gone meanwhile; and
// taken back, where another product has taken its slug.
func TestAHalfThatIsRefusedThen(t *testing.T) {
	store := &interrupted{partial: partial{statetest.NewMemory()}}
	c, other := over(t, store), over(t, store.partial)
	s := c.shelved(t)
	store.before = func() { require.NoError(t, other.products.DeleteCategory(t.Context(), "c", 0)) }
	results := insist(t, s.Products, incoming(t, "p:1", 1, movedThing(1, "P")))
	require.Nil(t, store.before)
	require.Equal(t, intake.Stored, results[0].Outcome)
	require.NoError(t, c.shown.Refresh(t.Context()))
	require.NotNil(t, c.shown.Detail("m-1"))

	insist(t, s.Categories, incoming(t, "c:1", 2, map[string]any{"slug": "c", "name": "C"}))
	made := thing(2, "c")
	made.Slug = "m-2"
	store.before = func() {
		_, err := other.products.Create(t.Context(), made)
		require.NoError(t, err)
	}
	results = insist(t, s.Products, incoming(t, "p:2", 1, movedThing(2, "P")))
	require.Nil(t, store.before)
	require.Equal(t, intake.Rejected, results[0].Outcome)
	require.Equal(t, "slug_taken", results[0].Problem.Code)
	require.NotContains(t, store.Keys("product:"), "product:"+movedID("p:2"))
	require.NotContains(t, store.Keys("sku:"), "sku:M-2")
	require.Len(t, c.marked(t), 2)
	ids, _, err := s.Products.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{movedID("p:1")}, ids)
}

func keysWith(store state.Store, prefix string) []string {
	switch s := store.(type) {
	case *statetest.Memory:
		return s.Keys(prefix)
	case partial:
		return s.Keys(prefix)
	}
	return nil
}
