package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/catalog/internal/collection"
)

var collections = state.Collection[collection.Collections]{Prefix: "collections:"}

const allCollections = "all"

// Collections implements collection.Store.
type Collections struct{ db *state.DB }

// NewCollections gives the store over a database.
func NewCollections(db *state.DB) *Collections { return &Collections{db: db} }

// Collections implements collection.Store: 1 get.
func (s *Collections) Collections(ctx context.Context) (all collection.Collections, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		all, _, err = collections.Get(tx, allCollections)
		return err
	})
	return all, err
}

// UpdateCollections implements collection.Store: 1 get, 1 save.
func (s *Collections) UpdateCollections(ctx context.Context, change func(*collection.Collections) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		all, _, err := collections.Get(tx, allCollections)
		if err != nil {
			return err
		}
		if err := change(&all); err != nil {
			return err
		}
		return collections.Put(tx, allCollections, all)
	})
}
