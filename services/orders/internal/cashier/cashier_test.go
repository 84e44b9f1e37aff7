package cashier

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/payment/paymenttest"
	"tienda/services/orders/internal/pricing"
)

// book keeps orders as documents, and what is noted about them.
type book struct {
	mu       sync.Mutex
	docs     map[string][]byte
	listed   map[string]bool
	finished map[string]int
	noList   bool // it cannot be written
}

func newBook() *book {
	return &book{docs: map[string][]byte{}, listed: map[string]bool{}, finished: map[string]int{}}
}

func (b *book) put(o *order.Order) {
	doc, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	b.docs[o.ID] = doc
}

func (b *book) get(id string) (*order.Order, error) {
	doc, ok := b.docs[id]
	if !ok {
		return nil, order.ErrMissing
	}
	var o order.Order
	return &o, json.Unmarshal(doc, &o)
}

func (b *book) Get(_ context.Context, id string) (*order.Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.get(id)
}

func (b *book) Update(_ context.Context, id string, fn func(*order.Order) error) (*order.Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, err := b.get(id)
	if err != nil {
		return nil, err
	}
	if err := fn(o); err != nil {
		return nil, err
	}
	b.put(o)
	return o, nil
}

func (b *book) Finished(id string, _ int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished[id]++
}

func (b *book) MarkUnsettled(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.noList {
		return errors.New("the list is away")
	}
	b.listed[id] = true
	return nil
}

func (b *book) InTrace(ctx context.Context, _, _ string, do func(context.Context) error) error {
	return do(ctx)
}

// world is a cashier over a fake provider and a clock of its own.
type world struct {
	*Service
	book     *book
	provider *paymenttest.Fake
	clock    time.Time
}

