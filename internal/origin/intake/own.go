package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/state"
)

// Own is how an owner gives all of its documents of a kind, moved in or made here, in the
// shape of those that are moved in.
type Own[T any] struct {
	// Prefix is that of the state documents that hold them.
	Prefix string
	// Holds gives the documents that a state document holds, by ID.
	Holds func(doc []byte) (map[string]T, error)
	// At gives the key of the state document that holds the document of an ID, if there is
	// one; "": there is none.
	At func(tx *state.Tx, id string) (string, error)
	// AtKeys are the state documents that At reads; nil: none.
	AtKeys func(id string) []string
	// List gives IDs, some at a time, of all documents that may be there, and where to go
	// on; "": there are no more. One may come twice.
	List func(tx *state.Tx, cursor string) (ids []string, next string, err error)
	// Along, if any, writes what At finds a document by that was made here.
	Along func(tx *state.Tx, id string, doc []byte) error
}

// Given is one document of all.
type Given struct {
	ID       string
	Source   *origin.Source  // nil: it was made here
	Version  int64           // of the state document that holds it; events carry the same
	Document json.RawMessage // a T
}

// errNotAll refuses what is asked of a kind without Own.
var errNotAll = fault.BadField("all", "is not for this kind")

// Changed gives the event that a document of a kind is new, has changed, or is gone.
func Changed(app, kind, id string, gone bool) event.Event {
	return event.New(app, "document_changed", id, changed{kind, id, gone})
}

type changed struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

// Announce has every change of a document of the kind announced that is not moved in, as
// Changed of an app. Call it before the database is started.
func (k Kind[T]) Announce(app string) {
	k.DB.Watch(state.Watch{
		Prefix: k.Own.Prefix, Along: k.Own.Along, Holds: k.Own.encoded,
		Announce: func(id string, gone bool) event.Event { return Changed(app, k.Name, id, gone) },
	})
}

// encoded gives what a state document holds as JSON.
func (o *Own[T]) encoded(doc []byte) (map[string][]byte, error) {
	held, err := o.Holds(doc)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]byte, len(held))
	for id, value := range held {
		if out[id], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ReadAll gives those of the documents that are there, moved in or made here. State: 1
// bulk get, 1 more where an ID does not say which state document has it.
func (k Kind[T]) ReadAll(ctx context.Context, ids []string) (out []Given, err error) {
	if k.Own == nil {
		return nil, errNotAll
	}
	err = k.DB.View(ctx, func(tx *state.Tx) error {
		out, err = k.given(tx, ids)
		return err
	})
	return out, err
}

func (k Kind[T]) given(tx *state.Tx, ids []string) ([]Given, error) {
	keys := make([]string, len(ids))
	if k.Own.AtKeys != nil {
		var first []string
		for _, id := range ids {
			first = append(first, k.Own.AtKeys(id)...)
		}
		if err := tx.Load(first...); err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		var err error
		if keys[i], err = k.Own.At(tx, id); err != nil {
			return nil, err
		}
	}
	if err := tx.Load(slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == "" })...); err != nil {
		return nil, err
	}
	out, read := make([]Given, 0, len(ids)), map[string]map[string][]byte{}
	for i, id := range ids {
		if keys[i] == "" {
			continue
		}
		doc, version, err := tx.Raw(keys[i])
		if err != nil {
			return nil, err
		}
		if doc == nil {
			continue
		}
		held, done := read[keys[i]]
		if !done {
			if held, err = k.Own.encoded(doc); err != nil {
				return nil, fmt.Errorf("what %s holds: %w", keys[i], err)
			}
			read[keys[i]] = held
		}
		value, there := held[id]
		if !there {
			continue
		}
		from, err := k.Held(tx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, Given{ID: id, Source: from, Version: version, Document: value})
	}
	return out, nil
}

// ListAll gives the IDs of all documents that are there, moved in or made here, some at a
// time, and where to go on; "": there are no more. One that is written meanwhile may come
// twice, and what is made meanwhile not at all. State: what Own.List takes, and 1 or 2 bulk gets for each 200.
func (k Kind[T]) ListAll(ctx context.Context, cursor string) (ids []string, next string, err error) {
	if k.Own == nil {
		return nil, "", errNotAll
	}
	err = k.DB.View(ctx, func(tx *state.Tx) error {
		ids = []string{}
		var maybe []string
		if maybe, next, err = k.Own.List(tx, cursor); err != nil {
			return err
		}
		for some := range slices.Chunk(maybe, MaxDocuments) {
			there, err := k.given(tx, some)
			if err != nil {
				return err
			}
			for _, d := range there {
				ids = append(ids, d.ID)
			}
		}
		return nil
	})
	return ids, next, err
}
