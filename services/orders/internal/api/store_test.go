package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// counting counts the calls to the store.
type counting struct {
	state.Store
	mu            sync.Mutex
	gets, commits int
}

func (c *counting) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	c.mu.Lock()
	c.gets++
	c.mu.Unlock()
	return c.Store.Get(ctx, keys...)
}

func (c *counting) Commit(ctx context.Context, ops ...state.Op) error {
	c.mu.Lock()
	c.commits++
	c.mu.Unlock()
	return c.Store.Commit(ctx, ops...)
}

// The state calls that the comments at the handlers state.
func TestCallsOfEachRequest(t *testing.T) {
	s := newShop(t)
	c := &counting{Store: s.store}
	s.db = c
	s = s.restarted(t)
	h := s.guest(t, coffee, 1)
	var o orderDoc
	steps := []struct {
		what          string
		do            func()
		gets, commits int
	}{
		{"put an item", func() { s.put(t, caller.Caller{}, h, tea, 1) }, 1, 1},
		{"put the same again", func() { s.put(t, caller.Caller{}, h, tea, 1) }, 1, 0},
		{"read the cart", func() { s.cart(t, caller.Caller{}, h) }, 1, 0},
		{"checkout", func() { o = s.ordered(t, s.submit(t, caller.Caller{}, h, "guest-key", guestCash), 201) }, 2, 2},
		{"its repeat", func() { s.ordered(t, s.submit(t, caller.Caller{}, h, "guest-key", guestCash), 201) }, 1, 0},
		{"read the order", func() { s.Do(t, request("GET", "/v1/orders/"+o.ID, asAgent, nil)) }, 1, 0},
		{"ship", func() { s.step(t, asAgent, nil, o.ID, "ship", nil) }, 1, 1},
		{"ship again", func() { s.step(t, asAgent, nil, o.ID, "ship", nil) }, 1, 0},
		{"list", func() { r := request("GET", "/v1/orders", caller.Caller{}, nil); r.Header = h; s.Do(t, r) }, 2, 0},
		{"nobody's cart", func() { s.cart(t, caller.Caller{}, nil) }, 0, 0},
	}
	for _, st := range steps {
		c.gets, c.commits = 0, 0
		st.do()
		require.Equal(t, [2]int{st.gets, st.commits}, [2]int{c.gets, c.commits}, st.what)
	}
}

// halves is a store whose transactions do not roll back: a stale ETag leaves
// the other keys written, as Redis behind Dapr does.
type halves struct{ state.Store }

func (h halves) Commit(ctx context.Context, ops ...state.Op) error {
	var errs []error
	for _, op := range ops {
		errs = append(errs, h.Store.Commit(ctx, op))
	}
	return errors.Join(errs...)
}

// Submits of one cart with keys of their own, and changes of the cart beside
// them, over a store that does not roll back: still one order, and no other
// order document that says it was bought.
func TestOneCartOneOrderWithoutRollback(t *testing.T) {
	s := newShop(t)
	s.db = halves{s.store}
	s = s.restarted(t)
	for round := range 10 {
		s.put(t, asAna, nil, coffee, 2)
		var wg sync.WaitGroup
		statuses := make([]int, 4)
		for i := range statuses {
			wg.Go(func() { statuses[i] = s.submit(t, asAna, nil, fmt.Sprintf("key-of-ana-%d-%d", round, i), cash).Status })
		}
		wg.Wait()
		require.ElementsMatch(t, []int{201, 409, 409, 409}, statuses)
		require.Len(t, s.listed(t, asAna), round+1)
		require.Equal(t, 100-2*(round+1), s.catalog.stock[coffee])
		require.Len(t, s.events.Types(), round+1)
	}
}

// A checkout is refused on a store that does not roll back, and the cart's half
// of that is lost once: the lines come back all the same.
func TestRefusedLinesComeBackWithoutRollback(t *testing.T) {
	s := newShop(t)
	s.db = halves{s.store}
	s = s.restarted(t)
	s.put(t, asAna, nil, coffee, 101) // one more than there is
	carts := 0
	s.store.BeforeCommit = func(ops []state.Op) error {
		if strings.HasPrefix(ops[0].Key, "cart:") {
			if carts++; carts == 2 { // the first gives the lines, the second takes them back
				return statetest.ErrConflict
			}
		}
		return nil
	}
	require.Equal(t, 422, s.submit(t, asAna, nil, "key-of-ana-refused", cash).Status)
	require.GreaterOrEqual(t, carts, 2)
	lines := s.cart(t, asAna, nil).Lines
	require.Len(t, lines, 1)
	require.Equal(t, 101, lines[0].Quantity)
}
