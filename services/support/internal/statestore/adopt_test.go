package statestore

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// adopted is a document that may take the place of one of here.
func adopted(t *testing.T, id string, position uint64, value any) intake.Incoming {
	t.Helper()
	in := movedIn1(t, id, position, value)
	in.Adopt = true
	return in
}

// takes stores a document, insisting as the app migration does.
func takes[T any](t *testing.T, k intake.Kind[T], in intake.Incoming) intake.Result {
	t.Helper()
	for range 50 {
		if got, err := k.Take(context.Background(), "0", []intake.Incoming{in}); err == nil {
			return got[0]
		}
	}
	t.Error("it never came through")
	return intake.Result{}
}

func readsAs[T any](t *testing.T, k intake.Kind[T], id string, want any) {
	t.Helper()
	docs, err := k.Read(t.Context(), []string{id})
	require.NoError(t, err)
	require.Len(t, docs, 1)
	raw, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(docs[0].Document))
}

// worked makes a ticket here with all that it may have here.
func worked(t *testing.T, s *Tickets, customer string) ticket.Ticket {
	t.Helper()
	made, err := create(t, s, customer)
	require.NoError(t, err)
	ana := caller.Caller{UserID: customer}
	made, err = s.Update(t.Context(), made.ID, func(tk *ticket.Ticket, set ticket.Settings) error {
		if _, err := tk.Attach(ana, tk.Messages[0].ID, ticket.Attachment{ID: "file", Name: "a.png", Type: "image/png", Size: 1}, now); err != nil {
			return err
		}
		if _, err := tk.Post(agent, "done", false, set, now); err != nil {
			return err
		}
		if err := tk.Assign(agent, agent.UserID, 0, now); err != nil {
			return err
		}
		tags := []string{"vip"}
		if err := tk.Sort(agent, ticket.Sorting{Tags: &tags}, 0, set, now); err != nil {
			return err
		}
		if err := tk.Resolve(agent, 0, set, now); err != nil {
			return err
		}
		return tk.Rate(ana, 5, "good", now)
	})
	require.NoError(t, err)
	return made
}

// asThere gives a ticket as a system has it that knows no agents in charge, no ratings, and
// of who has answered nobody.
func asThere(tk ticket.Ticket) ticket.Moved {
	m := tk.Moved()
	m.AssignedTo, m.Rating, m.ResolvedAt, m.UpdatedAt, m.Category, m.Priority = "", nil, nil, nil, "", ""
	if m.Status == ticket.StatusResolved {
		m.Status = ticket.StatusAnswered
	}
	for i := range m.Messages {
		if m.Messages[i].Author == ticket.ByAgent {
			m.Messages[i].AuthorID = ""
		}
	}
	return m
}

// listing gives the tickets of a customer, or all, in order.
func listing(t *testing.T, s *Tickets, customer string) (ids []string) {
	t.Helper()
	page, err := s.List(t.Context(), ticket.Query{CustomerID: customer}, "", 100)
	require.NoError(t, err)
	for _, tk := range page.Items {
		ids = append(ids, tk.ID)
	}
	return ids
}

