package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// away is a store that can be gone, and counts what it is asked.
type away struct {
	*statetest.Memory
	gone bool
	asks int
}

func (a *away) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	a.asks++
	if a.gone {
		return nil, errors.New("gone")
	}
	return a.Memory.Get(ctx, keys...)
}

// An app is not ready before its store has answered, and then does not ask it again.
func TestReadyOnceTheStoreHasAnswered(t *testing.T) {
	store := &away{Memory: statetest.NewMemory(), gone: true}
	check := answered(state.Open(store, nil, slog.New(slog.DiscardHandler)))
	require.ErrorContains(t, check(t.Context()), "the store has not answered yet")
	store.gone = false
	require.NoError(t, check(t.Context()))
	asked := store.asks
	store.gone = true
	require.NoError(t, check(t.Context()))
	require.Equal(t, asked, store.asks)
}