func newWorld() *world {
	w := &world{book: newBook(), provider: paymenttest.NewFake(), clock: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	w.Service = NewService(w.book, w.provider, func() time.Time { return w.clock })
	return w
}

// pending gives an order of 1000 that is to be paid by card.
func (w *world) pending(token string) *order.Order {
	id := uuid.NewString()
	o := &order.Order{
		ID: id, Status: order.Pending, Currency: "EUR", CreatedAt: w.clock, Lines: []order.Line{{SKU: "A", Quantity: 4}},
		Payment: order.Payment{Method: order.Card, Status: order.PaymentPending, Card: payment.New(id, token, w.clock)},
	}
	w.book.put(o)
	return o
}

const total = 1000

func (w *world) confirm(t *testing.T, id, key string, out payment.Outcome) {
	t.Helper()
	_, err := w.book.Update(t.Context(), id, func(o *order.Order) error {
		if err := o.NotePayment(key, out, w.clock); err != nil {
			return err
		}
		unit := money.New(total/4, "EUR")
		line := order.Line{SKU: "A", Quantity: 4, UnitPrice: &unit}
		b, err := pricing.Price(pricing.Request{Lines: []pricing.Line{{SKU: "A", Quantity: 4, Unit: unit.Amount}}})
		if err != nil {
			return err
		}
		return o.Confirm(order.Bill{Lines: []order.Line{line}, Breakdown: b}, w.clock)
	})
	require.NoError(t, err)
}

// bought gives the ID of a confirmed order.
func (w *world) bought(t *testing.T, token string) string {
	t.Helper()
	o := w.pending(token)
	out, err := w.Authorise(t.Context(), o, total, true)
	require.NoError(t, err)
	w.confirm(t, o.ID, o.Payment.Card.Authorisation().Key, out)
	return o.ID
}

func (w *world) act(t *testing.T, id string, fn func(*order.Order) error) *order.Order {
	t.Helper()
	o, err := w.book.Update(t.Context(), id, fn)
	require.NoError(t, err)
	return o
}

func (w *world) ship(o *order.Order) error   { return o.Ship("", 0, w.clock) }
func (w *world) cancel(o *order.Order) error { return o.Cancel("no", 0, w.clock) }

func TestShippedIsCaptured(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_approves")
	o := w.act(t, id, func(*order.Order) error { return nil })
	require.Equal(t, order.Authorised, o.Payment.Status)
	require.False(t, o.Owes())
	require.True(t, w.act(t, id, w.ship).Owes())
	require.NoError(t, w.Run(t.Context(), id, true))
	require.NoError(t, w.Run(t.Context(), id, true), "a repeat has nothing to do")
	o = w.act(t, id, func(o *order.Order) error { return o.Deliver(0, w.clock) })
	require.Equal(t, order.Paid, o.Payment.Status)
	require.Equal(t, int64(total), o.Payment.Paid)
	require.Zero(t, o.Payment.Due)
	o = w.act(t, id, func(o *order.Order) error {
		_, err := o.Refund("r", []order.RefundLine{{SKU: "A", Quantity: 1}}, w.clock)
		return err
	})
	require.True(t, o.Owes())
	require.NoError(t, w.Run(t.Context(), id, true))
	_, taken, back := w.provider.Sums(id)
	require.Equal(t, []int64{total, total / 4}, []int64{taken, back})
}

// The goods are on their way and the money does not come: what is due is seen.
func TestACaptureIsDeclined(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_approves")
	w.act(t, id, w.ship)
	o := w.act(t, id, func(o *order.Order) error {
		return o.NotePayment(id+"-capture-1", payment.Outcome{Status: payment.Declined, Code: "expired"}, w.clock)
	})
	require.False(t, o.Owes())
	require.Equal(t, order.Due, o.Payment.Status)
	require.Equal(t, []int64{total, 0}, []int64{o.Payment.Due, o.Payment.Paid})
}

func TestCancelledIsVoided(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_loses")
	require.Equal(t, order.Void, w.act(t, id, w.cancel).Payment.Status)
	require.NoError(t, w.Run(t.Context(), id, true))
	held, taken, _ := w.provider.Sums(id)
	require.Zero(t, held+taken)
}

// A provider that does not give back: the order says that its money is kept.
func TestACancelledOrderWhoseRefundIsDeclined(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_approves")
	w.act(t, id, func(o *order.Order) error { return o.Payment.Card.Capture(id, total, w.clock) })
	require.NoError(t, w.Run(t.Context(), id, true))
	require.Equal(t, order.Refunded, w.act(t, id, w.cancel).Payment.Status)
	o := w.act(t, id, func(o *order.Order) error {
		return o.NotePayment(id+"-refund-1", payment.Outcome{Status: payment.Declined, Code: "too_late"}, w.clock)
	})
	require.False(t, o.Owes())
	require.Equal(t, []any{order.Paid, int64(total), int64(0)}, []any{o.Payment.Status, o.Payment.Paid, o.Payment.Refunded})
	require.Equal(t, "refund_declined", o.Payment.Card.State())
}

// Refunded before the capture is known: it is captured first.
func TestARefundWaitsForItsCapture(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_approves")
	w.act(t, id, w.ship)
	w.act(t, id, func(o *order.Order) error { return o.Deliver(0, w.clock) })
	w.act(t, id, func(o *order.Order) error {
		_, err := o.Refund("r", []order.RefundLine{{SKU: "A", Quantity: 4}}, w.clock)
		return err
	})
	require.NoError(t, w.Run(t.Context(), id, true))
	o, err := w.book.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, order.Refunded, o.Payment.Status)
	require.Equal(t, []int64{total, total, 0}, []int64{o.Payment.Paid, o.Payment.Refunded, o.Payment.Due})
	_, taken, back := w.provider.Sums(id)
	require.Equal(t, []int64{total, total}, []int64{taken, back})
}

