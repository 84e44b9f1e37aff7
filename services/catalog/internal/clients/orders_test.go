package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/catalog/internal/inventory"
)

// answers plays the sidecar.
type answers struct {
	call sidecar.Call
	body string
	err  error
}

func (a *answers) Invoke(_ context.Context, c sidecar.Call) error {
	a.call = c
	if a.err != nil {
		return a.err
	}
	return json.Unmarshal([]byte(a.body), c.Out)
}

func TestStand(t *testing.T) {
	side := &answers{body: `{"items":[{"id":"a","status":"confirmed"},{"id":"b","status":"cancelled"},{"id":"c","status":"pending"},
		{"id":"d","status":"shipped"},{"id":"e","status":"delivered"},{"id":"f","status":"new in a later version"}]}`}
	got, err := NewOrders(side).Stand(t.Context(), []string{"a", "b", "c", "d", "e", "f", "g"})
	require.NoError(t, err)
	require.Equal(t, map[string]inventory.Standing{
		"a": inventory.Bought, "b": inventory.Dead, "c": inventory.Undecided, "d": inventory.Bought,
		"e": inventory.Bought, "f": inventory.Undecided, "g": inventory.Dead,
	}, got)
	require.Equal(t, "orders", side.call.App)
	c, err := contract.Load(contracts.FS, "orders")
	require.NoError(t, err)
	_, ok := c.Operation(http.MethodPost, side.call.Path)
	require.True(t, ok, "orders has no such route")

	// Orders that cannot be asked says nothing about any order.
	side.err = fault.New(fault.Unavailable, "orders_unavailable", "away")
	got, err = NewOrders(side).Stand(t.Context(), []string{"a"})
	require.Error(t, err)
	require.Empty(t, got)
}