// A ticket that was made here becomes one that was moved in, under its ID: it is read as it was
// sent, and what it has no word for is still here.
func TestATicketOfHereIsAdopted(t *testing.T) {
	db, _, events := open(t)
	s, k := NewTickets(db), MovedTickets(db, anything)
	was := worked(t, s, "ana")
	other, err := create(t, s, "ana")
	require.NoError(t, err)
	doc := asThere(was)
	require.Equal(t, "made_here", takes(t, k, movedIn1(t, was.ID, 1, doc)).Problem.Code)
	stranger := doc
	stranger.CustomerID = "eva"
	require.Equal(t, "made_here", takes(t, k, adopted(t, was.ID, 1, stranger)).Problem.Code)
	before := len(events.Events())
	for range 2 {
		require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 2, doc)).Outcome)
	}
	is, err := s.Get(t.Context(), was.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, is.Origin.Position)
	require.Equal(t, was.Messages, func() (m []ticket.Message) {
		for _, one := range is.Messages {
			one.Unnamed = false
			m = append(m, one)
		}
		return m
	}(), "with their IDs, their files, and who wrote them")
	require.Equal(t, []any{was.Status, was.AssignedTo, was.Tags, was.Queue, was.Rating, was.ResolvedAt, was.UpdatedAt},
		[]any{is.Status, is.AssignedTo, is.Tags, is.Queue, is.Rating, is.ResolvedAt, is.UpdatedAt})
	require.Len(t, events.Events(), before)
	readsAs(t, k, was.ID, doc)
	ids, _, err := k.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{was.ID}, ids)
	require.Equal(t, []string{other.ID, was.ID}, listing(t, s, "ana"), "once, where it was")
	require.Equal(t, []string{other.ID, was.ID}, listing(t, s, ""))

	// Somebody writes there: the ticket is open again, and quiet.
	doc.Status = ticket.StatusOpen
	doc.Messages = append(doc.Messages, ticket.MovedMessage{Author: ticket.ByCustomer, Text: "no", CreatedAt: now.Add(time.Hour)})
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 3, doc)).Outcome)
	is, err = s.Get(t.Context(), was.ID)
	require.NoError(t, err)
	require.Equal(t, ticket.StatusOpen, is.Status)
	require.Nil(t, is.ResolvedAt)
	require.Equal(t, "agent", is.AssignedTo)
	require.Len(t, is.Messages[0].Attachments, 1)
	require.Zero(t, is.EscalateAt())
	entries, _, err := s.Board(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 2)
	readsAs(t, k, was.ID, doc)

	// The shop is in charge again, and gives it back once more.
	is, err = s.Update(t.Context(), was.ID, func(tk *ticket.Ticket, set ticket.Settings) error {
		if err := tk.Assign(agent, "another", 0, now); err != nil {
			return err
		}
		return tk.Hold(agent, 0, set, now)
	})
	require.NoError(t, err)
	given := is.Moved()
	require.Equal(t, []any{"another", ticket.StatusOnHold}, []any{given.AssignedTo, given.Status}, "what has changed here shows")
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 4, doc)).Outcome)
	is, err = s.Get(t.Context(), was.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"another", ticket.StatusOnHold}, []any{is.AssignedTo, is.Status})
	readsAs(t, k, was.ID, doc)
	require.Equal(t, intake.Stale, takes(t, k, adopted(t, was.ID, 3, doc)).Outcome)

	// It is somebody else's there: it is in that one's list, and in no other.
	doc.CustomerID = "eva"
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 5, doc)).Outcome)
	require.Equal(t, []string{was.ID}, listing(t, s, "eva"))
	require.Equal(t, []string{other.ID}, listing(t, s, "ana"))
	require.ElementsMatch(t, []string{other.ID, was.ID}, listing(t, s, ""))

	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 6, nil)).Outcome)
	require.Equal(t, []string{other.ID}, listing(t, s, ""))
	// One that has gone there before it could be adopted stays here, until who sends it has it
	// adopted as it is and then gone.
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 6, nil)).Outcome)
	require.Equal(t, []string{other.ID}, listing(t, s, "ana"))
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 7, asThere(other))).Outcome)
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 7, nil)).Outcome)
	require.Empty(t, listing(t, s, "ana"))
	entries, _, err = s.Board(t.Context())
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Equal(t, intake.Stale, takes(t, k, adopted(t, other.ID, 6, asThere(other))).Outcome)
}

// requested makes a return here.
func requested(t *testing.T, s *Returns, order, id, customer string) rma.Return {
	t.Helper()
	r := rma.Return{ID: id, OrderID: order, CustomerID: customer, OpenedBy: customer, CreatedAt: now, UpdatedAt: now, Lines: []rma.Line{{SKU: "A", Quantity: 2, Reason: "too_small", Note: "n"}}}
	o, err := s.Change(t.Context(), order, func(o *rma.OfOrder) error { return o.Request(r, map[string]int{"A": 10}) })
	require.NoError(t, err)
	is, err := o.Find(id)
	require.NoError(t, err)
	return is
}

