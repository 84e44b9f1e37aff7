package mailroom

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// pausing is a store that calls during, once, before it writes a page of the list.
type pausing struct {
	*statetest.Memory
	armed  atomic.Bool
	during func()
}

func (s *pausing) Commit(ctx context.Context, ops ...state.Op) error {
	for _, op := range ops {
		if op.Key == lists.Key(pageOf("a")) && s.armed.CompareAndSwap(true, false) {
			s.during()
		}
	}
	return s.Memory.Commit(ctx, ops...)
}

type nowhere struct{}

func (nowhere) Publish(context.Context, []byte) error { return nil }

type words struct{}

func (words) Compose(context.Context, mail.Letter) (mail.Message, error) {
	return mail.Message{To: "ana@example.com", Subject: "Hola", Text: "Hola", Language: "es"}, nil
}

// counter counts messages, and calls first for the first one.
type counter struct {
	sent  int
	first func()
}

func (c *counter) Send(context.Context, mail.Message) error {
	if c.sent++; c.sent == 1 {
		c.first()
	}
	return nil
}

// An event comes again when its letter is sent and gone, and only the line of the list
// is not: the letter that is written anew is a letter like any other. It does not stay in
// the journal for as long as the replica lives.
func TestALetterAgainWhileItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		store, log := &pausing{Memory: statetest.NewMemory()}, slog.New(slog.DiscardHandler)
		db := state.OpenOutbox(store, nowhere{}, log)
		m, server := New(db), &counter{first: func() { store.armed.Store(true) }}
		sender := mail.NewSender(m, words{}, server, time.Now, log)
		m.Start(sender)
		ended := make(chan error, 2)
		go func() { ended <- db.Start(ctx, time.Second) }()
		require.NoError(t, m.Post(ctx, letter("a")))
		require.NoError(t, m.List(ctx, "a"))
		store.during = func() {
			posted := make(chan error)
			go func() { posted <- m.Post(ctx, letter("a")) }()
			require.NoError(t, <-posted)
		}
		go func() { ended <- sender.Part(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()

		require.Equal(t, 2, server.sent)
		require.Zero(t, sender.Stats().Waiting)
		require.Zero(t, db.OutboxStats().Backlog, "the journal waits for nothing")
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
	})
}