// An order that is cancelled while nobody knows whether the card was asked: what
// arrives late is voided, and what does not arrive is given up, in time.
func TestWhatWasPerhapsAuthorised(t *testing.T) {
	for name, late := range map[string]bool{"it arrives": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			o := w.pending("sandbox_approves")
			w.act(t, o.ID, func(o *order.Order) error { return o.Refuse(order.ErrMissing, w.clock) })
			require.ErrorIs(t, w.Run(t.Context(), o.ID, true), ErrUnknown, "it may be on its way")
			if late {
				_, err := w.provider.Authorise(t.Context(), o.Payment.Card.Authorisation().Key, total, "EUR", "sandbox_approves")
				require.NoError(t, err)
			}
			w.clock = w.clock.Add(lateness)
			require.NoError(t, w.Run(t.Context(), o.ID, false))
			held, _, _ := w.provider.Sums(o.ID)
			require.Zero(t, held)
			got, err := w.book.Get(t.Context(), o.ID)
			require.NoError(t, err)
			require.Equal(t, "voided", got.Payment.Card.State())
			require.Empty(t, got.Payment.Card.Token)
		})
	}
}

// A request that reaches the provider when its authorisation is looked for no more:
// nobody knows of what is held until the provider tells by itself, and then it is given up.
func TestWhatArrivesAfterTheSearch(t *testing.T) {
	w := newWorld()
	o := w.pending("sandbox_approves")
	key := o.Payment.Card.Authorisation().Key
	w.act(t, o.ID, func(o *order.Order) error { return o.Refuse(order.ErrMissing, w.clock) })
	w.clock = w.clock.Add(lateness)
	require.NoError(t, w.Run(t.Context(), o.ID, false))
	out, err := w.provider.Authorise(t.Context(), key, total, "EUR", "sandbox_approves")
	require.NoError(t, err)
	held, _, _ := w.provider.Sums(o.ID)
	require.Equal(t, int64(total), held)
	require.NoError(t, w.Hear(t.Context(), Callback{ID: "evt-1", Key: key, Outcome: out}))
	require.NoError(t, w.Run(t.Context(), o.ID, false))
	held, _, _ = w.provider.Sums(o.ID)
	require.Zero(t, held)
	got, err := w.book.Get(t.Context(), o.ID)
	require.NoError(t, err)
	require.Equal(t, "voided", got.Payment.Card.State())
}

// What the recovery cannot be told of at once, it is told of later.
func TestWhatCannotBeListedIsKept(t *testing.T) {
	w := newWorld()
	id := w.bought(t, "sandbox_approves")
	w.act(t, id, w.ship)
	for range maxQueue { // nobody works on the queue
		w.Due(t.Context(), uuid.NewString())
	}
	w.book.noList = true
	w.Due(t.Context(), id)
	require.Error(t, w.Recover(t.Context()))
	require.Empty(t, w.book.listed)
	w.book.noList = false
	require.NoError(t, w.Recover(t.Context()))
	require.Equal(t, map[string]bool{id: true}, w.book.listed)
	w.book.listed = map[string]bool{}
	require.NoError(t, w.Recover(t.Context()))
	require.Empty(t, w.book.listed, "once it is listed, it is forgotten here")
}

func TestCallbacks(t *testing.T) {
	w := newWorld()
	o := w.pending("sandbox_approves")
	key := o.Payment.Card.Authorisation().Key
	out := payment.Outcome{Status: payment.Approved, Amount: total, Currency: "EUR", Reference: "auth-9"}
	for range 2 {
		require.NoError(t, w.Hear(t.Context(), Callback{ID: "evt-1", Key: key, Outcome: out}))
	}
	require.True(t, w.book.listed[o.ID], "the recovery goes on with it")
	o, err := w.book.Get(t.Context(), o.ID)
	require.NoError(t, err)
	require.Len(t, o.Payment.Card.Heard, 1)
	got, err := w.Authorise(t.Context(), o, total, false)
	require.NoError(t, err)
	require.Equal(t, out, got)
	require.Zero(t, w.provider.Calls(), "it is known")
	require.ErrorIs(t, w.Hear(t.Context(), Callback{ID: "evt-2", Key: "nonsense", Outcome: out}), payment.ErrUnknown)
	require.ErrorIs(t, w.Hear(t.Context(), Callback{ID: "evt-2", Key: uuid.NewString() + "-authorise-1", Outcome: out}), order.ErrMissing)
	require.ErrorIs(t, w.Hear(t.Context(), Callback{ID: "evt-2", Key: o.ID + "-authorise-7", Outcome: out}), payment.ErrUnknown)
}