func returnThere(order, customer string, status rma.Status) rma.Moved {
	return rma.Moved{OrderID: order, CustomerID: customer, Status: status, CreatedAt: now, Lines: []rma.MovedLine{{SKU: "A", Quantity: 2, Reason: rma.Other}}}
}

// A return that was made here becomes one that was moved in, in the lists where it was.
func TestAReturnOfHereIsAdopted(t *testing.T) {
	db, _, events := open(t)
	s, k := NewReturns(db), MovedReturns(db, anything)
	was, other := requested(t, s, "o1", "r1", "ana"), requested(t, s, "o1", "r2", "ana")
	doc := returnThere("o1", "ana", rma.Requested)
	require.Equal(t, "made_here", takes(t, k, movedIn1(t, was.ID, 1, doc)).Problem.Code)
	require.Equal(t, "made_here", takes(t, k, adopted(t, was.ID, 1, returnThere("o2", "ana", rma.Requested))).Problem.Code, "of another order")
	require.Equal(t, "made_here", takes(t, k, adopted(t, was.ID, 1, returnThere("o1", "eva", rma.Requested))).Problem.Code, "of somebody else")
	before := len(events.Events())
	for range 2 {
		require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 2, doc)).Outcome)
	}
	is, err := s.Get(t.Context(), was.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, is.Origin.Position)
	require.Equal(t, was.Lines, is.Lines)
	require.Equal(t, was.OpenedBy, is.OpenedBy)
	require.Len(t, events.Events(), before)
	readsAs(t, k, was.ID, doc)
	ids, _, err := k.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{was.ID}, ids)
	for _, customer := range []string{"ana", ""} {
		listed := list1(t, s, rma.Query{CustomerID: customer})
		require.Equal(t, []string{other.ID, was.ID}, []string{listed[0].ID, listed[1].ID}, "once, where it was")
		require.Len(t, listed, 2)
	}
	// It goes to another order there, and is in the lists of those that were moved in.
	doc.OrderID, doc.CustomerID = "o9", "eva"
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 3, doc)).Outcome)
	require.Len(t, list1(t, s, rma.Query{CustomerID: "eva"}), 1)
	require.Len(t, list1(t, s, rma.Query{CustomerID: "ana"}), 1)
	require.Len(t, list1(t, s, rma.Query{}), 2)
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, was.ID, 4, nil)).Outcome)
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 4, nil)).Outcome)
	require.Len(t, list1(t, s, rma.Query{}), 1, "it was made here")
	doc.OrderID, doc.CustomerID = other.OrderID, other.CustomerID
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 5, doc)).Outcome)
	require.Equal(t, intake.Stored, takes(t, k, adopted(t, other.ID, 5, nil)).Outcome)
	require.Empty(t, list1(t, s, rma.Query{}))
	require.Empty(t, list1(t, s, rma.Query{CustomerID: "ana"}))
}

