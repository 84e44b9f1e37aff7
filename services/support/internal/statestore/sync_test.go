package statestore

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

func anything([]byte) []fault.Field { return nil }

func movedIn1(t *testing.T, id string, position uint64, value any) intake.Incoming {
	t.Helper()
	d := intake.Incoming{ID: id, Source: origin.Source{Key: id, Position: position}, Deleted: value == nil}
	if value != nil {
		raw, err := json.Marshal(value)
		require.NoError(t, err)
		d.Document = raw
	}
	return d
}

func movedTicket(customer string, status ticket.Status) ticket.Moved {
	return ticket.Moved{
		CustomerID: customer, Subject: "s", Status: status, CreatedAt: now,
		Messages: []ticket.MovedMessage{{Author: ticket.ByCustomer, Text: "m", CreatedAt: now}},
	}
}

func movedReturn(order, customer string, status rma.Status) rma.Moved {
	m := rma.Moved{OrderID: order, CustomerID: customer, Status: status, CreatedAt: now, Lines: []rma.MovedLine{{SKU: "A", Quantity: 1, Reason: rma.Other}}}
	if status == rma.Refunded {
		m.Refund = &money.Money{Amount: 1, Currency: "EUR"}
	}
	return m
}

// One that waits and for which the board has no room is rejected, and keeps no other out.
func TestMovedTicketAndTheFullBoard(t *testing.T) {
	db, _, _ := open(t)
	k := MovedTickets(db, anything)
	id := uuid.NewString()
	full := boardShard{Entries: make([]ticket.Entry, boardRoom)}
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return board.Put(tx, shardOf(id), full) }))
	docs := []intake.Incoming{movedIn1(t, id, 1, movedTicket("ana", ticket.StatusOpen)), movedIn1(t, uuid.NewString(), 1, movedTicket("ana", ticket.StatusClosed))}
	got, err := k.Take(t.Context(), "0", docs)
	require.NoError(t, err)
	require.Equal(t, "too_many_tickets", got[0].Problem.Code)
	require.Equal(t, intake.Stored, got[1].Outcome)
	read, err := k.Read(t.Context(), []string{id, docs[1].ID})
	require.NoError(t, err)
	require.Len(t, read, 1)
	docs[0].Document = movedIn1(t, id, 1, movedTicket("ana", ticket.StatusResolved)).Document
	got, err = k.Take(t.Context(), "0", docs)
	require.NoError(t, err)
	require.Equal(t, intake.Stored, got[0].Outcome, "one that has ended needs no room")
}

// On a store that keeps halves of transactions, whatever somebody else changes in
// between, and whichever attempts break off: the repeat sets everything right.
func TestWhatIsMovedInIsKeptInPart(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	store := statetest.NewMemory()
	store.KeepsHalves = true
	log := slog.New(slog.DiscardHandler)
	others, db := state.Open(store, nil, log), state.Open(store, nil, log)
	torn := dies(t, store, r)
	tk, rt := MovedTickets(db, anything), MovedReturns(db, anything)
	customers, orders := []string{"ana", "bob", "eva"}, []string{"o1", "o2", "o3"}
	type last struct {
		customer, order string
		waits           bool
	}
	wantTickets, wantReturns := map[string]last{}, map[string]last{}
	for position := range uint64(300) {
		id := fmt.Sprintf("00000000-0000-5000-8000-%012d", r.IntN(12))
		is := last{customers[r.IntN(3)], orders[r.IntN(3)], r.IntN(2) == 0}
		var ticketDoc, returnDoc any
		if r.IntN(5) > 0 {
			ticketDoc = movedTicket(is.customer, map[bool]ticket.Status{true: ticket.StatusOpen, false: ticket.StatusClosed}[is.waits])
			returnDoc = movedReturn(is.order, is.customer, map[bool]rma.Status{true: rma.Received, false: rma.Refunded}[is.waits])
			wantTickets[id], wantReturns[id] = is, is
		} else {
			delete(wantTickets, id)
			delete(wantReturns, id)
		}
		send := func(take func() ([]intake.Result, error)) {
			*torn = r.IntN(2) == 0
			for {
				if got, err := take(); err == nil {
					require.Equal(t, intake.Stored, got[0].Outcome)
					break
				}
			}
			*torn = false
		}
		send(func() ([]intake.Result, error) {
			return tk.Take(t.Context(), "0", []intake.Incoming{movedIn1(t, id, position, ticketDoc)})
		})
		send(func() ([]intake.Result, error) {
			return rt.Take(t.Context(), "0", []intake.Incoming{movedIn1(t, id, position, returnDoc)})
		})
	}
	ts, rs := NewTickets(others), NewReturns(others)
	entries, _, err := ts.Board(t.Context())
	require.NoError(t, err)
	onBoard := map[string]int{}
	for _, e := range entries {
		onBoard[e.ID]++
	}
	lists := map[string]int{}
	for _, c := range append(customers, "") {
		page, err := ts.List(t.Context(), ticket.Query{CustomerID: c}, "", 100)
		require.NoError(t, err)
		for _, x := range page.Items {
			lists["ticket "+c+" "+x.ID]++
		}
		pageOf, err := rs.List(t.Context(), rma.Query{CustomerID: c}, "", 100)
		require.NoError(t, err)
		for _, x := range pageOf.Items {
			lists["return "+c+" "+x.ID]++
			require.Equal(t, wantReturns[x.ID].order, x.OrderID)
		}
	}
	want, wantBoard := map[string]int{}, map[string]int{}
	for id, is := range wantTickets {
		want["ticket "+is.customer+" "+id], want["ticket  "+id] = 1, 1
		if is.waits {
			wantBoard[id] = 1
		}
	}
	for id, is := range wantReturns {
		want["return "+is.customer+" "+id], want["return  "+id] = 1, 1
		got, err := rs.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, is.customer, got.CustomerID)
	}
	require.Equal(t, want, lists)
	require.Equal(t, wantBoard, onBoard)
	inOrders := 0
	for _, key := range store.Keys("returns-of-order:") {
		require.NoError(t, others.View(t.Context(), func(tx *state.Tx) error {
			o, _, err := returnsOfOrder.Get(tx, strings.TrimPrefix(key, "returns-of-order:"))
			inOrders += len(o.Returns)
			return err
		}))
	}
	require.Equal(t, len(wantReturns), inOrders, "of no order that it is not of")
}

// dies gives what has, once it is set, a part of the next transaction of a store land, and the
// rest never: the process has died.
func dies(t *testing.T, store *statetest.Memory, r *rand.Rand) *bool {
	torn := new(bool)
	store.BeforeCommit = func(ops []state.Op) error {
		if !*torn || len(ops) < 2 {
			return nil
		}
		*torn = false
		ops = slices.Clone(ops)
		r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
		if err := store.Commit(t.Context(), ops[:1+r.IntN(len(ops)-1)]...); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "died", "Died.")
	}
	return torn
}
