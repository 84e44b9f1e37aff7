package statestore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"tienda/internal/state"
	"tienda/services/orders/internal/erasure"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// erasures lists "<user ID>@<Unix time>" of accounts that were deleted.
var erasures = state.Index{Name: "erasures"}

// maxErasures is how many of them one turn takes on, erasePage how many orders
// are read in one call.
const (
	maxErasures = 50
	erasePage   = 100
)

// Erasures implements erasure.Store.
type Erasures struct{ *Orders }

// NewErasures gives the erasures in db.
func NewErasures(db *state.DB) *Erasures { return &Erasures{NewOrders(db)} }

func jobID(j erasure.Job) string { return j.UserID + "@" + strconv.FormatInt(j.At.Unix(), 10) }

// Note implements erasure.Store. State: 1 get, 1 save.
func (s *Erasures) Note(ctx context.Context, j erasure.Job) error {
	return s.db.Update(ctx, func(tx *state.Tx) error { return erasures.Append(tx, jobID(j)) })
}

// Done implements erasure.Store. State: 1 get, 1 save.
func (s *Erasures) Done(ctx context.Context, j erasure.Job) error {
	return s.db.Update(ctx, func(tx *state.Tx) error { return erasures.Remove(tx, jobID(j)) })
}

// Noted implements erasure.Store. State: 1 get.
func (s *Erasures) Noted(ctx context.Context) (jobs []erasure.Job, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		ids, _, err := erasures.List(tx, state.Position{}, maxErasures)
		for _, id := range ids {
			user, at, _ := strings.Cut(id, "@")
			if sec, err := strconv.ParseInt(at, 10, 64); err == nil {
				jobs = append(jobs, erasure.Job{UserID: user, At: time.Unix(sec, 0).UTC()})
			}
		}
		return err
	})
	return jobs, err
}

// all gives a page of the orders of an owner, those that were refused as well.
func (s *Erasures) all(ctx context.Context, owner shopper.Owner, from state.Position) (found []order.Order, next *state.Position, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		ids, after, err := ordersOf(owner).List(tx, from, erasePage)
		if err != nil {
			return err
		}
		next = after
		if from == (state.Position{}) { // with the first page, and bounded as the document is that has them
			dated, err := ordersOf(owner).Dated(tx)
			if err != nil {
				return err
			}
			for _, d := range dated {
				ids = append(ids, d.ID)
			}
		}
		for some := range slices.Chunk(ids, erasePage) {
			page, err := presentOrders(tx, some)
			if err != nil {
				return err
			}
			found = append(found, page...)
		}
		return nil
	})
	return found, next, err
}

// Erase implements erasure.Store. State: 1 bulk get and 1 transaction for the cart and the saved ones, 2 gets
// for each 100 orders, 1 get and 1 save for each that is not forgotten yet.
func (s *Erasures) Erase(ctx context.Context, userID string) error {
	owner := shopper.User(userID)
	err := s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(userCarts.Key(string(owner)), shelves.Key(userID)); err != nil {
			return err
		}
		if err := userCarts.Delete(tx, string(owner)); err != nil {
			return err
		}
		return shelves.Delete(tx, userID)
	})
	if err != nil {
		return err
	}
	for from := (&state.Position{}); from != nil; {
		page, next, err := s.all(ctx, owner, *from)
		if err != nil {
			return err
		}
		for _, o := range page {
			if o.Forgotten || o.Owner != owner {
				continue
			}
			after, err := s.Update(ctx, o.ID, func(o *order.Order) error {
				o.Forget()
				return nil
			})
			if err == nil && unfinished(after) { // this replica's journal has it now
				err = (&Checkouts{s.Orders}).MarkUnsettled(ctx, o.ID)
			}
			if err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}
