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

// skewed is a store that was read before and after the first step of another
// try: no order yet, and a cart that has given its lines to it.
type skewed struct{ Store }

func (skewed) Begin(_ context.Context, _ shopper.Shopper, orderID string, fn func(*order.Order, *cart.Cart) (Begun, error)) error {
	c := &cart.Cart{Lines: []cart.Line{{SKU: "A", Quantity: 1}}}
	if _, _, err := c.GiveTo(orderID, time.Now()); err != nil {
		return err
	}
	_, err := fn(nil, c)
	return err
}

// Two tries of one key at the same moment: neither is told that the cart is
// empty, since it is their own order that has it.
func TestTwoTriesAtOnce(t *testing.T) {
	s := NewService(skewed{}, nil, nil, nil, nil, nil)
	who := shopper.Shopper{User: "ana"}
	_, _, err := s.Submit(t.Context(), who, Request{Key: "key-of-ana"})
	require.ErrorIs(t, err, ErrInProgress)
}
