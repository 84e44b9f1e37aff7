package checkout

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// held is a store whose first answer takes so long that another try of the same
// key has refused the order when Begin runs again: its lines are back in the cart.
type held struct {
	Store
	put *order.Order // by the second run
}

func (h *held) Begin(_ context.Context, _ shopper.Shopper, orderID string, fn func(*order.Order, *cart.Cart) (Begun, error)) error {
	now := time.Now()
	c := &cart.Cart{Lines: []cart.Line{{SKU: "A", Quantity: 1}}}
	first, err := fn(nil, c)
	if err != nil {
		return err
	}
	o := *first.Put
	if err := o.Refuse(ErrCart, now); err != nil {
		return err
	}
	c.TakeBack(orderID, linesOf(&o), nil, now)
	again, err := fn(&o, c)
	h.put = again.Put
	return err
}

// A checkout that was held up does not begin its order anew once another try of
// its key has ended it: it answers as that one did.
func TestHeldUpCheckoutLeavesAnEndedOrder(t *testing.T) {
	store := &held{}
	s := NewService(store, nil, nil, nil, nil, nil)
	who := shopper.Shopper{User: "ana"}
	_, replayed, err := s.Submit(t.Context(), who, Request{
		Key: "key-of-ana", Fingerprint: "f", Email: "ana@example.com", Currency: "EUR", Address: &order.Address{},
	})
	require.Nil(t, store.put, "the order is as it is")
	require.True(t, replayed)
	require.ErrorContains(t, err, ErrCart.Code)
}
