package statestore

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/users/internal/audit"
)

// history writes records of some accounts over some days, the clocks of whose
// writers differ, and gives them newest first.
func history(t *testing.T, a *Audit, n, accounts int, span time.Duration) []audit.Record {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-span)
	kinds := []audit.Kind{audit.SignedIn, audit.SignedIn, audit.SignedIn, audit.SignedOut}
	var all []audit.Record
	for i := range n {
		r := audit.Record{
			ID: fmt.Sprintf("%06d", i), UserID: fmt.Sprint("user ", random.IntN(accounts)), Kind: kinds[random.IntN(len(kinds))],
			At:      start.Add(span * time.Duration(i) / time.Duration(n)).Add(time.Duration(random.IntN(4000)) * time.Millisecond).Truncate(time.Millisecond),
			Address: "203.0.113.7", Intact: true,
		}
		if i%500 == 7 {
			r.Kind = audit.RolesChanged
		}
		require.NoError(t, a.Append(t.Context(), r))
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b audit.Record) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return all
}

func listAll(t *testing.T, list func(audit.Query) ([]audit.Record, string, error), q audit.Query) (out []audit.Record) {
	t.Helper()
	for range 500 {
		page, next, err := list(q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), q.Limit)
		if out = append(out, page...); next == "" {
			return out
		}
		q.Cursor = next
	}
	t.Fatal("the list does not end")
	return nil
}

func only(all []audit.Record, q audit.Query) (out []audit.Record) {
	for _, r := range all {
		if (q.UserID == "" || r.UserID == q.UserID) && (q.Kind == "" || r.Kind == q.Kind) &&
			(q.From.IsZero() || !r.At.Before(q.From)) && (q.To.IsZero() || r.At.Before(q.To)) {
			out = append(out, r)
		}
	}
	return out
}

// Whatever is asked, in pages of whatever size, every record comes once and in
// order, from parts and pages that overlap.
func TestLogOfAll(t *testing.T) {
	a := NewAudit(newWorld(t).db(t))
	all := history(t, a, 1500, 100, 50*time.Hour)
	mid := all[750].At
	for name, q := range map[string]audit.Query{
		"all":          {Limit: 100},
		"small pages":  {Limit: 7, From: mid},
		"rare":         {Limit: 2, Kind: audit.RolesChanged},
		"a while":      {Limit: 50, From: mid.Add(-5 * time.Hour), To: mid},
		"kind in time": {Limit: 20, Kind: audit.SignedOut, To: mid},
		"nothing":      {Limit: 20, Kind: audit.Deleted},
	} {
		t.Run(name, func(t *testing.T) {
			got := listAll(t, func(q audit.Query) ([]audit.Record, string, error) { return a.All(t.Context(), q) }, q)
			require.Equal(t, only(all, q), got)
		})
	}
}

// A quiet year is looked through in some requests, each of 31 days.
func TestLogOfAQuietYear(t *testing.T) {
	w := newWorld(t)
	a := NewAudit(w.db(t))
	old := audit.Record{ID: "old", UserID: "ana", Kind: audit.SignedIn, At: time.Now().UTC().Truncate(time.Millisecond).Add(-300 * 24 * time.Hour), Intact: true}
	require.NoError(t, a.Append(t.Context(), old))
	page, next, err := a.All(t.Context(), audit.Query{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, page)
	require.NotEmpty(t, next)
	got := listAll(t, func(q audit.Query) ([]audit.Record, string, error) { return a.All(t.Context(), q) }, audit.Query{Limit: 10})
	require.Equal(t, []audit.Record{old}, got)
}

func TestTrailOfOne(t *testing.T) {
	a := NewAudit(newWorld(t).db(t))
	all := history(t, a, 2500, 1, 50*time.Hour)
	byOrder := slices.Clone(all) // a trail is in the order in which it was written
	slices.SortFunc(byOrder, func(a, b audit.Record) int { return cmp.Compare(b.ID, a.ID) })
	for name, q := range map[string]audit.Query{
		"all":         {Limit: 100, UserID: "user 0"},
		"small pages": {Limit: 7, UserID: "user 0"},
		"rare":        {Limit: 2, UserID: "user 0", Kind: audit.RolesChanged},
		"before":      {Limit: 50, UserID: "user 0", To: all[1200].At},
	} {
		t.Run(name, func(t *testing.T) {
			got := listAll(t, func(q audit.Query) ([]audit.Record, string, error) { return a.OfUser(t.Context(), q) }, q)
			require.Equal(t, only(byOrder, q), got)
		})
	}
	got := listAll(t, func(q audit.Query) ([]audit.Record, string, error) { return a.OfUser(t.Context(), q) },
		audit.Query{Limit: 50, UserID: "user 0", From: all[1200].At})
	require.InDelta(t, 1201, len(got), 250, "up to the first that is older")
}
