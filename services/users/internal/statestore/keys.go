package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/users/internal/token"
)

// All signing keys are one document, "keys:signing", so that one ETag decides
// which replica makes the next.
var signingKeys = state.Collection[token.Keys]{Prefix: "keys:"}

const theKeys = "signing"

// Keys implements token.Store.
type Keys struct{ db *state.DB }

// NewKeys gives the signing keys in db.
func NewKeys(db *state.DB) *Keys { return &Keys{db: db} }

// Keys implements token.Store: one read.
func (s *Keys) Keys(ctx context.Context) (keys token.Keys, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) (err error) {
		keys, _, err = signingKeys.Get(tx, theKeys)
		return err
	})
	return keys, err
}

// UpdateKeys implements token.Store: one read, one write.
func (s *Keys) UpdateKeys(ctx context.Context, change func(*token.Keys) error) (keys token.Keys, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		var err error
		if keys, _, err = signingKeys.Get(tx, theKeys); err != nil {
			return err
		}
		if err := change(&keys); err != nil {
			return err
		}
		return signingKeys.Put(tx, theKeys, keys)
	})
	return keys, err
}
