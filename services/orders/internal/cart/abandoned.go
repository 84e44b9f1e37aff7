package cart

import (
	"context"
	"errors"
	"time"
)

// How long a cart is kept after its last change. It goes by the store's TTL.
const (
	GuestLife    = 30 * 24 * time.Hour
	CustomerLife = 90 * 24 * time.Hour
)

// remindAfter is how many days a customer's cart is left alone before its owner is
// reminded of it; the day before that is looked at as well, for when nobody ran.
var remindAfter = []int{2, 3}

const day = 24 * time.Hour

// DayFormat is how the days of UTC are written that carts are noted under.
const DayFormat = time.DateOnly

// Note says whether the owner of a changed cart is to be listed among those who have
// changed theirs on a day: once a day.
func (c *Cart) Note(day string) bool {
	if c.Noted == day {
		return false
	}
	c.Noted = day
	return true
}

// Abandoned says whether the cart still has something and was not changed since a day.
func (c *Cart) Abandoned(day string) bool {
	return len(c.Lines) > 0 && c.UpdatedAt.UTC().Format(DayFormat) <= day
}

// Until says when the cart of a customer goes.
func (c *Cart) Until() time.Time { return c.UpdatedAt.Add(CustomerLife) }

// Reminding lists who has left a cart.
type Reminding interface {
	// Remind has each customer written, once, who has a cart that was last changed on a
	// day.
	Remind(ctx context.Context, day string) error
}

// Reminders has customers reminded of carts that they have left.
type Reminders struct {
	store Reminding
	now   func() time.Time
}

// NewReminders gives the reminders over their store and a clock.
func NewReminders(store Reminding, now func() time.Time) *Reminders {
	return &Reminders{store: store, now: now}
}

// Run has those written whose time has come. Any replica may run it, at any time.
func (r *Reminders) Run(ctx context.Context) error {
	var errs []error
	for _, n := range remindAfter {
		errs = append(errs, r.store.Remind(ctx, r.now().UTC().Add(-time.Duration(n)*day).Format(DayFormat)))
	}
	return errors.Join(errs...)
}