// Whichever half of a transaction is kept when a replica dies, the same document once more
// makes it whole: an adoption, a later state, and an end.
func TestAHalfAdoptionIsMadeWhole(t *testing.T) {
	for trial := range 24 {
		t.Run(strconv.Itoa(trial), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(trial), 7))
			store := statetest.NewMemory()
			store.KeepsHalves = true
			log := slog.New(slog.DiscardHandler)
			others, db := state.Open(store, nil, log), state.Open(store, nil, log)
			torn := dies(t, store, r)
			ts, rs := NewTickets(others), NewReturns(others)
			tk, rt := MovedTickets(db, anything), MovedReturns(db, anything)
			was, ret := worked(t, ts, "ana"), requested(t, rs, "o1", "r1", "ana")
			half := func(position uint64, ticketDoc, returnDoc any) {
				*torn = true
				require.Equal(t, intake.Stored, takes(t, tk, adopted(t, was.ID, position, ticketDoc)).Outcome)
				*torn = true
				require.Equal(t, intake.Stored, takes(t, rt, adopted(t, ret.ID, position, returnDoc)).Outcome)
				*torn = false
			}
			doc, back := asThere(was), returnThere("o1", "ana", rma.Approved)
			half(1, doc, back)
			doc.Subject = "later"
			half(2, doc, back)
			is, err := ts.Get(t.Context(), was.ID)
			require.NoError(t, err)
			require.Equal(t, []any{"later", "agent", "file"}, []any{is.Subject, is.AssignedTo, is.Messages[0].Attachments[0].ID})
			require.Equal(t, []string{was.ID}, listing(t, ts, "ana"))
			require.Equal(t, []string{was.ID}, listing(t, ts, ""))
			for _, customer := range []string{"ana", ""} {
				require.Len(t, list1(t, rs, rma.Query{CustomerID: customer}), 1)
			}
			half(3, nil, nil)
			require.Empty(t, listing(t, ts, ""))
			require.Empty(t, list1(t, rs, rma.Query{}))
			entries, _, err := ts.Board(t.Context())
			require.NoError(t, err)
			require.Empty(t, entries)
			for _, list := range []func(context.Context, string) ([]string, string, error){tk.List, rt.List} {
				ids, _, err := list(t.Context(), "")
				require.NoError(t, err)
				require.Empty(t, ids)
			}
		})
	}
}

// Two replicas adopt the same tickets and returns while agents go on with them: in the end the
// newest state is held, each is listed once, and what only exists here is still there.
func TestAdoptingCompetes(t *testing.T) {
	for _, halves := range []bool{false, true} {
		t.Run(fmt.Sprint(halves), func(t *testing.T) {
			store := statetest.NewMemory()
			store.KeepsHalves = halves
			db := func() *state.DB { return state.Open(store, nil, slog.New(slog.DiscardHandler)) }
			ts, rs := NewTickets(db()), NewReturns(db())
			const n, last = 5, 6
			var all []ticket.Ticket
			for i := range n {
				all = append(all, worked(t, ts, "ana"))
				requested(t, rs, fmt.Sprint("o", i), fmt.Sprint("r", i), "ana")
			}
			send := func(tk intake.Kind[ticket.Moved], rt intake.Kind[rma.Moved], i int, position uint64) {
				doc := asThere(all[i])
				doc.Subject = fmt.Sprint("state ", position)
				takes(t, tk, adopted(t, all[i].ID, position, doc))
				takes(t, rt, adopted(t, fmt.Sprint("r", i), position, returnThere(fmt.Sprint("o", i), "ana", rma.Approved)))
			}
			var wg sync.WaitGroup
			for range 2 {
				tk, rt := MovedTickets(db(), anything), MovedReturns(db(), anything)
				wg.Go(func() {
					for position := range uint64(last) {
						for i := range n {
							send(tk, rt, i, position)
						}
					}
				})
			}
			wg.Go(func() {
				others := NewTickets(db())
				for i := range n * last {
					tags := []string{"vip", fmt.Sprint("tag", i)}
					_, _ = others.Update(context.Background(), all[i%n].ID, func(tk *ticket.Ticket, set ticket.Settings) error {
						return tk.Sort(agent, ticket.Sorting{Tags: &tags}, 0, set, now)
					}) // a conflict is the agent's to see
				}
			})
			wg.Wait()
			for i := range n {
				send(MovedTickets(db(), anything), MovedReturns(db(), anything), i, last)
				is, err := ts.Get(t.Context(), all[i].ID)
				require.NoError(t, err)
				require.Equal(t, []any{fmt.Sprint("state ", last), "agent", "file"}, []any{is.Subject, is.AssignedTo, is.Messages[0].Attachments[0].ID})
				require.Contains(t, is.Tags, "vip")
				r, err := rs.Get(t.Context(), fmt.Sprint("r", i))
				require.NoError(t, err)
				require.Equal(t, "n", r.Lines[0].Note)
			}
			require.Len(t, listing(t, ts, "ana"), n)
			require.Len(t, listing(t, ts, ""), n)
			require.Len(t, list1(t, rs, rma.Query{CustomerID: "ana"}), n)
		})
	}
}
