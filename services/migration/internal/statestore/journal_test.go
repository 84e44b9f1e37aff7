package statestore_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/statestore"
)

func journal() *statestore.Journal {
	return statestore.NewJournal(state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler)))
}

func TestRunAndPlan(t *testing.T) {
	j := journal()
	r, err := j.Run(t.Context())
	require.NoError(t, err)
	require.Zero(t, r)
	want := move.Run{Phase: progress.Following, Since: time.Now().UTC(), Began: true, Position: 1 << 50}
	require.NoError(t, j.SaveRun(t.Context(), want))
	r, err = j.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, r)

	p, err := j.Plan(t.Context(), "orders")
	require.NoError(t, err)
	require.Nil(t, p)
	plan := move.Plan{Kind: "orders", Bounds: [][]any{{int64(1<<62 + 1), "a"}, {int64(1<<62 + 3), "b"}}, Done: []bool{true, false, true}, Rows: 9, Copied: 3}
	require.NoError(t, j.SavePlan(t.Context(), plan))
	p, err = j.Plan(t.Context(), "orders")
	require.NoError(t, err)
	require.Equal(t, plan, *p, "keys come back as they were, however large")
	require.NoError(t, j.DropPlan(t.Context(), "orders"))
	p, err = j.Plan(t.Context(), "orders")
	require.NoError(t, err)
	require.Nil(t, p)
}

func TestRejects(t *testing.T) {
	j := journal()
	var all []progress.Reject
	for n := range 7 {
		kind := "orders"
		if n%2 == 1 {
			kind = "users"
		}
		all = append(all, progress.Reject{
			ID: fmt.Sprint("id", n), Kind: kind, Key: fmt.Sprintf("%s:%d", kind, n), Code: "c", Fields: []fault.Field{{Name: "/a", Reason: "b"}}, Tries: 1,
		})
	}
	require.NoError(t, j.AddRejects(t.Context(), all...))
	require.NoError(t, j.AddRejects(t.Context(), all[0]))
	kinds, err := j.Rejected(t.Context())
	require.NoError(t, err)
	require.Len(t, kinds, 7)
	require.Equal(t, "users", kinds["id1"])

	var ids []string
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := j.Rejects(t.Context(), "orders", 2, cursor)
		require.NoError(t, err)
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	require.Equal(t, []string{"id0", "id2", "id4", "id6"}, ids)
	page, _, err := j.Rejects(t.Context(), "", 1, "")
	require.NoError(t, err)
	require.Equal(t, 2, page[0].Tries)

	require.NoError(t, j.DropRejects(t.Context(), "id0", "id1", "none"))
	page, next, err := j.Rejects(t.Context(), "", 100, "")
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, page, 5)
}

func TestReport(t *testing.T) {
	j := journal()
	r, err := j.Report(t.Context())
	require.NoError(t, err)
	require.Nil(t, r)
	want := progress.Report{Verdict: progress.Verdict{Equal: true, Compared: 3}, Kinds: []progress.KindReport{{Kind: "orders"}}, Different: []progress.Difference{}}
	require.NoError(t, j.SaveReport(t.Context(), want))
	r, err = j.Report(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, *r)
}
