package reverse_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
	"tienda/services/migration/internal/reverse"
)

var errCrash = errors.New("the process has died")

// crashing is a store whose process dies at a step: before one of a transaction's
// statements, before its commit, or just after that.
type crashing struct {
	reverse.Store
	left      int // steps until it dies
	committed bool
}

func (c *crashing) step() error {
	if c.left--; c.left < 0 {
		return errCrash
	}
	return nil
}

func (c *crashing) Hold(ctx context.Context, kind, id string, fn func(context.Context, reverse.Tx) error) error {
	err := c.Store.Hold(ctx, kind, id, func(ctx context.Context, tx reverse.Tx) error {
		if err := fn(ctx, &crashingTx{tx, c}); err != nil {
			return err
		}
		return c.step()
	})
	if err != nil {
		return err
	}
	c.committed = true
	return c.step()
}

type crashingTx struct {
	reverse.Tx
	c *crashing
}

func (x *crashingTx) Do(ctx context.Context, sql string, args []*string) (int64, error) {
	if err := x.c.step(); err != nil {
		return 0, err
	}
	return x.Tx.Do(ctx, sql, args)
}

func (x *crashingTx) Insert(ctx context.Context, sql string, args []*string) ([]any, error) {
	if err := x.c.step(); err != nil {
		return nil, err
	}
	row, err := x.Tx.Insert(ctx, sql, args)
	if bad := x.c.step(); bad != nil {
		return nil, bad
	}
	return row, err
}

func (x *crashingTx) Keep(ctx context.Context, w reverse.Written) error {
	if err := x.c.step(); err != nil {
		return err
	}
	return x.Tx.Keep(ctx, w)
}

// A process that dies at any step of writing what was made in the shop leaves all of it or
// nothing, and the news that comes again inserts nothing twice.
func TestACrashInsertsNothingTwice(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 5)
	c := &chance{Rand: rand.New(rand.NewPCG(3, 4)), w: w}
	tables := map[string]string{"categories": "categories", "products": "products", "stock": "inventory", "users": "customers", "orders": "orders", "tickets": "tickets", "returns": "returns"}
	for _, kind := range kinds {
		died := 0
		for at := 0; ; at++ {
			id, doc := newID(), map[string]any{}
			c.change(kind, doc)
			w.owners.put(t, kind, id, "", doc)
			before := w.count(tables[kind])
			dies := &crashing{Store: w.store, left: at}
			err := w.over(dies).Apply(t.Context(), reverse.Change{Kind: kind, ID: id, Version: 1})
			if dies.committed {
				require.Equal(t, before+1, w.count(tables[kind]), kind)
			} else {
				require.Equal(t, before, w.count(tables[kind]), "%s at step %d", kind, at)
			}
			for range 2 {
				w.apply(kind, id, 1)
			}
			require.Equal(t, before+1, w.count(tables[kind]), kind)
			w.back(kind, id)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errCrash)
			died++
		}
		require.Greater(t, died, 3, kind)
	}
}

// News that comes late, twice, at once or not at all: the row is as the document is.
func TestTheOrderOfTheNews(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 3)
	id := w.owners.ids("categories")[0]
	doc, sourceKey := w.document("categories", id)
	set := func(name string) {
		doc["name"] = name
		w.owners.put(t, "categories", id, sourceKey, doc)
	}
	title := func() (s string) {
		require.NoError(t, w.conn.QueryRow(t.Context(), "SELECT title FROM categories WHERE slug = $1", doc["slug"]).Scan(&s))
		return s
	}
	set("third")
	w.apply("categories", id, 3)
	require.Equal(t, "third", title())
	reads := 0
	w.owners.read = func(string, string) { reads++ }
	w.apply("categories", id, 3)
	w.apply("categories", id, 2)
	require.Zero(t, reads, "what is known is not even read")
	w.owners.read = nil
	// The document has gone on before the news of it comes.
	set("fifth")
	w.apply("categories", id, 4)
	require.Equal(t, "fifth", title())
	w.apply("categories", id, 5)
	require.Equal(t, "fifth", title())
	// Lost news is made up for, and news of before does nothing after that.
	set("ninth")
	require.NoError(t, w.writer.Again(t.Context(), "categories", id))
	require.Equal(t, "ninth", title())
	// Two at once: whoever comes last has read last.
	var both sync.WaitGroup
	set("tenth")
	var once sync.Once
	w.owners.read = func(string, string) {
		once.Do(func() { both.Go(func() { w.apply("categories", id, 11) }); set("eleventh") })
	}
	w.apply("categories", id, 10)
	both.Wait()
	require.Equal(t, "eleventh", title())
	require.Equal(t, 1, w.count("tienda_reverse"))
}

// Many at once make one row.
func TestManyAtOnceMakeOneRow(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 3)
	id := newID()
	w.owners.put(t, "categories", id, "", map[string]any{"slug": "made-here", "name": "Made here", "position": 1})
	before := w.count("categories")
	var all sync.WaitGroup
	for version := range int64(8) {
		all.Go(func() { w.apply("categories", id, 1+version%4) })
	}
	all.Wait()
	require.Equal(t, before+1, w.count("categories"))
	w.back("categories", id)
}

// What the monolith is in charge of is never written.
func TestOnlyWhatTheShopIsInChargeOf(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 3)
	for _, kind := range kinds {
		w.charge[kind] = true
		id := w.owners.ids(kind)[0]
		doc, sourceKey := w.document(kind, id)
		before, _, err := w.owners.Document(t.Context(), kind, id)
		require.NoError(t, err)
		w.owners.put(t, kind, id, sourceKey, map[string]any{"nothing": doc})
		w.apply(kind, id, 9)
		require.NoError(t, w.writer.Again(t.Context(), kind, id))
		w.owners.drop(kind, id)
		w.apply(kind, id, 10)
		key, ok := w.mapping.KeyOf(sourceKey)
		require.True(t, ok)
		now, there := w.forward(w.kind(key.Name), key.Values)
		require.True(t, there)
		require.JSONEq(t, string(before.JSON), string(now))
	}
	require.Zero(t, w.count("tienda_reverse"))
}
