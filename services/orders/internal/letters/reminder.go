package letters

import (
	"context"
	"strconv"
	"time"

	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/services/orders/internal/cart"
)

// cartReminder is the letter about a cart that was left.
const cartReminder mail.Kind = "cart_reminder"

// Reminder gives the letter to a customer about a cart that was left as it is.
func Reminder(userID string, c *cart.Cart) mail.Letter {
	at := strconv.FormatInt(c.UpdatedAt.UnixMilli(), 10)
	return mail.Letter{ID: "cart:" + userID + ":" + at, Kind: cartReminder, About: userID, Ref: at, At: time.Now().UTC()}
}

// Carts gives the carts of customers.
type Carts interface {
	CartOf(ctx context.Context, userID string) (*cart.Cart, error)
}

// Reader is who a letter may go to.
type Reader struct {
	Email, Language string
	Marketing       bool // has allowed mail that nobody needs
}

// Readers gives the customers; fault.NotFound: the account is gone.
type Readers interface {
	Reader(ctx context.Context, userID string) (Reader, error)
}

// Reminders puts letters about carts into words, and all others as Composer does.
type Reminders struct {
	*Composer
	carts   Carts
	readers Readers
}

// WithReminders gives a composer that knows letters about carts as well.
func (c *Composer) WithReminders(carts Carts, readers Readers) *Reminders {
	return &Reminders{Composer: c, carts: carts, readers: readers}
}

// Compose implements mail.Composer. A letter about a cart: state 1 get, 1 invocation of
// users. It is moot where the cart has changed since, and for who has not allowed
// marketing.
func (c *Reminders) Compose(ctx context.Context, l mail.Letter) (mail.Message, error) {
	if l.Kind != cartReminder {
		return c.Composer.Compose(ctx, l)
	}
	now, err := c.carts.CartOf(ctx, l.About)
	if err != nil {
		return mail.Message{}, err
	}
	if len(now.Lines) == 0 || Reminder(l.About, now).ID != l.ID {
		return mail.Message{}, mail.ErrMoot
	}
	who, err := c.readers.Reader(ctx, l.About)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return mail.Message{}, mail.ErrMoot
	case err != nil:
		return mail.Message{}, err
	case !who.Marketing || who.Email == "":
		return mail.Message{}, mail.ErrMoot
	}
	pieces := 0
	for _, line := range now.Lines {
		pieces += line.Quantity
	}
	return templates.Write(cartReminder, who.Email, who.Language, struct {
		Pieces int
		Until  string // ISO 8601, the same in all languages
	}{pieces, now.Until().UTC().Format(time.DateOnly)})
}
