// Package statestore keeps tickets and returns in the service's Dapr state
// store, and announces what changed with the change.
package statestore

import (
	"tienda/internal/page"
	"tienda/internal/state"
)

// The reading of a filtered list: it looks at batches of so many entries, and
// after so many batches answers with what it has found and a cursor.
const (
	filterBatch   = 100
	filterBatches = 3
)

// list gives one page of a sequence: entries whose document is there and
// matches. Unfiltered it reads the head of the index and the documents: 2
// calls, and 1 more for each older page of the index that is touched. What was
// moved in costs as much, and where it is that of all customers 1 more.
func list[T any](tx *state.Tx, x sequence, cursor string, limit int, filtered bool,
	load func(ids []string) (map[string]T, error), match func(T) bool) (page.Of[T], error) {
	out := page.Of[T]{Items: []T{}}
	var at position
	if err := page.Decode(cursor, &at); err != nil {
		return out, err
	}
	batches := 1
	if filtered {
		batches = filterBatches
	}
	for range batches {
		batch := limit
		if filtered {
			batch = filterBatch
		}
		ids, next, err := x.list(tx, at, batch)
		if err != nil {
			return out, err
		}
		docs, err := load(ids)
		if err != nil {
			return out, err
		}
		for i, id := range ids {
			if doc, ok := docs[id]; ok && match(doc) {
				out.Items = append(out.Items, doc)
			}
			// Full before the batch is used up: the cursor goes behind this
			// entry. Its index pages are read already, this costs no call.
			if len(out.Items) == limit && i < len(ids)-1 {
				if _, next, err = x.list(tx, at, i+1); err != nil {
					return out, err
				}
				break
			}
		}
		if next == nil {
			return out, nil
		}
		at = *next
		if len(out.Items) == limit {
			break
		}
	}
	out.NextCursor = page.Encode(at)
	return out, nil
}
