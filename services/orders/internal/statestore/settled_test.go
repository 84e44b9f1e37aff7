package statestore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
	"tienda/services/orders/internal/terms"
)

var errAway = errors.New("away")

// shelf is a catalog that has everything, unless it is away.
type shelf struct{ away bool }

func (c *shelf) Reserve(_ context.Context, _, currency string, lines []order.Line) ([]order.Line, error) {
	if c.away {
		return nil, errAway
	}
	for i := range lines {
		price := money.New(100, currency)
		lines[i].UnitPrice = &price
	}
	return lines, nil
}

type deaf struct{}

func (deaf) Publish(context.Context, []byte) error { return nil }

// replica runs a DB with an outbox, until the function that it gives is called.
func replica(store state.Store) (*state.DB, func()) {
	db := state.OpenOutbox(store, deaf{}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = db.Start(ctx, 0)
		close(done)
	}()
	return db, func() { stop(); <-done }
}

// A replica could neither settle an order nor note that it was left, and another
// one has settled it: then it is no work of the first one any more.
func TestOrderThatAnotherReplicaHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, catalog := statetest.NewMemory(), &shelf{away: true}
		var noList atomic.Bool
		store.BeforeCommit = func(ops []state.Op) error {
			if noList.Load() && slices.ContainsFunc(ops, func(op state.Op) bool { return op.Key == unsettled.Key() }) {
				return errAway
			}
			return nil
		}
		first, stopFirst := replica(store)
		other, stopOther := replica(store)
		who := shopper.Shopper{User: "ana"}
		_, err := NewCarts(first).Update(t.Context(), who, func(c *cart.Cart) error { return c.Set("A", 1, time.Now()) })
		require.NoError(t, err)

		noList.Store(true)
		mine := checkout.NewService(NewCheckouts(first), nil, catalog, terms.NewModel(NewPromotions(first), time.Now), nil, nil)
		request := checkout.Request{
			Key: "key-of-ana", Fingerprint: "f", Email: "ana@example.com", Currency: "EUR", Address: &order.Address{},
		}
		_, _, err = mine.Submit(t.Context(), who, request)
		require.ErrorIs(t, err, errAway)
		require.Equal(t, 1, first.OutboxStats().Backlog)
		noList.Store(false)

		time.Sleep(15 * time.Second)
		catalog.away = false
		o, _, err := checkout.NewService(NewCheckouts(other), nil, catalog, terms.NewModel(NewPromotions(other), time.Now), nil, nil).Submit(t.Context(), who, request)
		require.NoError(t, err)
		require.Equal(t, order.Confirmed, o.Status)
		require.NoError(t, mine.Recover(t.Context()))
		time.Sleep(5 * time.Second)
		require.Zero(t, first.OutboxStats().Backlog)
		require.Empty(t, store.Keys("outbox:entry:"))
		stopFirst()
		stopOther()
	})
}
