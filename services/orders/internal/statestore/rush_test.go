package statestore

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/promotion"
)

// A promotion for 100 orders, tried by 1,000 at the same time, on two replicas: 100
// have it.
func TestAPromotionFor100TriedBy1000(t *testing.T) {
	const limit, tries, replicas = 100, 1000, 2
	store := statetest.NewMemory()
	var services [replicas]*promotion.Service
	for i := range services {
		services[i] = promotion.NewService(NewPromotions(state.Open(store, nil, nil)), time.Now)
	}
	db := state.Open(store, nil, nil)
	id := func(i int) string { return fmt.Sprintf("order-%d", i) }
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		for i := range tries {
			if err := orders.Put(tx, id(i), order.Order{ID: id(i), Status: order.Pending}); err != nil {
				return err
			}
		}
		return nil
	}))
	rush := promotion.Promotion{ID: "rush", Rule: promotion.Rule{Limit: limit}}
	var took, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range tries {
		wg.Go(func() {
			ask := promotion.Ask{Order: id(i), Promotions: []promotion.Promotion{rush}}
			for {
				switch err := services[i%replicas].Take(t.Context(), ask); {
				case err == nil:
					took.Add(1)
					return
				case errors.Is(err, promotion.ErrUsedUp):
					refused.Add(1)
					return
				case t.Context().Err() != nil: // what a conflict refuses is tried again
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int32{limit, tries - limit}, []int32{took.Load(), refused.Load()})
	uses, err := NewPromotions(db).Uses(t.Context(), rush.ID)
	require.NoError(t, err)
	require.Equal(t, limit, uses[rush.ID].Count())
}
