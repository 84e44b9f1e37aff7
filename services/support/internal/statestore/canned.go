package statestore

import (
	"context"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/support/internal/canned"
)

var (
	replies    = state.Collection[canned.Reply]{Prefix: "canned-reply:"}
	allReplies = state.Index{Name: "canned-replies"}
)

// Replies is the canned.Store over a state store.
type Replies struct{ db *state.DB }

// NewReplies gives the store of canned replies.
func NewReplies(db *state.DB) *Replies { return &Replies{db: db} }

// Create implements canned.Store with 2 calls. A reply that is there is of an
// attempt that was kept in part, since its ID is new.
func (s *Replies) Create(ctx context.Context, r canned.Reply) (canned.Reply, error) {
	r.Version = 1
	err := s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(replies.Key(r.ID), allReplies.Key()); err != nil {
			return err
		}
		if err := allReplies.Append(tx, r.ID); err != nil {
			return err
		}
		if version, err := replies.Version(tx, r.ID); err != nil || version > 0 {
			return err
		}
		return replies.Put(tx, r.ID, r)
	})
	return r, err
}

func getReply(tx *state.Tx, id string) (canned.Reply, error) {
	r, ok, err := replies.Get(tx, id)
	if err != nil {
		return r, err
	}
	if !ok {
		return r, canned.ErrMissing
	}
	r.Version, err = replies.Version(tx, id)
	return r, err
}

// Get implements canned.Store with 1 call.
func (s *Replies) Get(ctx context.Context, id string) (r canned.Reply, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		r, err = getReply(tx, id)
		return err
	})
	return r, err
}

// Replace implements canned.Store with 2 calls.
func (s *Replies) Replace(ctx context.Context, id string, version int64, change func(*canned.Reply)) (r canned.Reply, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if r, err = getReply(tx, id); err != nil {
			return err
		}
		if version != 0 && version != r.Version {
			return canned.ErrVersion
		}
		change(&r)
		r.Version++
		return replies.Put(tx, id, r)
	})
	return r, err
}

// Delete implements canned.Store with 2 calls, and 1 for each older page of
// the list until the one that has it. An attempt that was kept in part has
// deleted the reply and not its entry, which readers pass over.
func (s *Replies) Delete(ctx context.Context, id string, version int64) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(replies.Key(id), allReplies.Key()); err != nil {
			return err
		}
		ours, err := tx.Ours(replies.Key(id))
		if err != nil {
			return err
		}
		r, err := getReply(tx, id)
		switch {
		case ours: // deleted by an earlier run
		case err != nil:
			return err
		case version != 0 && version != r.Version:
			return canned.ErrVersion
		}
		if err := allReplies.Remove(tx, id); err != nil {
			return err
		}
		return replies.Delete(tx, id)
	})
}

// List implements canned.Store; package list says with how many calls.
func (s *Replies) List(ctx context.Context, cursor string, limit int) (out page.Of[canned.Reply], err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		load := func(ids []string) (map[string]canned.Reply, error) {
			if err := tx.Load(replies.Keys(ids...)...); err != nil {
				return nil, err
			}
			found := make(map[string]canned.Reply, len(ids))
			for _, id := range ids {
				if r, err := getReply(tx, id); err == nil {
					found[id] = r
				}
			}
			return found, nil
		}
		out, err = list(tx, sequence{made: allReplies}, cursor, page.Limit(limit), false, load, func(canned.Reply) bool { return true })
		return err
	})
	return out, err
}
