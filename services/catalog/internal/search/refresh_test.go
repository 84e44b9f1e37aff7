package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// hooked runs something when the products have been read, and before the
// model has them.
type hooked struct {
	*shelf
	index, load func(ctx context.Context, ids []string) error
}

func (h *hooked) Index(ctx context.Context) ([]Bucket, product.Categories, error) {
	b, c, err := h.shelf.Index(ctx)
	if h.index != nil {
		err = errors.Join(err, h.index(ctx, nil))
	}
	return b, c, err
}

func (h *hooked) Load(ctx context.Context, ids []string) ([]Loaded, error) {
	out, err := h.shelf.Load(ctx, ids)
	if h.load != nil {
		err = errors.Join(err, h.load(ctx, ids))
	}
	return out, err
}

func hook(t *testing.T) (*Model, *hooked) {
	t.Helper()
	m, s := model(t)
	h := &hooked{shelf: s}
	m.source = h
	return m, h
}

// soon fails if f waits for something.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it waits for the store")
	}
}

// What this replica changes while the store is read is shown at once, and what
// was read before it does not undo it; the next refresh makes all right.
func TestOwnChangesDuringARefresh(t *testing.T) {
	for _, when := range []string{"index", "load"} {
		t.Run(when, func(t *testing.T) {
			m, h := hook(t)
			own := func(context.Context, []string) error {
				h.index, h.load = nil, nil
				p := h.held["1"].Product
				p.Name = "Own"
				h.put(p, true)
				delete(h.held, "2")
				delete(h.marks, "2")
				h.version++
				h.put(h.held["3"].Product, false)
				fresh := thing("9", "Fresh", "x", 1, 0)
				h.put(fresh, true)
				fresh.Version = 1
				soon(t, func() {
					m.Show(h.held["1"].Product)
					m.Hide("2")
					m.ShowStock("SKU-3", inventory.Availability{InStock: false})
					m.Show(fresh)
					m.ShowCategories(product.Categories{{Slug: "own", Name: "Own"}})
				})
				return nil
			}
			h.put(h.held["1"].Product, true) // so that there is something to load
			draft := h.held["4"].Product
			draft.Status = product.Draft
			h.put(draft, true)
			if when == "index" {
				h.index = own
			} else {
				h.load = own
			}
			require.NoError(t, m.Refresh(t.Context()))
			check := func() {
				t.Helper()
				require.Equal(t, "Own", m.Detail("1").Product.Name)
				require.Nil(t, m.Detail("2"))
				require.False(t, m.Detail("3").AnyInStock())
				require.NotNil(t, m.Detail("9"))
				require.Nil(t, m.Detail("4"), "what another replica changed is shown all the same")
			}
			check()
			require.Equal(t, "own", m.Categories()[0].Slug)
			require.NoError(t, m.Refresh(t.Context()))
			check()
			require.True(t, m.Detail("9").AnyInStock(), "read again")
			require.NotEqual(t, "own", m.Categories()[0].Slug)
		})
	}
}

// What another replica removes right after this one changed it goes, too.
func TestOwnChangeThenGone(t *testing.T) {
	m, h := hook(t)
	h.index = func(context.Context, []string) error {
		m.Show(h.held["1"].Product)
		return nil
	}
	require.NoError(t, m.Refresh(t.Context()))
	h.index = nil
	delete(h.held, "1")
	delete(h.marks, "1")
	h.version++
	require.NoError(t, m.Refresh(t.Context()))
	require.Nil(t, m.Detail("1"))
}

// A product that this replica has made, and that another one has removed before any
// refresh saw it in the index, goes at the next one, however that begins.
func TestOwnProductGoneBeforeItWasSeen(t *testing.T) {
	for _, during := range []bool{false, true} {
		m, h := hook(t)
		fresh := thing("9", "Fresh", "x", 1, 0)
		if during {
			h.load = func(context.Context, []string) error { m.Show(fresh); return nil }
		} else {
			m.Show(fresh)
			h.index = func(context.Context, []string) error { h.index = nil; return errors.New("away") }
			require.Error(t, m.Refresh(t.Context()))
		}
		h.put(h.held["1"].Product, true) // so that there is something to load
		if !during {
			require.NotNil(t, m.Detail("9"), "the store did not answer")
		}
		require.NoError(t, m.Refresh(t.Context()))
		h.load = nil
		require.NoError(t, m.Refresh(t.Context()))
		require.Nil(t, m.Detail("9"))
	}
}

// A SKU that looks as it should is not left to what a refresh read before.
func TestSameStockDuringARefresh(t *testing.T) {
	m, h := hook(t)
	h.put(h.held["1"].Product, false)
	h.load = func(context.Context, []string) error { // sold out by another replica, back by this one
		h.load = nil
		h.put(h.held["1"].Product, true)
		m.ShowStock("SKU-1", inventory.Availability{InStock: true})
		return nil
	}
	require.NoError(t, m.Refresh(t.Context()))
	require.True(t, m.Detail("1").AnyInStock())
}

// A store that hangs ends a turn and holds up no one.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := hook(t)
		h.index = func(ctx context.Context, _ []string) error { <-ctx.Done(); return ctx.Err() }
		begun := time.Now()
		done := make(chan error, 1)
		go func() { done <- m.Refresh(context.Background()) }()
		synctest.Wait()
		m.Hide("1")
		m.ShowStock("SKU-2", inventory.Availability{InStock: true})
		require.Nil(t, m.Detail("1"))
		require.True(t, m.Detail("2").AnyInStock())
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.Equal(t, turnLimit, time.Since(begun))
	})
}

// A turn that ends too soon keeps what it has read, and the next goes on.
func TestRefreshGoesOn(t *testing.T) {
	m, h := hook(t)
	for i := range 3 * loadBatch {
		h.put(thing(fmt.Sprintf("n%03d", i), "n", "x", 1, 1), true)
	}
	batches := 0
	h.load = func(context.Context, []string) error {
		if batches++; batches == 3 {
			return context.DeadlineExceeded
		}
		return nil
	}
	require.Error(t, m.Refresh(t.Context()))
	shown := m.index.Len()
	require.GreaterOrEqual(t, shown, 2*loadBatch)
	h.load, h.loaded = nil, nil
	require.NoError(t, m.Refresh(t.Context()))
	require.Equal(t, 3*loadBatch+4, m.index.Len())
	slices.Sort(h.loaded)
	require.LessOrEqual(t, len(slices.Compact(h.loaded)), loadBatch+2*sweepStep)
}

// Whoever asks a replica that has just started waits until it knows what there
// is; if that takes too long, the answer is no, and never "there is none".
func TestAskedBeforeItIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := model(t)
		m := New(source, func(*Entry, string, time.Time) ([]byte, time.Time) { return nil, time.Time{} })
		began := time.Now()
		require.Equal(t, fault.Unavailable, fault.KindOf(m.Wait(t.Context())))
		require.Equal(t, patience, time.Since(began))
		time.AfterFunc(time.Second, func() { _ = m.Refresh(context.Background()) })
		began = time.Now()
		require.NoError(t, m.Wait(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, m.Refresh(t.Context()))
		require.NoError(t, m.Wait(t.Context()))
		require.NoError(t, m.Ready(t.Context()))
	})
}
