package statestore_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/statestore"
)

func TestUnwritten(t *testing.T) {
	u := statestore.NewUnwritten(state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler)))
	all, err := u.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, []reverse.Unwritten{}, all)
	at := time.Date(2024, 5, 5, 5, 5, 5, 0, time.UTC)
	first := reverse.Unwritten{Kind: "users", ID: "b", Version: 7, Reason: "too long", Tries: 1, Since: at}
	require.NoError(t, u.Add(t.Context(), first))
	require.NoError(t, u.Add(t.Context(), reverse.Unwritten{Kind: "orders", ID: "a", Tries: 1, Since: at}))
	require.NoError(t, u.Add(t.Context(), reverse.Unwritten{Kind: "users", ID: "b", Version: 3, Reason: "no row", Tries: 1, Since: at.Add(time.Hour)}))
	all, err = u.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, reverse.Unwritten{Kind: "users", ID: "b", Version: 7, Reason: "no row", Tries: 2, Since: at}, all[1], "one for each document, since its first try")
	require.NoError(t, u.Drop(t.Context(), "users", "b"))
	require.NoError(t, u.Drop(t.Context(), "users", "never"))
	all, err = u.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", all[0].ID)
	require.Len(t, all, 1)
}
