package rma_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/statestore"
)

// returning is a shop whose returns are given back to another system.
type returning struct {
	*shop
	kind     intake.Kind[rma.Moved]
	position uint64
}

func openReturning(t *testing.T) *returning {
	t.Helper()
	s := open(t)
	log := slog.New(slog.DiscardHandler)
	db := state.Open(statetest.NewMemory(), s.events, log)
	s.Service = rma.NewService(statestore.NewReturns(db), s.orders, nil, nil, log)
	s.SetClock(func() time.Time { return s.clock })
	return &returning{shop: s, kind: statestore.MovedReturns(db, func([]byte) []fault.Field { return nil })}
}

// adopts has the shop take a return over that was made here, as the other system has it.
func (s *returning) adopts(t *testing.T, id string, m rma.Moved) rma.Return {
	t.Helper()
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	s.position++
	for range 2 { // a repeat is harmless
		got, err := s.kind.Take(context.Background(), "0", []intake.Incoming{{ID: id, Source: origin.Source{Key: "returns:1", Position: s.position}, Adopt: true, Document: raw}})
		require.NoError(t, err)
		require.Equal(t, intake.Stored, got[0].Outcome, "%+v", got[0].Problem)
		docs, err := s.kind.Read(t.Context(), []string{id})
		require.NoError(t, err)
		require.JSONEq(t, string(raw), string(docs[0].Document))
	}
	r, err := s.Get(t.Context(), ana, id)
	require.NoError(t, err)
	return r
}

// there is a return of n lamps in the words of the other system.
func (s *returning) there(n int, status rma.Status) rma.Moved {
	return rma.Moved{OrderID: "o", CustomerID: "ana", Status: status, CreatedAt: s.clock, Lines: []rma.MovedLine{{SKU: "LAMP", Quantity: n, Reason: rma.Damaged}}}
}

// later has the background work look for refunds that nobody has made.
func (s *returning) later(t *testing.T) {
	t.Helper()
	s.clock = s.clock.Add(2 * rma.SettleTime)
	require.NoError(t, s.RefundReceived(t.Context()))
}

// A refund that was under way when the return went back waits for an agent, who has it made
// once, under the ID that it had.
func TestARefundUnderWayWaits(t *testing.T) {
	s := openReturning(t)
	id := s.approved(t)
	s.orders.err = errAway
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	s.orders.err = nil
	r := s.adopts(t, id, s.there(1, rma.Received))
	require.Equal(t, rma.Received, r.Status)
	s.later(t)
	require.Empty(t, s.orders.refunded, "where it is now may refund it")
	s.orders.err = errAway
	_, err = s.Receive(t.Context(), id, 0, nil)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	s.orders.err = nil
	s.later(t) // the agent's word is enough for the background work
	s.requireStatus(t, id, rma.Refunded)
	require.Equal(t, map[string]int{id: 1}, s.orders.refunded)
}

// A refund that orders makes while the return goes back is noted, and made once.
func TestARefundThatIsHeardOfAfterwards(t *testing.T) {
	s := openReturning(t)
	id := s.approved(t)
	s.orders.lose = true
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Error(t, err)
	s.orders.lose = false
	s.adopts(t, id, s.there(1, rma.Received))
	require.NoError(t, s.HearRefund(t.Context(), "o", id, rma.Made{Amount: tenEuros}))
	s.requireStatus(t, id, rma.Refunded)
	// The other system does not know of it: what it says next does not have it made again.
	r := s.adopts(t, id, s.there(1, rma.Received))
	require.Equal(t, &tenEuros, r.Refund)
	_, err = s.Receive(t.Context(), id, 0, nil)
	require.NoError(t, err)
	s.requireStatus(t, id, rma.Refunded)
	require.Equal(t, map[string]int{id: 1}, s.orders.refunded)
}

// What the other system has refunded is not refunded here, whatever is heard of later.
func TestARefundThatWasMadeThere(t *testing.T) {
	s := openReturning(t)
	id := s.approved(t)
	s.orders.err = errAway
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Error(t, err)
	s.orders.err = nil
	m := s.there(1, rma.Refunded)
	m.Refund = &money.Money{Amount: 700, Currency: "EUR"}
	r := s.adopts(t, id, m)
	require.Equal(t, m.Refund, r.Receipts[0].Refund)
	s.later(t)
	_, err = s.Receive(t.Context(), id, 0, nil)
	require.NoError(t, err)
	require.Empty(t, s.orders.refunded)
}

