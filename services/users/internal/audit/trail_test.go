package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func record(n int) Record {
	return Record{
		ID: fmt.Sprint(n), At: noon.Add(time.Duration(n) * time.Second), Kind: SignedIn, ActorID: "ana", Session: "s",
		Address: "203.0.113.7", Agent: "curl", Note: "a note", Detail: map[string]string{"b": "2", "a": "1"},
	}
}

// stored is what comes back from a store.
func stored[T any](t *testing.T, v T) T {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var out T
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

// fill appends n records and gives the closed pages.
func fill(t *testing.T, tr *Trail, n int) (closed []Page) {
	t.Helper()
	for i := range n {
		number, p, err := tr.Append(record(i))
		require.NoError(t, err)
		if p != nil {
			closed = append(closed, stored(t, *p))
		}
		require.Equal(t, len(closed), number)
		*tr = stored(t, *tr)
	}
	return closed
}

func TestTrail(t *testing.T) {
	var tr Trail
	closed := fill(t, &tr, 2*pageSize+3)
	require.Len(t, closed, 2)
	require.Equal(t, 2, tr.Closed)
	require.Len(t, tr.Records, 3)
	want := record(2*pageSize + 2)
	want.UserID, want.Intact = "ana", true
	require.Equal(t, want, tr.Read("ana", tr.Page)[0])
	require.Equal(t, "0", tr.Read("ana", closed[0])[pageSize-1].ID, "newest first")

	_, p, err := tr.Append(record(2*pageSize + 2))
	require.NoError(t, err)
	require.Nil(t, p)
	require.Len(t, tr.Records, 3, "a record that is there is left")
}

// Whatever is changed, taken out or put in, the page is not intact any more.
func TestTamperedPages(t *testing.T) {
	for name, tamper := range map[string]func(*Page){
		"another kind":       func(p *Page) { p.Records[1].Kind = SignedOut },
		"another time":       func(p *Page) { p.Records[1].At = noon },
		"another detail":     func(p *Page) { p.Records[1].Detail["a"] = "3" },
		"another ciphertext": func(p *Page) { p.Records[1].Personal[20] ^= 1 },
		"one taken out":      func(p *Page) { p.Records = append(p.Records[:1], p.Records[2:]...) },
		"two exchanged":      func(p *Page) { p.Records[0], p.Records[1] = p.Records[1], p.Records[0] },
		"another past":       func(p *Page) { p.Prev = nil },
	} {
		t.Run(name, func(t *testing.T) {
			var tr Trail
			fill(t, &tr, pageSize+5)
			for _, r := range tr.Read("ana", tr.Page) {
				require.True(t, r.Intact)
			}
			tamper(&tr.Page)
			for _, r := range tr.Read("ana", tr.Page) {
				require.False(t, r.Intact)
			}
		})
	}
}

// To erase is to forget the key: no record is touched, none is read.
func TestErasedTrail(t *testing.T) {
	var tr Trail
	closed := fill(t, &tr, pageSize+1)
	raw, err := json.Marshal([]any{tr, closed})
	require.NoError(t, err)
	for _, personal := range []string{"203.0.113.7", "curl", "a note"} {
		require.NotContains(t, string(raw), personal)
	}
	before := stored(t, tr.Page)
	tr.Erase()
	tr = stored(t, tr)
	require.Equal(t, before, tr.Page)
	for _, p := range []Page{tr.Page, closed[0]} {
		r := tr.Read("ana", p)[0]
		require.True(t, r.Intact)
		require.Equal(t, []string{"", "", ""}, []string{r.Address, r.Agent, r.Note})
		require.Equal(t, SignedIn, r.Kind)
	}
	_, _, err = tr.Append(record(99))
	require.NoError(t, err)
	require.Empty(t, tr.Key, "no new key begins")
	require.Empty(t, tr.Records[1].Personal)
	require.True(t, tr.Read("ana", tr.Page)[0].Intact)
}

// A ciphertext is bound to its record: it says nothing under another.
func TestPersonalPartsCannotBeMoved(t *testing.T) {
	var tr Trail
	fill(t, &tr, 2)
	tr.Records[0].Personal = tr.Records[1].Personal
	require.Empty(t, tr.Read("ana", tr.Page)[1].Address)
}

func TestOldRecordsAreDropped(t *testing.T) {
	var tr Trail
	fill(t, &tr, 3)
	late := record(9)
	late.At = noon.Add(Retention).Add(2 * time.Second)
	_, _, err := tr.Append(late)
	require.NoError(t, err)
	left := tr.Read("ana", tr.Page)
	require.Equal(t, []string{"9", "2"}, []string{left[0].ID, left[1].ID})
	require.True(t, left[0].Intact, "the chain goes on from what was dropped")
}

func TestBatchRepeatsItsIDs(t *testing.T) {
	ctx := With(t.Context(), Origin{Address: "203.0.113.7", Session: "s"})
	b := Begin(ctx)
	var runs [2][]Record
	for i := range runs {
		b.Again()
		runs[i] = []Record{b.Record("ana", Event{Kind: SignedIn, Session: "new"}), b.Record("ana", Event{Kind: SessionRevoked})}
	}
	require.Equal(t, runs[0], runs[1])
	require.NotEqual(t, runs[0][0].ID, runs[0][1].ID)
	require.Equal(t, []string{"new", "s"}, []string{runs[0][0].Session, runs[0][1].Session})
	require.Equal(t, "ana", runs[0][0].ActorID, "who is not signed in acts for the account")
	require.NotEqual(t, runs[0][0].ID, Begin(ctx).Record("ana", Event{}).ID)
}

// collect is a store that takes what is flushed, or is away.
type collect struct {
	got  []Record
	away bool
}

func (c *collect) write(_ context.Context, r ...Record) error {
	if c.away {
		return errors.New("away")
	}
	c.got = append(c.got, r...)
	return nil
}

func TestFailuresAreSummedUp(t *testing.T) {
	now := noon
	f := NewFailures(func() time.Time { return now })
	var c collect
	flush := func(final bool) (counts []string) {
		c.got = nil
		require.NoError(t, f.Flush(t.Context(), final, c.write))
		for _, r := range c.got {
			counts = append(counts, r.UserID+" "+r.Detail["count"])
		}
		return counts
	}
	for range 5 {
		f.Add(t.Context(), "ana", "wrong password")
		f.Add(t.Context(), "", "wrong password")
	}
	require.Equal(t, []string{"ana 1", " 1"}, flush(false), "the first is told at once")
	require.Empty(t, flush(false))
	now = now.Add(failureWindow)
	require.ElementsMatch(t, []string{"ana 4", " 4"}, flush(false))
	require.NotEmpty(t, c.got[0].Detail["since"])
	f.Add(t.Context(), "ana", "wrong password")
	require.Equal(t, []string{"ana 1"}, flush(false), "and a new hour begins")
	f.Add(t.Context(), "ana", "wrong password")
	require.Equal(t, []string{"ana 1"}, flush(true), "at a stop what is there is told")
}

// An attacker who tries every account fills neither the store nor memory.
func TestFailuresAreBounded(t *testing.T) {
	f := NewFailures(func() time.Time { return noon })
	for i := range 100_000 {
		f.Add(t.Context(), fmt.Sprint("user ", i), "wrong password")
	}
	require.Len(t, f.bursts, failureAccounts+1)
	c := collect{away: true}
	require.Error(t, f.Flush(t.Context(), true, c.write))
	c.away = false
	require.NoError(t, f.Flush(t.Context(), true, c.write))
	require.Len(t, c.got, failureAccounts+2, "and what could not be written is not lost")
	require.Equal(t, fmt.Sprint(100_000-failureAccounts-1), c.got[len(c.got)-1].Detail["count"])
	require.Empty(t, strings.TrimSpace(c.got[len(c.got)-1].UserID))
}
