package statestore

import (
	"context"

	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Sync is how the catalog takes over what another system has, while that is still in use.
// Nothing of it is announced; what is changed here is, from Announce on.
type Sync struct {
	Categories intake.Kind[product.MovedCategory]
	Products   intake.Kind[product.Moved]
	Stock      intake.Kind[inventory.Moved]
}

// NewSync gives the kinds over a database and a contract with the schemas SyncCategory,
// SyncProduct and SyncStock. stored is told of how many documents of a batch were.
func NewSync(db *state.DB, c *contract.Contract, stored func(ctx context.Context, documents int)) (*Sync, error) {
	var checks [3]func([]byte) []fault.Field
	for i, name := range []string{"SyncCategory", "SyncProduct", "SyncStock"} {
		schema, err := c.Schema(name)
		if err != nil {
			return nil, err
		}
		checks[i] = schema.Check
	}
	s := &Sync{Categories: movedCategories(), Products: movedProducts(), Stock: movedStock()}
	s.Categories.DB, s.Products.DB, s.Stock.DB = db, db, db
	s.Categories.Own, s.Products.Own, s.Stock.Own = ownCategories(), ownProducts(), ownStock(db)
	s.Categories.Check, s.Products.Check, s.Stock.Check = checks[0], checks[1], checks[2]
	told := func(ctx context.Context, ids []string) { stored(ctx, len(ids)) }
	s.Categories.Stored, s.Products.Stored, s.Stock.Stored = told, told, told
	// All categories are one document, and products and stock share the buckets of the index.
	index := make(chan struct{}, 1)
	s.Categories.Room, s.Products.Room, s.Stock.Room = make(chan struct{}, 1), index, index
	return s, nil
}

// Announce has every change of them that is not moved in announced.
func (s *Sync) Announce() {
	s.Categories.Announce(events.Topic)
	s.Products.Announce(events.Topic)
	s.Stock.Announce(events.Topic)
}

// movedCategories keeps categories in the one document of all. State: 1 bulk get, 1
// transaction a batch.
func movedCategories() intake.Kind[product.MovedCategory] {
	all := []string{categories.Key(allCategories)}
	change := func(tx *state.Tx, do func(*product.Categories) error) error {
		c, _, err := categories.Get(tx, allCategories)
		if err != nil {
			return err
		}
		if err := do(&c); err != nil {
			return err
		}
		return categories.Put(tx, allCategories, c)
	}
	read := func(tx *state.Tx, id string) (product.Category, bool, error) {
		c, _, err := categories.Get(tx, allCategories)
		if i := c.FindMoved(id); err == nil && i >= 0 {
			return c[i], true, nil
		}
		return product.Category{}, false, err
	}
	return intake.Kind[product.MovedCategory]{
		Name:    "categories",
		Keys:    func(string, *product.MovedCategory) []string { return all },
		GetKeys: func(string) []string { return all },
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			c, ok, err := read(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return &c.Origin, nil
		},
		Put: func(tx *state.Tx, d intake.Document[product.MovedCategory]) error {
			return change(tx, func(c *product.Categories) error {
				if d.Adopt {
					c.Adopt(d.ID)
				}
				return c.MoveIn(d.Value, d.ID, d.Source)
			})
		},
		Remove: func(tx *state.Tx, id string) error {
			return change(tx, func(c *product.Categories) error {
				c.MoveOut(id)
				return nil
			})
		},
		Get: func(tx *state.Tx, id string) (intake.Document[product.MovedCategory], bool, error) {
			c, ok, err := read(tx, id)
			return intake.Document[product.MovedCategory]{ID: id, Source: c.Origin, Value: c.Moved()}, ok, err
		},
	}
}
