package statestore

import (
	"context"
	"errors"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/support/internal/letters"
)

// Letters is the store of the letters to customers.
type Letters struct {
	db    *state.DB
	queue *mailroom.Queue
}

// NewLetters gives the store of letters in db.
func NewLetters(db *state.DB) *Letters { return &Letters{db: db, queue: mailroom.New(db)} }

// Queue gives the letters that are not sent yet.
func (s *Letters) Queue() *mailroom.Queue { return s.queue }

// OnLeft has the letters listed that a replica had not sent when it died. Call it
// once, before the service starts.
func (s *Letters) OnLeft() {
	s.db.OnUnfinished(func(ctx context.Context, key string) error {
		if id, letter := mailroom.Is(key); letter {
			return s.queue.List(ctx, id)
		}
		return nil
	})
}

// Post writes the letters that news call for. State: 1 bulk get, 1 transaction.
// While neither the list of unsent mail nor the journal takes more, it leaves them
// out and counts them: the mail server's trouble must hold up neither events nor
// agents.
func (s *Letters) Post(ctx context.Context, all []letters.News) error {
	if s.queue.Crowded() {
		s.queue.Skip(len(all))
		return nil
	}
	keys, out := make([]string, len(all)), make([]mail.Letter, len(all))
	for i, n := range all {
		keys[i], out[i] = mailroom.Key(n.ID()), n.Letter()
	}
	err := s.queue.Post(ctx, func(tx *state.Tx) ([]mail.Letter, error) { return out, tx.Load(keys...) })
	if errors.Is(err, state.ErrBacklog) {
		s.queue.Skip(len(all))
		return nil
	}
	return err
}
