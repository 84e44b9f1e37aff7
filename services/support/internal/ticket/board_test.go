package ticket

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func randomBoard(r *rand.Rand, n int) []Entry {
	board := make([]Entry, n)
	for i := range board {
		board[i] = Entry{
			ID: fmt.Sprintf("t%03d", r.IntN(1000)*1000+i), Queue: []string{"a", "b"}[r.IntN(2)], Priority: Priorities()[r.IntN(4)],
			Status: Statuses()[r.IntN(3)], AssignedTo: []string{"", "me", "you"}[r.IntN(3)],
		}
		if r.IntN(4) > 0 {
			board[i].Due = now.Add(time.Duration(r.IntN(20)-10) * time.Hour)
		}
		if r.IntN(3) == 0 {
			board[i].Tags = []string{"vip"}
		}
	}
	return board
}

func randomWork(r *rand.Rand) (w Work) {
	one := func() bool { return r.IntN(3) == 0 }
	if one() {
		w.Queue = "a"
	}
	if one() {
		w.Priority = Priorities()[r.IntN(4)]
	}
	if one() {
		w.Status = StatusOpen
	}
	if one() {
		w.Tag = "vip"
	}
	if one() {
		who := []string{"", "me"}[r.IntN(2)]
		w.AssignedTo = &who
	}
	if one() {
		late := r.IntN(2) == 0
		w.Overdue = &late
	}
	return w
}

// Page by page, whatever the filter and the size of a page, everything that is
// selected comes once: the more urgent before the less, the earlier due before
// the later.
func TestPickWalksInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		board, w, limit := randomBoard(r, r.IntN(60)), randomWork(r), 1+r.IntN(10)
		var got []Entry
		var after place
		for more := true; more; {
			var page []Entry
			page, more = pick(board, w, after, limit, now)
			require.LessOrEqual(t, len(page), limit)
			if more {
				after = page[len(page)-1].place()
			}
			got = append(got, page...)
		}
		want := slices.DeleteFunc(slices.Clone(board), func(e Entry) bool { return !w.Match(e, now) })
		require.ElementsMatch(t, want, got)
		for i := 1; i < len(got); i++ {
			a, b := got[i-1], got[i]
			require.GreaterOrEqual(t, a.Priority.rank(), b.Priority.rank())
			if a.Priority == b.Priority && !b.Due.IsZero() {
				require.False(t, a.Due.IsZero())
				require.False(t, a.Due.After(b.Due))
			}
		}
	}
}

func TestTally(t *testing.T) {
	board := []Entry{
		{Queue: "old", Status: StatusOnHold, AssignedTo: "me"},
		{Queue: "orders", Status: StatusOpen, Due: now},
		{Queue: "orders", Status: StatusAnswered, Due: now.Add(1)},
	}
	got := Tally(board, set, now)
	require.Equal(t, Count{"orders", map[Status]int{StatusOpen: 1, StatusAnswered: 1}, 2, 1}, got[0])
	require.Equal(t, Count{"old", map[Status]int{StatusOnHold: 1}, 0, 0}, got[len(got)-1])
	require.Len(t, got, len(set.Queues)+1)
}
