package statestore

import (
	"context"
	"errors"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
)

// Letters is the store of the letters about orders.
type Letters struct{ queue *mailroom.Queue }

// NewLetters gives the store of letters in db.
func NewLetters(db *state.DB) *Letters { return &Letters{queue: mailroom.New(db)} }

// Queue gives the letters that are not sent yet.
func (s *Letters) Queue() *mailroom.Queue { return s.queue }

// Post writes the letters that news of orders call for. State: 1 bulk get (orders
// and letters), 1 transaction. While neither the list of unsent mail nor the
// journal takes more, it leaves them out and counts them: the mail server's trouble
// must hold up neither events nor buyers.
func (s *Letters) Post(ctx context.Context, all []letters.News) error {
	if s.queue.Crowded() {
		s.queue.Skip(len(all))
		return nil
	}
	err := s.queue.Post(ctx, func(tx *state.Tx) ([]mail.Letter, error) { return wanted(tx, all) })
	if errors.Is(err, state.ErrBacklog) {
		s.queue.Skip(len(all))
		return nil
	}
	return err
}

func wanted(tx *state.Tx, all []letters.News) ([]mail.Letter, error) {
	var keys []string
	for _, n := range all {
		keys = append(keys, orders.Key(n.OrderID), mailroom.Key(n.ID()))
	}
	if err := tx.Load(keys...); err != nil {
		return nil, err
	}
	var out []mail.Letter
	for _, n := range all {
		o, err := getOrder(tx, n.OrderID)
		if err != nil && !errors.Is(err, order.ErrMissing) {
			return nil, err
		}
		if err == nil && letters.Wanted(o) {
			out = append(out, n.Letter())
		}
	}
	return out, nil
}