// Of a return of which some came and was refunded here, the parcels stay; what comes in the other
// system is one more, and what is refunded there is what was not refunded here.
func TestAReturnInPartsIsAdopted(t *testing.T) {
	s := openReturning(t)
	r, err := s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: 3, Reason: rma.Damaged, Note: "broken"}})
	require.NoError(t, err)
	_, err = s.Approve(t.Context(), r.ID, 0, rma.Label{Carrier: "Correos", Reference: "L1"})
	require.NoError(t, err)
	part := "01890a5d-ac96-774b-bcce-b302099a8057"
	_, err = s.Take(t.Context(), r.ID, part, 0, []rma.Came{{SKU: "LAMP", Quantity: 1, Deduction: 10, Why: "dirt"}})
	require.NoError(t, err)
	before, err := s.Get(t.Context(), ana, r.ID)
	require.NoError(t, err)
	m := s.there(3, rma.Approved)
	m.Refund = before.Refund
	is := s.adopts(t, r.ID, m)
	require.Equal(t, []any{rma.PartiallyReceived, "Correos", "L1", "broken"}, []any{is.Status, is.Carrier, is.Label, is.Lines[0].Note})
	require.Equal(t, before.Receipts, is.Receipts)
	require.Equal(t, 1, is.Lines[0].Received)

	m.Status = rma.Received
	is = s.adopts(t, r.ID, m)
	require.Equal(t, []any{rma.Received, 3, 2}, []any{is.Status, is.Lines[0].Received, is.Lines[0].Restocked})
	require.Len(t, is.Receipts, 2)
	s.later(t)
	require.Len(t, s.orders.refunded, 1)

	m.Status, m.Refund = rma.Refunded, &money.Money{Amount: 2500, Currency: "EUR"}
	is = s.adopts(t, r.ID, m)
	require.Equal(t, before.Receipts[0], is.Receipts[0])
	require.Equal(t, int64(1500), is.Receipts[1].Refund.Amount)
	s.later(t)
	require.Len(t, s.orders.refunded, 1)
}

// A refund that orders refuses is one that the other system has no word for.
func TestARefusedRefundIsAdopted(t *testing.T) {
	s := openReturning(t)
	id := s.approved(t)
	s.orders.err = fault.New(fault.Conflict, "refund_refused", "No.")
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Equal(t, "refund_refused", fault.CodeOf(err))
	r, err := s.Get(t.Context(), ana, id)
	require.NoError(t, err)
	require.Equal(t, rma.Received, r.Moved().Status, "all that another system has a word for")
	r = s.adopts(t, id, s.there(1, rma.Received))
	require.Equal(t, rma.RefundFailed, r.Status)
	require.NotEmpty(t, r.Failure)
	s.orders.err = nil
	s.later(t)
	require.Empty(t, s.orders.refunded)
	_, err = s.Receive(t.Context(), id, 0, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]int{id: 1}, s.orders.refunded)
	s.requireStatus(t, id, rma.Refunded)
}

// Parcels that the other system contradicts go: it wants back less than came, or counts itself.
func TestParcelsThatAreContradicted(t *testing.T) {
	for name, change := range map[string]func(*rma.Moved){
		"less":   func(m *rma.Moved) { m.Lines[0].SKU = "OTHER" },
		"counts": func(m *rma.Moved) { n := 0; m.Lines[0].Restocked = &n },
	} {
		t.Run(name, func(t *testing.T) {
			s := openReturning(t)
			id := s.approved(t)
			_, err := s.Receive(t.Context(), id, 0, nil)
			require.NoError(t, err)
			m := s.there(1, rma.Refunded)
			m.Refund = &tenEuros
			change(&m)
			r := s.adopts(t, id, m)
			require.Len(t, r.Receipts, 1)
			require.True(t, r.Receipts[0].Moved)
			require.Equal(t, m.Lines[0].SKU, r.Lines[0].SKU)
			s.later(t)
			require.Len(t, s.orders.refunded, 1)
		})
	}
}
