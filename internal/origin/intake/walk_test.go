package intake_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// A walk gives every ID once, the parts by number, in batches of about 100.
func TestWalk(t *testing.T) {
	store := statetest.NewMemory()
	k := kind(store)
	sizes := map[string]int{"9": 3, "10": 100, "11": 60, "12": 30, "120": 250, "121": 0}
	all := 0
	for part, n := range sizes {
		all += n
		docs := []intake.Incoming{in("gone-"+part, 1, "x"), in("gone-"+part, 2, "")}
		for i := range n {
			docs = append(docs, in(fmt.Sprintf("%s-%03d", part, i), 1, "x"))
		}
		_, err := k.Take(t.Context(), part, docs)
		require.NoError(t, err)
	}
	for i := range 15 { // parts that are empty
		_, err := k.Take(t.Context(), fmt.Sprint(1000+i), []intake.Incoming{in("none", 1, "x"), in("none", 2, "")})
		require.NoError(t, err)
	}
	db := state.Open(store, nil, slog.New(slog.DiscardHandler))
	seen := map[string]bool{}
	var batches [][]string
	for from := (&intake.Mark{}); from != nil; {
		require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
			ids, next, err := intake.Walk(tx, "notes", *from)
			require.LessOrEqual(t, len(ids), 100)
			for _, id := range ids {
				require.False(t, seen[id], id)
				seen[id] = true
			}
			if len(ids) > 0 {
				batches = append(batches, ids)
			}
			from = next
			return err
		}))
	}
	require.Len(t, seen, all)
	var got [][2]string
	for _, ids := range batches {
		got = append(got, [2]string{ids[0], ids[len(ids)-1]})
	}
	require.Equal(t, [][2]string{{"120-000", "120-099"}, {"120-100", "120-199"}, {"120-200", "12-029"}, {"11-000", "11-059"}, {"10-000", "10-099"}, {"9-000", "9-002"}}, got)

	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
		ids, next, err := intake.Walk(tx, "others", intake.Mark{})
		require.Empty(t, ids)
		require.Nil(t, next)
		return err
	}))
}
