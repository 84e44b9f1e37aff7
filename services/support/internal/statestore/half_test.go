package statestore

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// contested opens a store like Redis, whose transactions do not roll back, in
// which each first write of an index meets somebody else's.
func contested(t *testing.T, indexes ...state.Index) *state.DB {
	t.Helper()
	store := statetest.NewMemory()
	store.KeepsHalves = true
	others := state.Open(store, nil, slog.New(slog.DiscardHandler))
	store.BeforeCommit = func(ops []state.Op) error {
		for _, x := range indexes {
			if len(ops) < 2 || !slices.ContainsFunc(ops, func(op state.Op) bool { return op.Key == x.Key() }) {
				continue
			}
			indexes = slices.DeleteFunc(slices.Clone(indexes), func(y state.Index) bool { return y == x })
			require.NoError(t, others.Update(t.Context(), func(tx *state.Tx) error { return x.Append(tx, "o/other") }))
		}
		return nil
	}
	return state.Open(store, &event.Memory{}, slog.New(slog.DiscardHandler))
}

func list1(t *testing.T, s *Returns, q rma.Query) []rma.Return {
	t.Helper()
	got, err := s.List(t.Context(), q, "", 10)
	require.NoError(t, err)
	return got.Items
}

// A return whose document came through and whose list did not is made once, is
// listed, and is refunded.
func TestReturnKeptInPart(t *testing.T) {
	s := NewReturns(contested(t, allReturns, returnsOf("ana"), unrefunded))
	r := rma.Return{ID: "r", OrderID: "o", CustomerID: "ana", Lines: []rma.Line{{SKU: "A", Quantity: 1}}}
	o, err := s.Change(t.Context(), "o", func(o *rma.OfOrder) error { return o.Request(r, map[string]int{"A": 1}) })
	require.NoError(t, err)
	require.Len(t, o.Returns, 1)
	require.Len(t, list1(t, s, rma.Query{}), 1)
	require.Len(t, list1(t, s, rma.Query{CustomerID: "ana"}), 1)

	for _, step := range []func(*rma.OfOrder) error{
		func(o *rma.OfOrder) error { return o.Approve("r", 0, rma.Label{}, now) },
		func(o *rma.OfOrder) error { return o.Receive("r", 0, nil, now) },
	} {
		_, err = s.Change(t.Context(), "o", step)
		require.NoError(t, err)
	}
	waiting, err := s.Unrefunded(t.Context())
	require.NoError(t, err)
	require.Len(t, waiting, 1, "its refund is not forgotten")
	_, err = s.Change(t.Context(), "o", func(o *rma.OfOrder) error { return o.Refunded("r", money.New(1, "EUR"), now) })
	require.NoError(t, err)
	waiting, err = s.Unrefunded(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
}

func TestTicketKeptInPart(t *testing.T) {
	s := NewTickets(contested(t, allTickets))
	made, err := create(t, s, "ana")
	require.NoError(t, err)
	require.Equal(t, int64(1), made.Version)
	got, err := s.List(t.Context(), ticket.Query{}, "", 10)
	require.NoError(t, err)
	require.Len(t, got.Items, 1)
}
