package statestore

import (
	"context"
	"errors"
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
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/letters"
	"tienda/services/support/internal/rma"
)

var errAway = errors.New("away")

// server is a mail server, and what it took.
type server struct {
	mu   sync.Mutex
	away bool
	took []string
}

func (s *server) Send(_ context.Context, m mail.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	s.took = append(s.took, m.Subject)
	return nil
}

func (s *server) set(away bool) {
	s.mu.Lock()
	s.away = away
	s.mu.Unlock()
}

func (s *server) letters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.took)
}

// broker is a topic: the letters that were stored when each event came.
type broker struct {
	docs *statetest.Memory
	mu   sync.Mutex
	with [][]string
}

func (b *broker) Publish(context.Context, []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.with = append(b.with, b.docs.Keys("mail:"))
	return nil
}

func (b *broker) stored() [][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.with)
}

type anOrder struct{}

func (anOrder) Letter(context.Context, string) (letters.Order, error) {
	return letters.Order{Number: "T-1", Email: "ana@example.com", Language: "en"}, nil
}

// writer is a replica of support that writes letters.
type writer struct {
	*Returns
	written *Letters
	sender  *mail.Sender
	stop    func()
}

func startWriter(docs state.Store, topic state.Topic, to mail.Mailer) writer {
	log := slog.New(slog.DiscardHandler)
	db := state.OpenOutbox(docs, topic, log)
	w := writer{Returns: NewReturns(db), written: NewLetters(db)}
	w.sender = mail.NewSender(w.written.Queue(), letters.NewComposer(NewTickets(db), w.Returns, anOrder{}, nil), to, time.Now, log)
	w.written.Queue().Start(w.sender)
	w.written.OnLeft()
	db.OnPublish(events.Write(w.written))
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = w.sender.Part(ctx) })
	behind, stopDB := context.WithCancel(context.Background())
	var outbox sync.WaitGroup
	outbox.Go(func() { _ = db.Start(behind, 0) })
	w.stop = func() { stop(); parts.Wait(); stopDB(); outbox.Wait() }
	return w
}

// approve opens a return and approves it.
func (w writer) approve(t *testing.T, id, orderID string) {
	t.Helper()
	_, err := w.Change(t.Context(), orderID, request(id, orderID, "ana"))
	require.NoError(t, err)
	_, err = w.Change(t.Context(), orderID, func(o *rma.OfOrder) error { return o.Approve(id, 0, rma.Label{}, now) })
	require.NoError(t, err)
}

// The letter is written down before the event goes out, there is one however
// often it is told of, and it leaves nothing once it is sent.
func TestALetterIsWrittenBeforeTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &server{away: true}
		topic := &broker{docs: docs}
		w := startWriter(docs, topic, smtp)
		defer w.stop()
		w.approve(t, "r", "o")
		time.Sleep(time.Second)
		require.Equal(t, [][]string{nil, {mailroom.Key("o:return_approved:r")}}, emptied(topic.stored()), "of a request nobody is written")
		require.NoError(t, w.written.Post(t.Context(), []letters.News{{Kind: letters.ReturnApproved, About: "r", OrderID: "o", At: time.Now()}}))
		smtp.set(false)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"Your return of order T-1 is approved"}, smtp.letters())
		require.Empty(t, docs.Keys("mail:"))
	})
}

func emptied(all [][]string) [][]string {
	for i, one := range all {
		if len(one) == 0 {
			all[i] = nil
		}
	}
	return all
}

// mute is a mail server behind a store that is cut off when a letter is to be sent.
type mute struct{ c *cut }

func (m mute) Send(context.Context, mail.Message) error {
	m.c.mu.Lock()
	m.c.dead = true
	m.c.mu.Unlock()
	return errAway
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

// The replica dies between the commit and the sending: another one sends.
func TestTheLettersOfADeadReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &server{}
		mortal := &cut{Store: docs}
		first := startWriter(mortal, &broker{docs: docs}, mute{mortal})
		defer first.stop()
		first.approve(t, "r", "o")
		time.Sleep(time.Second) // it dies on its first letter
		second := startWriter(docs, &broker{docs: docs}, smtp)
		defer second.stop()
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"Your return of order T-1 is approved"}, smtp.letters())
		require.Empty(t, docs.Keys("mail:"))
	})
}

// Where neither the mail server nor the list takes letters, agents go on without
// them, and what is not written is counted.
func TestTroubleWithTheMailHoldsUpNobody(t *testing.T) {
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
		w := startWriter(docs, &broker{docs: docs}, &server{away: true})
		defer w.stop()
		for n := range 1100 {
			w.approve(t, id(n), "o"+id(n))
		}
		time.Sleep(time.Minute)
		s := w.sender.Stats()
		require.GreaterOrEqual(t, s.Waiting, 1000)
		require.Equal(t, int64(1100-s.Waiting), s.GivenUp)
	})
}

func id(n int) string {
	return "r" + string(rune('a'+n/676%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n%26))
}
