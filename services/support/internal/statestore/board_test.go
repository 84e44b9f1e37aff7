package statestore

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/ticket"
)

// Whatever is done to tickets, the board has exactly those that have not
// ended, as they are, also on a store that keeps halves of transactions.
func TestBoardKeepsInStep(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	db, store, _ := open(t)
	store.KeepsHalves = true
	others := state.Open(store, nil, slog.New(slog.DiscardHandler))
	busy := true
	store.BeforeCommit = func(ops []state.Op) error {
		i := slices.IndexFunc(ops, func(op state.Op) bool { return strings.HasPrefix(op.Key, "board:") })
		if !busy || i < 0 || len(ops) < 2 || r.IntN(3) > 0 {
			return nil
		}
		busy = false
		defer func() { busy = true }()
		shard := strings.TrimPrefix(ops[i].Key, "board:")
		return others.Update(context.Background(), func(tx *state.Tx) error {
			b, _, err := board.Get(tx, shard)
			if err != nil {
				return err
			}
			return board.Put(tx, shard, b)
		})
	}
	s := NewTickets(db)
	var ids []string
	for range 20 {
		tk, err := create(t, s, "ana")
		require.NoError(t, err)
		ids = append(ids, tk.ID)
	}
	at, high, tags := now, ticket.High, []string{"vip"}
	acts := []func(*ticket.Ticket, ticket.Settings) error{
		func(tk *ticket.Ticket, set ticket.Settings) error {
			_, err := tk.Post(agent, "text", false, set, at)
			return err
		},
		func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Close(agent, 0, set, at) },
		func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Hold(agent, 0, set, at) },
		func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Resolve(agent, 0, set, at) },
		func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Assign(agent, "agent", 0, at) },
		func(tk *ticket.Ticket, set ticket.Settings) error { tk.Escalate(set, at); return nil },
		func(tk *ticket.Ticket, set ticket.Settings) error {
			return tk.Sort(agent, ticket.Sorting{Priority: &high, Tags: &tags}, 0, set, at)
		},
	}
	for range 300 {
		at = at.Add(time.Hour)
		if _, err := s.Update(t.Context(), ids[r.IntN(len(ids))], acts[r.IntN(len(acts))]); err != nil {
			require.Equal(t, fault.Conflict, fault.KindOf(err))
		}
	}
	entries, _, err := s.Board(t.Context())
	require.NoError(t, err)
	found, err := s.Find(t.Context(), ids)
	require.NoError(t, err)
	want := map[string]ticket.Entry{}
	for id, tk := range found {
		if e, on := tk.Entry(); on {
			want[id] = e
		}
	}
	require.Len(t, entries, len(want))
	for _, e := range entries {
		require.True(t, e.Equal(want[e.ID]), "%v is not %v", e, want[e.ID])
	}
}

// Replicas that look at the same time, again and again, escalate a deadline
// that was missed once, and announce it once.
func TestEscalatedOnceByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, events := statetest.NewMemory(), &event.Memory{}
		var replicas []*ticket.Service
		var s *Tickets
		for range 4 {
			s = NewTickets(state.Open(store, events, slog.New(slog.DiscardHandler)))
			replicas = append(replicas, ticket.NewService(s, nil, nil, nil, nil, slog.New(slog.DiscardHandler)))
		}
		var ids []string
		for range 5 {
			tk, err := replicas[0].Open(t.Context(), agent, ticket.Draft{Subject: "s", Text: "m"})
			require.NoError(t, err)
			ids = append(ids, tk.ID)
		}
		for range 5 { // a day apart: both deadlines of a normal ticket pass
			time.Sleep(24 * time.Hour)
			var g sync.WaitGroup
			for _, r := range replicas {
				g.Go(func() {
					for range 2 {
						require.NoError(t, r.Look(t.Context()))
					}
				})
			}
			g.Wait()
		}
		for _, id := range ids {
			tk, err := s.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, ticket.Urgent, tk.Priority)
			require.Equal(t, "escalations", tk.Queue)
			require.Equal(t, int64(3), tk.Version)
		}
		n := 0
		for _, typ := range events.Types() {
			if typ == "tienda.support.ticket_escalated" {
				n++
			}
		}
		require.Equal(t, 2*len(ids), n)
		require.Equal(t, 5, counted(replicas[3], "escalations").Overdue)
	})
}

func counted(s *ticket.Service, queue string) ticket.Count {
	counts := s.Counts()
	return counts[slices.IndexFunc(counts, func(c ticket.Count) bool { return c.Queue == queue })]
}

// An entry whose ticket never came into being is taken out when it is due.
func TestEntryWithoutTicket(t *testing.T) {
	db, _, _ := open(t)
	s := NewTickets(db)
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		return setEntry(tx, "none", ticket.Entry{ID: "none", Queue: "orders", EscalateAt: now}, true)
	}))
	require.NoError(t, ticket.NewService(s, nil, nil, nil, nil, slog.New(slog.DiscardHandler)).Look(t.Context()))
	entries, _, err := s.Board(t.Context())
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestBoardIsBounded(t *testing.T) {
	db, _, _ := open(t)
	s := NewTickets(db)
	tk, err := create(t, s, "ana")
	require.NoError(t, err)
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		for i := range boardShards {
			full := boardShard{}
			for j := range boardRoom {
				full.Entries = append(full.Entries, ticket.Entry{ID: fmt.Sprint(j)})
			}
			if err := board.Put(tx, fmt.Sprint(i), full); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err = create(t, s, "ana")
	require.Equal(t, "too_many_tickets", fault.CodeOf(err))
	_, err = s.Update(t.Context(), tk.ID, func(tk *ticket.Ticket, set ticket.Settings) error { return tk.Close(agent, 0, set, now) })
	require.NoError(t, err, "to end a ticket needs no room")
}

func TestSettingsVersions(t *testing.T) {
	db, _, _ := open(t)
	s := NewTickets(db)
	is, err := s.Settings(t.Context())
	require.NoError(t, err)
	require.Equal(t, ticket.Defaults(), is)
	is.ReopenDays = 3
	_, err = s.SetSettings(t.Context(), is, 2)
	require.ErrorIs(t, err, ticket.ErrSettingsVersion)
	for want := int64(2); want < 4; want++ {
		is, err = s.SetSettings(t.Context(), is, is.Version)
		require.NoError(t, err)
		require.Equal(t, want, is.Version)
	}
	got, err := s.Settings(t.Context())
	require.NoError(t, err)
	require.Equal(t, is, got)
}

// BenchmarkBoard is one page of the worklist, without the sidecar.
func BenchmarkBoard(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store := statetest.NewMemory()
			db := state.Open(store, nil, slog.New(slog.DiscardHandler))
			s := NewTickets(db)
			require.NoError(b, db.Update(b.Context(), func(tx *state.Tx) error {
				for i := range n {
					e := ticket.Entry{ID: uuid.NewString(), Queue: "general", Priority: ticket.Priorities()[i%4], Status: ticket.StatusOpen,
						AssignedTo: uuid.NewString(), Due: now.Add(time.Duration(i) * time.Minute), EscalateAt: now.Add(time.Duration(i) * time.Minute)}
					if err := setEntry(tx, e.ID, e, true); err != nil {
						return err
					}
				}
				return nil
			}))
			tickets := ticket.NewService(s, nil, nil, nil, nil, slog.New(slog.DiscardHandler))
			for b.Loop() {
				_, err := tickets.Work(b.Context(), ticket.Work{Queue: "general"}, "", 20)
				require.NoError(b, err)
			}
		})
	}
}
