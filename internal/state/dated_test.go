package state_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// Dated IDs are in the order of their times, each once, and stay when the list that they
// are beside grows by a page.
func TestDatedIDs(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	x := state.Index{Name: "x"}
	at := func(day int) time.Time { return time.Date(2019, 4, day, 0, 0, 0, 0, time.UTC) }
	set := func(out []string, in ...state.Dated) (there []string) {
		require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) (err error) { there, err = x.SetDated(tx, out, in); return err }))
		return there
	}
	listed := func() (ids []string) {
		require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
			all, err := x.Dated(tx)
			for _, d := range all {
				ids = append(ids, d.ID)
			}
			return err
		}))
		return ids
	}
	require.Empty(t, set(nil, state.Dated{ID: "b", At: at(2)}, state.Dated{ID: "c", At: at(3)}))
	set(nil, state.Dated{ID: "a", At: at(1)}, state.Dated{ID: "b", At: at(2)})
	require.Equal(t, []string{"a", "b", "c"}, listed())
	set(nil, state.Dated{ID: "a", At: at(9)})
	require.Equal(t, []string{"b", "c", "a"}, listed(), "it has another time")
	for n := range 250 {
		require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return x.Append(tx, fmt.Sprint(n)) }))
	}
	require.Equal(t, []string{"b", "c", "a"}, listed())
	require.Equal(t, []string{"c"}, set([]string{"c", "never"}))
	require.Equal(t, []string{"b", "a"}, listed())
	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
		ids, next, err := x.List(tx, state.Position{}, 300)
		require.Len(t, ids, 250)
		require.Nil(t, next)
		return err
	}))
}
