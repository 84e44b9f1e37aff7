package statestore

import (
	"context"
	"slices"
	"strconv"

	"tienda/internal/state"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/token"
)

// All signing keys are one document, "keys:signing", so that one ETag decides
// which replica makes the next.
var signingKeys = state.Collection[token.Keys]{Prefix: "keys:"}

const (
	theKeys = "signing"
	appID   = "users" // the actor of what nobody asked for
)

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

// UpdateKeys implements token.Store: one read, one write. A new key is a
// security event; who makes one by the schedule is the app.
func (s *Keys) UpdateKeys(ctx context.Context, change func(*token.Keys) error) (keys token.Keys, err error) {
	if audit.From(ctx).ActorID == "" {
		ctx = audit.With(ctx, audit.Origin{ActorID: appID})
	}
	batch := audit.Begin(ctx)
	var told []audit.Event
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(append(noteKeys(batch, ""), signingKeys.Key(theKeys))...); err != nil {
			return err
		}
		ours, err := tx.Ours(signingKeys.Key(theKeys))
		if err != nil {
			return err
		}
		if ours { // kept by an earlier run, on a store that keeps halves of transactions
			return note(tx, batch, "", told...)
		}
		if keys, _, err = signingKeys.Get(tx, theKeys); err != nil {
			return err
		}
		before := keys
		if err := change(&keys); err != nil {
			return err
		}
		if err := signingKeys.Put(tx, theKeys, keys); err != nil {
			return err
		}
		told = rotated(before, keys)
		return note(tx, batch, "", told...)
	})
	return keys, err
}

// rotated lists the security events of a change of the keys.
func rotated(before, after token.Keys) (told []audit.Event) {
	has := func(keys token.Keys, id string) bool {
		return slices.ContainsFunc(keys.Keys, func(k token.SigningKey) bool { return k.ID == id })
	}
	dropped := len(before.Keys) > 0
	for _, k := range before.Keys {
		dropped = dropped && !has(after, k.ID)
	}
	for _, k := range after.Keys {
		if !has(before, k.ID) {
			told = append(told, audit.Event{Kind: audit.KeyRotated, Detail: map[string]string{"kid": k.ID, "others_dropped": strconv.FormatBool(dropped)}})
		}
	}
	return told
}
