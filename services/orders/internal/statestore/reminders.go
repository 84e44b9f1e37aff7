package statestore

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/shopper"
)

// Who has changed a cart on a day stands in so many documents, in each at most so many:
// with more than 16,000 a day some are not reminded.
const (
	leftParts  = 16
	leftMost   = 1000
	remindMost = 50 // in one transaction
)

// leftCarts are customers who have changed their carts on a day.
type leftCarts struct {
	Users []string `json:"users"`          // IDs that nobody has looked at yet
	Done  []string `json:"done,omitempty"` // the others: they are not listed again
}

var left = state.Collection[leftCarts]{Prefix: "carts-changed:", TTL: 7 * 24 * time.Hour}

func leftPart(day string, part uint32) string { return fmt.Sprintf("%s:%d", day, part) }

func leftPartOf(day, user string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user))
	return leftPart(day, h.Sum32()%leftParts)
}

// noteChanged lists the customer whose cart is about to be written, once a day.
func noteChanged(tx *state.Tx, owner shopper.Owner, c *cart.Cart) error {
	user := owner.UserID()
	day := c.UpdatedAt.UTC().Format(cart.DayFormat)
	if user == "" {
		return nil
	}
	// On a store that keeps halves the cart may have landed without the list.
	again, err := tx.Ours(userCarts.Key(string(owner)))
	if err != nil || !c.Note(day) && !again {
		return err
	}
	part := leftPartOf(day, user)
	l, _, err := left.Get(tx, part)
	if err != nil || len(l.Users)+len(l.Done) >= leftMost || slices.Contains(l.Users, user) || slices.Contains(l.Done, user) {
		return err
	}
	l.Users = append(l.Users, user)
	return left.Put(tx, part, l)
}

// Reminders implements cart.Reminding.
type Reminders struct {
	db    *state.DB
	queue *mailroom.Queue
}

// NewReminders gives the reminders in db, whose letters go through a queue.
func NewReminders(db *state.DB, queue *mailroom.Queue) *Reminders {
	return &Reminders{db: db, queue: queue}
}

// Remind implements cart.Reminding. State: 1 bulk get; for each 50 customers who are
// due 1 get, 1 bulk get of their carts and letters, 1 transaction.
func (s *Reminders) Remind(ctx context.Context, day string) error {
	parts := make([]string, leftParts)
	for i := range parts {
		parts[i] = leftPart(day, uint32(i))
	}
	waiting := map[string]int{}
	err := s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(left.Keys(parts...)...); err != nil {
			return err
		}
		for _, p := range parts {
			l, _, err := left.Get(tx, p)
			if err != nil {
				return err
			}
			waiting[p] = len(l.Users)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range parts {
		for n := waiting[p]; n > 0 && !s.queue.Crowded(); n -= remindMost {
			if err := s.queue.Post(ctx, func(tx *state.Tx) ([]mail.Letter, error) { return reminders(tx, p, day) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// reminders gives the letters to the first of a part whose carts were left, and takes
// them off it in the same transaction.
func reminders(tx *state.Tx, part, day string) ([]mail.Letter, error) {
	l, ok, err := left.Get(tx, part)
	if err != nil || !ok || len(l.Users) == 0 {
		return nil, err
	}
	due := l.Users[:min(len(l.Users), remindMost)]
	var keys []string
	for _, user := range due {
		keys = append(keys, userCarts.Key(string(shopper.User(user))))
	}
	if err := tx.Load(keys...); err != nil {
		return nil, err
	}
	var out []mail.Letter
	for _, user := range due {
		c, err := getCart(tx, shopper.User(user))
		if err != nil {
			return nil, err
		}
		if c.Abandoned(day) {
			out = append(out, letters.Reminder(user, c))
		}
	}
	return out, left.Put(tx, part, leftCarts{Users: slices.Clone(l.Users[len(due):]), Done: append(l.Done, due...)})
}

// CartOf implements letters.Carts. State: 1 get.
func (s *Carts) CartOf(ctx context.Context, userID string) (c *cart.Cart, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		c, err = getCart(tx, shopper.User(userID))
		return err
	})
	return c, err
}
