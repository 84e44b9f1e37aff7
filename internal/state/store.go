// Package state keeps typed documents in a Dapr state store, optimistically.
//
// A service reads and writes documents inside DB.Update, much like a small
// software transaction: what was read is written back with the ETag it was
// read with, what was absent is only created, and on a conflict the function
// runs again over fresh documents. Each document carries its version and the
// ID of the commit that wrote it, so that after any doubtful answer the store
// itself is asked which commit landed.
//
// Stores differ (Redis does not roll a transaction back), so keep
// each invariant inside one document and put into the same Update only what
// is harmless when it stands there alone.
package state

import (
	"context"
	"time"
)

// Item is what a store holds under a key. An empty ETag means: nothing there.
type Item struct {
	Key   string
	Value []byte
	ETag  string
}

// Op is one write, conditional unless it is Blind.
type Op struct {
	Key    string
	Value  []byte
	ETag   string        // as read; empty: the key must not exist yet
	Delete bool          // Value is ignored
	Blind  bool          // whatever is there: for keys that have one writer only
	TTL    time.Duration // 0: kept for ever; else at least so long, and some seconds more
}

// Store is what this package needs of a state store.
type Store interface {
	// Get reads keys and answers in their order.
	Get(ctx context.Context, keys ...string) ([]Item, error)
	// Commit writes all of ops, or answers with an error after which the
	// caller must read again to learn what was written.
	Commit(ctx context.Context, ops ...Op) error
}
