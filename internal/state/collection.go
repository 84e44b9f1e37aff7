package state

import "time"

// Collection is the documents of one type: T under the keys "<Prefix><id>".
// T must encode to JSON and back without loss.
type Collection[T any] struct {
	Prefix string
	TTL    time.Duration // of what Put writes; 0: kept for ever
}

// Key gives the key of a document, for Tx.Load and Tx.Emit.
func (c Collection[T]) Key(id string) string { return c.Prefix + id }

// Keys gives the keys of several documents.
func (c Collection[T]) Keys(ids ...string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = c.Key(id)
	}
	return keys
}

// Get reads a document; false: there is none.
func (c Collection[T]) Get(tx *Tx, id string) (T, bool, error) {
	var v T
	ok, err := tx.get(c.Key(id), &v)
	return v, ok, err
}

// GetAll reads documents in one call and leaves out those that are not there.
func (c Collection[T]) GetAll(tx *Tx, ids ...string) ([]T, error) {
	if err := tx.Load(c.Keys(ids...)...); err != nil {
		return nil, err
	}
	out := make([]T, 0, len(ids))
	for _, id := range ids {
		v, ok, err := c.Get(tx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, v)
		}
	}
	return out, nil
}

// Put writes a document at commit.
func (c Collection[T]) Put(tx *Tx, id string, v T) error {
	return tx.write(c.Key(id), v, c.TTL, false)
}

// Delete removes a document at commit; one that is not there is left alone.
func (c Collection[T]) Delete(tx *Tx, id string) error {
	return tx.write(c.Key(id), nil, 0, true)
}

// Version gives the version that the document had when it was read, 0 for
// none. A document's first version is 1; every write adds 1.
func (c Collection[T]) Version(tx *Tx, id string) (int64, error) {
	if err := tx.Load(c.Key(id)); err != nil {
		return 0, err
	}
	return tx.docs[c.Key(id)].version, nil
}
