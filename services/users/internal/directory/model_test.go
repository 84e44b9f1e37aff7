package directory

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// book is a Source with pages of 100 and what is remembered of changes.
type book struct {
	shards  []Shard
	closed  [][]string // of the only shard
	entries map[string]Entry
	loads   int
	fail    error
}

func newBook() *book { return &book{shards: make([]Shard, 1), entries: map[string]Entry{}} }

func (b *book) put(e Entry) {
	s := &b.shards[0]
	if _, there := b.entries[e.ID]; !there {
		if len(s.Newest) == 100 {
			b.closed, s.Newest, s.Closed = append(b.closed, s.Newest), nil, s.Closed+1
		}
		s.Newest = append(s.Newest, e.ID)
	}
	b.entries[e.ID] = e
	b.touch(e.ID)
}

func (b *book) touch(id string) {
	s := &b.shards[0]
	s.Changes++
	s.Recent = append(s.Recent, id)
	s.Recent = slices.Clone(s.Recent[max(0, len(s.Recent)-64):])
}

func (b *book) Shards(context.Context) ([]Shard, error) { return slices.Clone(b.shards), b.fail }

func (b *book) Page(_ context.Context, _, from, to int) ([]string, error) {
	return slices.Concat(b.closed[from:to]...), b.fail
}

func (b *book) Load(_ context.Context, ids []string) (out []Entry, err error) {
	b.loads += len(ids)
	for _, id := range ids {
		if e, ok := b.entries[id]; ok {
			out = append(out, e)
		}
	}
	return out, b.fail
}

func person(n int) Entry {
	return Entry{
		ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(fmt.Sprint(n))).String(), Email: fmt.Sprintf("person.%d@example.com", n),
		Name: fmt.Sprintf("Ñandú García %d", n), Roles: []caller.Role{caller.Customer}, CreatedAt: noon.Add(time.Duration(n) * time.Millisecond),
	}
}

func names(t *testing.T, m *Model, q Query) (out []string) {
	t.Helper()
	for {
		found, next, err := m.List(t.Context(), q)
		require.NoError(t, err)
		for _, e := range found {
			out = append(out, e.Name)
		}
		if next == "" {
			return out
		}
		q.Cursor = next
	}
}

func TestModelFollowsTheStore(t *testing.T) {
	b := newBook()
	for n := range 250 {
		b.put(person(n))
	}
	m := New(b)
	require.NoError(t, m.Refresh(t.Context()))
	all := names(t, m, Query{Limit: 7})
	require.Len(t, all, 250)
	require.Equal(t, []string{"Ñandú García 249", "Ñandú García 0"}, []string{all[0], all[249]}, "newest first, over all pages")

	b.loads = 0
	require.NoError(t, m.Refresh(t.Context()))
	require.Zero(t, b.loads, "nothing new, nothing read")
	changed := person(3)
	changed.Name, changed.Disabled, changed.Roles = "Otra", true, []caller.Role{caller.Customer, caller.Admin}
	b.put(changed)
	gone := person(5)
	delete(b.entries, gone.ID)
	b.touch(gone.ID)
	b.put(person(250))
	require.NoError(t, m.Refresh(t.Context()))
	require.Equal(t, 3, b.loads)
	yes, no := true, false
	require.Equal(t, []string{"Otra"}, names(t, m, Query{Disabled: &yes}))
	require.Equal(t, []string{"Otra"}, names(t, m, Query{Role: caller.Admin, Text: "PERSON.3@"}))
	require.Empty(t, names(t, m, Query{Role: caller.SupportAgent}))
	require.Len(t, names(t, m, Query{Disabled: &no, Limit: 100}), 249)
	require.Empty(t, names(t, m, Query{Text: "person.5@"}))

	// More changes than the store remembers: everything is read again.
	for n := range 200 {
		e := person(n + 6)
		e.Name = fmt.Sprint("neu ", n)
		b.put(e)
	}
	require.NoError(t, m.Refresh(t.Context()))
	require.Len(t, names(t, m, Query{Text: "neu"}), 200)
}

func TestText(t *testing.T) {
	b := newBook()
	e := person(1)
	b.put(e)
	m := New(b)
	require.NoError(t, m.Refresh(t.Context()))
	for _, hit := range []string{"ñandú", "GARCÍA ñand", "1@example", e.ID[:8], e.ID, "  garcía  "} {
		require.Len(t, names(t, m, Query{Text: hit}), 1, hit)
	}
	for _, miss := range []string{"garcía z", e.ID[1:9] + "0", e.ID[:8] + " garcía", "0@example"} {
		require.Empty(t, names(t, m, Query{Text: miss}), miss)
	}
	found, _, err := m.List(t.Context(), Query{})
	require.NoError(t, err)
	require.Equal(t, e, found[0], "what comes out is what went in")
}

// A refresh that failed in the middle is made up for by the next.
func TestFailedRefresh(t *testing.T) {
	b := newBook()
	b.put(person(1))
	m := New(b)
	b.fail = fault.New(fault.Unavailable, "away", "Away.")
	require.Error(t, m.Refresh(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := m.List(ctx, Query{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "a list that was never read is not an empty one")
	b.fail = nil
	require.NoError(t, m.Refresh(t.Context()))
	require.Len(t, names(t, m, Query{}), 1)
}

// The figures of docs/adr/0013.
func TestHundredThousand(t *testing.T) {
	const n = 100_000
	b := newBook()
	for i := range n {
		b.put(person(i))
	}
	m := New(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	require.NoError(t, m.Refresh(t.Context()))
	filled := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / n
	require.Less(t, each, 500.0, "bytes an account")
	start = time.Now()
	found, _, err := m.List(t.Context(), Query{Text: "person.0@"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	t.Logf("%.0f bytes an account; filled in %s, searched in %s", each, filled, time.Since(start))
	runtime.KeepAlive(b)
}
