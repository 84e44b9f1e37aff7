package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

// A few seconds of both mixes at a real shop: everybody gets answers, each
// process is told of, and the check finds nothing. Then the same shop as one that
// is only known by its address.
func TestAShopUnderLoad(t *testing.T) {
	o := options{
		profile: "local", rates: []float64{30}, duration: 2 * time.Second, limit: 10 * time.Second, poisson: true, seed: 7, products: 40,
		customers: 10, accounts: 2, cards: 50, warm: time.Second, tail: 500 * time.Millisecond, idle: time.Second, history: 2,
	}
	o.mix = mix{Browse: 40, Cart: 15, Checkout: 10, Orders: 5, Session: 5, Board: 5, Price: 5, Replace: 5, Delivery: 5}
	dir := t.TempDir()
	require.NoError(t, shop.Build(t.Context(), filepath.Join(dir, "bin")))
	s, err := shop.Start(t.Context(), shop.Options{Bin: filepath.Join(dir, "bin"), Dir: filepath.Join(dir, "shop"), Profile: "local"})
	require.NoError(t, err)
	t.Cleanup(s.Stop)

	m, r := start(o)
	require.NoError(t, m.load(t.Context(), o, s, r))
	require.Empty(t, r.Wrong, r.Checked)
	require.Len(t, r.Steps, 1)
	all := r.Steps[0].Rows[0]
	for class := range all.Classes {
		require.False(t, class.bad(), "%v: %s", all.Classes, all.Detail)
	}
	require.Positive(t, r.Orders)
	require.GreaterOrEqual(t, r.Events, r.Orders)
	for _, role := range []string{"gateway", "gateway-d", "catalog-d", "orders", "orders-d", "load generator"} {
		require.Positive(t, r.Steps[0].Cost.Seconds[role], role)
	}

	o.url, o.mix, o.history = s.Gateway, mixes["shop"], 0
	m, r = start(o)
	require.NoError(t, remote(t.Context(), o, m, r))
	require.Empty(t, r.Wrong, r.Checked)
	require.Nil(t, r.Steps[0].Cost)
	require.Contains(t, r.Checked, "stock is not seen")
}
