package statestore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/services/support/internal/rma"
)

// Policies begin as the defaults and are replaced under their version; a return
// that they approve is found like any other.
func TestPolicies(t *testing.T) {
	db, _, events := open(t)
	s := NewReturns(db)
	is, err := s.Policies(t.Context())
	require.NoError(t, err)
	require.Equal(t, rma.DefaultPolicies(), is)
	is.Default.Automatic = &rma.Automatic{Reasons: []rma.Reason{rma.Damaged}, UpTo: []money.Money{money.New(100, "EUR")}}
	_, err = s.SetPolicies(t.Context(), is, 2)
	require.ErrorIs(t, err, rma.ErrPoliciesVersion)
	set, err := s.SetPolicies(t.Context(), is, 1)
	require.NoError(t, err)
	require.Equal(t, int64(2), set.Version)
	got, err := s.Policies(t.Context())
	require.NoError(t, err)
	require.Equal(t, set, got)

	order := rma.Order{ID: "o", Currency: "EUR", Bought: map[string]int{"LAMP": 1}, Sold: map[string]rma.Sold{"LAMP": {Paid: 100}}}
	r := rma.Return{ID: "r", OrderID: "o", CustomerID: "ana", Lines: []rma.Line{{SKU: "LAMP", Quantity: 1, Reason: rma.Damaged}}}
	_, err = s.Open(t.Context(), "o", func(o *rma.OfOrder, p rma.Policies) error { return o.Open(r, order, p, false, now) })
	require.NoError(t, err)
	found, err := s.Get(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, rma.Approved, found.Status)
	for _, q := range []rma.Query{{}, {CustomerID: "ana"}, {Status: rma.Approved}} {
		page, err := s.List(t.Context(), q, "", 10)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
	}
	require.Equal(t, []string{"tienda.support.return_approved"}, events.Types())
}
