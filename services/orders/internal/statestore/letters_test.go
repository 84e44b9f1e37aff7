package statestore

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
	"tienda/services/orders/internal/terms"
)

// post is a mail server: the subjects that it took, unless it is away.
type post struct {
	mu   sync.Mutex
	away bool
	took []string
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errAway
	}
	p.took = append(p.took, m.Subject)
	return nil
}

func (p *post) back() {
	p.mu.Lock()
	p.away = false
	p.mu.Unlock()
}

func (p *post) letters() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.took)
}

// writer is a replica of orders that sends letters.
type writer struct {
	saga   *Checkouts
	mail   *mailroom.Queue
	shop   *checkout.Service
	sender *mail.Sender
	stop   func()
}

func startWriter(docs state.Store, topic state.Topic, to mail.Mailer) writer {
	db := state.OpenOutbox(docs, topic, slog.New(slog.DiscardHandler))
	written := NewLetters(db)
	w := writer{saga: NewCheckouts(db), mail: written.Queue()}
	w.sender = mail.NewSender(w.mail, letters.NewComposer(w.saga).WithReminders(NewCarts(db), readers{}), to, time.Now, slog.New(slog.DiscardHandler))
	w.mail.Start(w.sender)
	w.shop = checkout.NewService(w.saga, nil, &shelf{}, terms.NewModel(NewPromotions(db), time.Now), nil, nil)
	w.saga.OnLeft(w.shop.Abandoned, w.mail.List)
	db.OnPublish(events.Write(written, NewHistory(db)))
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = w.sender.Part(ctx) })
	behind, stopDB := context.WithCancel(context.Background())
	var outbox sync.WaitGroup
	outbox.Go(func() { _ = db.Start(behind, 0) })
	w.stop = func() { stop(); parts.Wait(); stopDB(); outbox.Wait() }
	return w
}

func (w writer) buy(t *testing.T, n int) *order.Order {
	t.Helper()
	who := shopper.Shopper{User: fmt.Sprint("user-", n)}
	_, err := NewCarts(w.saga.db).Update(t.Context(), who, func(c *cart.Cart) error { return c.Set("A", 1, time.Now()) })
	require.NoError(t, err)
	o, _, err := w.shop.Submit(t.Context(), who, checkout.Request{
		Key: "the-key-of-it", Fingerprint: "f", Email: "ana@example.com", Currency: "EUR", Address: &order.Address{},
	})
	require.NoError(t, err)
	return o
}

// heard is a topic, and what was stored when it got an event.
type heard struct {
	docs *statetest.Memory
	mu   sync.Mutex
	with [][]string // of each event, the letters that were stored
}

func (h *heard) Publish(context.Context, []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.with = append(h.with, h.docs.Keys("mail:"))
	return nil
}

func (h *heard) stored() [][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.with)
}

// The letter is written down before the event goes out, and leaves nothing once it
// is sent.
func TestALetterIsWrittenBeforeTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &post{away: true}
		topic := &heard{docs: docs}
		w := startWriter(docs, topic, smtp)
		defer w.stop()
		o := w.buy(t, 1)
		time.Sleep(time.Second)
		require.Equal(t, [][]string{{mailroom.Key(o.ID + ":confirmed")}}, topic.stored())
		smtp.back()
		time.Sleep(time.Minute)
		require.Equal(t, []string{"Your order " + o.Number}, smtp.letters())
		_, err := w.saga.Update(t.Context(), o.ID, func(o *order.Order) error { return o.Ship("1Z", 0, time.Now()) })
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.Equal(t, []string{"Your order " + o.Number, "Your order " + o.Number + " is on its way"}, smtp.letters())
		require.Empty(t, docs.Keys("mail:"))
	})
}

// The replica dies between the commit and the sending: another one sends.
func TestTheLettersOfADeadReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &post{}
		mortal := &cut{Store: docs}
		first := startWriter(mortal, deaf{}, mute{mortal})
		defer first.stop()
		o := first.buy(t, 1)
		time.Sleep(time.Second) // it dies on its first letter
		second := startWriter(docs, deaf{}, smtp)
		defer second.stop()
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"Your order " + o.Number}, smtp.letters())
		require.Empty(t, docs.Keys("mail:"))
	})
}

// cut is a store that a replica reaches until it dies.
type cut struct {
	state.Store
	mu   sync.Mutex
	dead bool
}

func (c *cut) ask() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errAway
	}
	return nil
}

func (c *cut) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	return c.Store.Get(ctx, keys...)
}

func (c *cut) Commit(ctx context.Context, ops ...state.Op) error {
	if err := c.ask(); err != nil {
		return err
	}
	return c.Store.Commit(ctx, ops...)
}

// mute has its replica die when a letter is to be sent.
type mute struct{ c *cut }

func (m mute) Send(context.Context, mail.Message) error {
	m.c.mu.Lock()
	m.c.dead = true
	m.c.mu.Unlock()
	return errAway
}

// Where neither the mail server nor the list takes letters, the shop goes on
// selling without them, and counts what it has not written.
func TestTroubleWithTheMailKeepsNobodyFromBuying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := statetest.NewMemory()
		docs.BeforeCommit = func(ops []state.Op) error {
			for _, op := range ops {
				if strings.HasPrefix(op.Key, "mail-list:") {
					return errAway
				}
			}
			return nil
		}
		w := startWriter(docs, deaf{}, &post{away: true})
		defer w.stop()
		for n := range 1100 {
			require.Equal(t, order.Confirmed, w.buy(t, n).Status)
		}
		time.Sleep(time.Minute)
		s := w.sender.Stats()
		require.GreaterOrEqual(t, s.Waiting, 1000)
		require.Equal(t, int64(1100-s.Waiting), s.GivenUp)
	})
}
