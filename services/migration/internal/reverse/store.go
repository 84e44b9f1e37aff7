// Package reverse writes what happens in the shop back to the monolith, while a service
// has been cut over and the move is not finished: a rollback then loses nothing.
package reverse

import (
	"context"
	"encoding/json"

	"tienda/services/migration/internal/source"
)

// Written is what the monolith's database says of a document that was written back, in
// the table tienda_reverse.
type Written struct {
	Kind    string // "users"
	ID      string
	Source  string // "customers:17"; "": it has no row
	Name    string // of the mapping's entry: "customers"
	Key     []any  // of the row; its values are int64 or string
	Version int64  // of the event that was written last
	Made    bool   // made in the shop: the row keeps the document's ID
	Deleted bool
}

// Tx is a transaction of the monolith's database.
type Tx interface {
	// Written gives what is known of a document; not ok: nothing.
	Written(ctx context.Context, kind, id string) (w Written, ok bool, err error)
	// Do runs a statement with texts for its parameters, nil for NULL, and gives how many
	// rows it changed. What the database refuses is a *source.StatementError.
	Do(ctx context.Context, sql string, args []*string) (rows int64, err error)
	// Insert does so with a statement that returns a row; nil: it returned none.
	Insert(ctx context.Context, sql string, args []*string) (row []any, err error)
	// Keep stores what is known of a document.
	Keep(ctx context.Context, w Written) error
}

// Store is the monolith's database, by the role that may write.
type Store interface {
	// Hold runs fn in one transaction, which is committed unless fn gives an error. Nobody
	// else holds the document meanwhile.
	Hold(ctx context.Context, kind, id string, fn func(context.Context, Tx) error) error
	// Made gives every document that was made in the shop and has a row.
	Made(ctx context.Context) ([]Written, error)
	// Rows gives every document that was written back and has a row, moved in or made in the shop.
	Rows(ctx context.Context) ([]Written, error)
	// Keys calls each with the keys of all roots of a query, until it gives false.
	Keys(ctx context.Context, q source.Query, each func(key []any) bool) error
}

// Held is a document as its owner has it.
type Held struct {
	Source string // "customers:17"; "": it was made in the shop
	JSON   json.RawMessage
}

// Owners are the services that have the documents.
type Owners interface {
	// Document reads a document, moved in or made in the shop; not ok: it is not there.
	Document(ctx context.Context, kind, id string) (h Held, ok bool, err error)
}

// InCharge says whether the shop is in charge of a kind of document: only then is it
// written back.
type InCharge func(ctx context.Context, kind string) (bool, error)

// Change is the news that a document is another one.
type Change struct {
	Kind    string
	ID      string
	Version int64 // of the document that holds it; a later change has a higher one
}
