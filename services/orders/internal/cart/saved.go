package cart

import (
	"context"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/shopper"
)

// MaxSaved is how many carts a customer can keep.
const MaxSaved = 20

// Errors of saved carts.
var (
	ErrNoSaved     = fault.Missing("saved cart")
	errEmptySaved  = fault.New(fault.Unprocessable, "cart_empty", "There is nothing in the cart to save.")
	errTooMany     = fault.New(fault.Conflict, "too_many_saved_carts", "A customer keeps at most 20 carts.")
	errNameTaken   = fault.New(fault.Conflict, "name_taken", "You keep another cart under this name.").At("/name", "is the name of another saved cart")
	errSavedChange = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The saved cart has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Saved is what was in a customer's cart when it was saved under a name.
type Saved struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Lines   []Line    `json:"lines"` // with what was shown of them then
	SavedAt time.Time `json:"saved_at"`
	Version int64     `json:"version"` // 1 when it was first saved
}

// Shelf is the saved carts of one customer, the one that was saved last at the end.
type Shelf struct {
	Carts []Saved `json:"carts"`

	changed bool
}

// Changed says whether the shelf differs from what was read.
func (s *Shelf) Changed() bool { return s.changed }

// Find gives a saved cart; ErrNoSaved.
func (s *Shelf) Find(id string) (Saved, error) {
	if i := s.find(id); i >= 0 {
		return s.Carts[i], nil
	}
	return Saved{}, ErrNoSaved
}

func (s *Shelf) find(id string) int {
	return slices.IndexFunc(s.Carts, func(c Saved) bool { return c.ID == id })
}

// Keep saves lines under an ID and a name, in place of what was saved under the ID;
// the same again changes nothing. version is that of the saved cart which the caller
// has seen, 0 for any, here and below.
func (s *Shelf) Keep(id, name string, lines []Line, version int64, now time.Time) (Saved, error) {
	at := s.find(id)
	named := slices.IndexFunc(s.Carts, func(c Saved) bool { return strings.EqualFold(c.Name, name) })
	switch {
	case version != 0 && (at < 0 || s.Carts[at].Version != version):
		return Saved{}, errSavedChange
	case len(lines) == 0:
		return Saved{}, errEmptySaved
	case named >= 0 && named != at:
		return Saved{}, errNameTaken
	case at < 0 && len(s.Carts) >= MaxSaved:
		return Saved{}, errTooMany
	}
	kept := Saved{ID: id, Name: name, Lines: slices.Clone(lines), SavedAt: now, Version: 1}
	if at >= 0 {
		was := s.Carts[at]
		if was.Name == name && slices.EqualFunc(was.Lines, lines, sameGoods) {
			return was, nil
		}
		kept.Version = was.Version + 1
		s.Carts = slices.Delete(s.Carts, at, at+1)
	}
	s.Carts, s.changed = append(s.Carts, kept), true
	return kept, nil
}

func sameGoods(a, b Line) bool { return a.SKU == b.SKU && a.Quantity == b.Quantity }

// Drop takes a saved cart away.
func (s *Shelf) Drop(id string, version int64) error {
	at := s.find(id)
	switch {
	case at < 0:
		return ErrNoSaved
	case version != 0 && s.Carts[at].Version != version:
		return errSavedChange
	}
	s.Carts, s.changed = slices.Delete(s.Carts, at, at+1), true
	return nil
}

// Restore puts lines into the cart that are not there, and raises to their quantities
// those that are there with less: a repeat changes nothing. ErrFull: there is no room
// for all, and none is put in.
func (c *Cart) Restore(lines []Line, now time.Time) error {
	more := 0
	for _, l := range lines {
		if c.find(l.SKU) < 0 {
			more++
		}
	}
	if len(c.Lines)+more > MaxLines {
		return ErrFull
	}
	for _, l := range lines {
		i := c.find(l.SKU)
		switch {
		case i < 0:
			c.Lines = append(c.Lines, l)
		case c.Lines[i].Quantity < l.Quantity:
			c.Lines[i].Quantity = l.Quantity
		default:
			continue
		}
		c.touch(now)
	}
	return nil
}

// Shelves keeps the saved carts of customers.
type Shelves interface {
	// Shelf gives those of a customer.
	Shelf(ctx context.Context, userID string) (Shelf, error)
	// UpdateShelf runs fn over a customer's cart and shelf and stores the shelf if it
	// changed. fn may run more than once, and does not change the cart.
	UpdateShelf(ctx context.Context, userID string, fn func(*Cart, *Shelf) error) error
}

// Saves is what a customer can do with saved carts.
type Saves struct {
	store Shelves
	carts *Service
}

// NewSaves gives the service over its store and that of the carts.
func NewSaves(store Shelves, carts *Service) *Saves { return &Saves{store: store, carts: carts} }

// List gives the saved carts, the newest first.
func (s *Saves) List(ctx context.Context, userID string) ([]Saved, error) {
	shelf, err := s.store.Shelf(ctx, userID)
	slices.Reverse(shelf.Carts)
	return shelf.Carts, err
}

// Keep saves what is in the customer's cart, which stays as it is.
func (s *Saves) Keep(ctx context.Context, userID, id, name string, version int64) (kept Saved, err error) {
	err = s.store.UpdateShelf(ctx, userID, func(c *Cart, shelf *Shelf) (err error) {
		kept, err = shelf.Keep(id, name, c.Lines, version, s.carts.now())
		return err
	})
	return kept, err
}

// Drop takes a saved cart away.
func (s *Saves) Drop(ctx context.Context, userID, id string, version int64) error {
	return s.store.UpdateShelf(ctx, userID, func(_ *Cart, shelf *Shelf) error { return shelf.Drop(id, version) })
}

// Restore puts a saved cart's lines into the customer's cart and prices it. What has
// changed since the cart was saved is among its changes.
func (s *Saves) Restore(ctx context.Context, who shopper.Shopper, id string, f For) (Priced, error) {
	shelf, err := s.store.Shelf(ctx, who.User)
	if err != nil {
		return Priced{}, err
	}
	saved, err := shelf.Find(id)
	if err != nil {
		return Priced{}, err
	}
	return s.carts.priced(ctx, who, f, func(c *Cart) error { return c.Restore(saved.Lines, s.carts.now()) }, nil)
}