// Answers are lost, look-ups fail, calls do not arrive, replicas work on one order at
// once: in the end the provider has done what the orders say, once.
func TestWhateverIsLostTheLedgersAgree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		w := newWorld()
		calm := false
		w.provider.Fates(func(what string) paymenttest.Fate {
			switch {
			case calm:
				return paymenttest.Answered
			case strings.HasPrefix(what, "lookup"):
				return []paymenttest.Fate{paymenttest.Answered, paymenttest.Unheard}[r.IntN(2)]
			}
			return paymenttest.Fate(r.IntN(3))
		})
		o := w.pending([]string{"sandbox_approves", "sandbox_declines", "sandbox_loses", "sandbox_fails"}[r.IntN(4)])
		key := o.Payment.Card.Authorisation().Key
		for tries := 0; ; tries++ {
			out, err := w.Authorise(t.Context(), o, total, tries == 0)
			if err != nil {
				require.ErrorIs(t, err, ErrUnknown)
				if r.IntN(8) == 0 { // the checkout comes to nothing meanwhile
					w.act(t, o.ID, func(o *order.Order) error { return o.Refuse(order.ErrMissing, w.clock) })
					break
				}
				continue
			}
			if o.Answers(out, total) != nil {
				w.act(t, o.ID, func(o *order.Order) error {
					if err := o.NotePayment(key, out, w.clock); err != nil {
						return err
					}
					return o.Refuse(order.ErrMissing, w.clock)
				})
			} else {
				w.confirm(t, o.ID, key, out)
			}
			break
		}
		for range 12 {
			_ = w.Run(t.Context(), o.ID, r.IntN(2) == 0)
			_, _ = w.book.Update(t.Context(), o.ID, func(o *order.Order) error { // whatever of it the order allows
				switch r.IntN(6) {
				case 0:
					return w.cancel(o)
				case 1:
					return w.ship(o)
				case 2:
					return o.Deliver(0, w.clock)
				case 3:
					_, err := o.Refund(uuid.NewString(), []order.RefundLine{{SKU: "A", Quantity: 1}}, w.clock)
					return err
				}
				return nil
			})
			_, taken, back := w.provider.Sums(o.ID)
			require.LessOrEqual(t, taken, int64(total))
			require.LessOrEqual(t, back, taken)
		}
		calm = true
		w.clock = w.clock.Add(lateness)
		for range 4 { // a card that fails does so once for each step
			_ = w.Run(t.Context(), o.ID, false)
		}
		require.NoError(t, w.Run(t.Context(), o.ID, false))
		got, err := w.book.Get(t.Context(), o.ID)
		require.NoError(t, err)
		held, taken, back := w.provider.Sums(o.ID)
		require.Equal(t, []int64{got.Payment.Paid, got.Payment.Card.Captured()}, []int64{taken, taken}, "%+v", got.Payment)
		require.Equal(t, got.Payment.Card.Refunded(), back)
		switch got.Status {
		case order.Cancelled:
			require.Zero(t, held, "%+v", w.provider.Operations())
			require.Equal(t, taken, back)
		case order.Shipped, order.Delivered:
			require.Equal(t, int64(total), taken)
			require.Equal(t, got.Payment.Refunded, back)
		default:
			require.Equal(t, []int64{total, 0}, []int64{held, taken})
		}
	}
}
