// Package source is the database that a shop moves out of, as the migration needs
// it: its schema, a snapshot and the changes since, and documents' rows read anew. One
// package for each kind of database implements it.
package source

import (
	"context"
	"errors"
	"time"
)

// Position is a place in the database's log of changes. A later change has a higher
// one. In PostgreSQL it is the LSN.
type Position uint64

// Row is a row's values by column. A value is nil, bool, int64, float64 (real and
// double), string (text, uuid, enum, bytes of JSON, and numeric as a decimal text, so that no digit
// is lost), []byte, time.Time (a timestamp without time zone as if it were UTC; date at
// midnight UTC), or []any of these.
type Row map[string]any

// Schema is what the database says of its tables, by name: "orders", or
// "sales.orders" where it is not in the schema of the mapping.
type Schema map[string]Table

// Table is a table of the database.
type Table struct {
	Columns []Column
	Key     []string // the columns of the primary key, in its order; nil: none
	Links   []Link   // foreign keys
	Rows    int64    // an estimate
	Full    bool     // changes and deletions carry the whole old row
}

// Column is a column of a table.
type Column struct {
	Name      string
	Type      string // as the database says it: "numeric(10,2)"
	NotNull   bool
	Generated bool // computed by the database from other columns
}

// Link is a foreign key: Columns point at To's columns At.
type Link struct {
	Columns []string
	To      string
	At      []string
}

// Query says which rows make the documents of one kind: each row of Table is the
// root of one, and belongs together with rows of other tables.
type Query struct {
	Table    string
	Columns  []string // of the root that are read; all of Key are
	Key      []string // the columns that name a root, in order; they are unique
	Where    string   // SQL over the root's columns; "": all rows
	Children []Child
}

// Child is a table whose rows belong to a root, to be read with it. A lookup is a Child too: of
// at most one row.
type Child struct {
	Name     string   // in Record.Children
	Table    string   //
	Columns  []string // that are read
	On       []On     // which rows are the root's
	Of       string   // the Child that On points at, by name; "": the root
	OrderBy  []string // columns; rows come in this order
	Distinct bool     // equal rows count as one, for tables without a key
}

// On is a pair of columns that are equal.
type On struct {
	Child  string // column of the child's table
	Parent string // column of the root, or of the Child that Of names
}

// Record is a root with all that belongs to it.
type Record struct {
	Row      Row
	Children map[string][]Row // by Child.Name. Those of a Child with Of are under their parent: see Nested
	// Nested are the rows of each Child with Of, by its name, and beside them the place of
	// their parent in Children[Of].
	Nested map[string][]NestedRow
}

// NestedRow is a row of a Child of a Child.
type NestedRow struct {
	Parent int // index into Record.Children[Of], or into Nested[Of] if that is nested itself
	Row    Row
}

// Change is what happened to one row.
type Change struct {
	Table    string
	New      Row  // nil: deleted
	Old      Row  // what is known of the row before; nil: nothing. After an insert nil, without Full the key alone
	Truncate bool // all rows of the table are gone
}

// Transaction is what was committed at once. One of very many rows comes in parts: all but
// the last have a position before its commit.
type Transaction struct {
	Position Position // just behind its commit: Confirm it once it is stored
	At       time.Time
	Changes  []Change
	// Own says that the migration itself has made it (postgres.Writer), or may have: an old
	// database does not tell.
	Own bool
}

// Errors of a source.
var (
	// ErrSlotLost says that changes are gone for good: a new snapshot is needed.
	ErrSlotLost = errors.New("the database no longer has the changes since the last confirmed position; a new snapshot is needed")
	// ErrInUse says that another process follows the same changes.
	ErrInUse = errors.New("another process follows the changes already")
	// ErrSnapshot says that a Snapshot has ended, or no longer sees the rows of a table that was
	// rewritten since (ALTER TABLE, TRUNCATE): the copy goes on with another one, of Now.
	ErrSnapshot = errors.New("the snapshot has ended, or no longer sees all rows; another one is needed")
)

// StatementError says why the database does not take a statement.
type StatementError struct {
	Code     string // the SQLSTATE
	Position int    // of the character, from 1; 0: not known
	Reason   string // without values of rows
}

// Error gives the reason and the SQLSTATE.
func (e *StatementError) Error() string { return e.Reason + " (" + e.Code + ")" }

// Source is a database.
type Source interface {
	// Schema reads what there is.
	Schema(ctx context.Context) (Schema, error)
	// Follow makes the durable stream of changes of the tables, unless it is there, and
	// gives its snapshot: what was committed before it, and nothing of what comes through the
	// stream after. A Snapshot is only there when the stream was made by this call; after a
	// restart it is nil, with the position that was confirmed last.
	Follow(ctx context.Context, tables []string) (Snapshot, Position, error)
	// Now gives a snapshot of the database as it is: what a copy goes on with whose first
	// snapshot has ended with its process. Its position is one that the log had before.
	Now(ctx context.Context) (Snapshot, error)
	// Forget removes the stream of changes, so that the database need not keep its log.
	Forget(ctx context.Context) error
	// Stream calls each with the transactions from a position on, in the order of their commits,
	// until ctx ends or each gives an error; one nil Transaction's Changes (an empty one) comes at least every
	// second, so that the position goes on while nothing changes in the tables. It gives ErrSlotLost, ErrInUse, or why the connection broke.
	Stream(ctx context.Context, from Position, each func(Transaction) error) error
	// Confirm says that all up to a position is stored, and need not be kept.
	Confirm(Position)
	// Read reads the roots with given keys, and what belongs to them, in one read
	// transaction. Each key has the values of Query.Key. What is not there is left out. The position is one
	// that the log had before the transaction began, and what is read has every transaction that Stream
	// has handed over before; of one that Stream hands over later it says nothing, whatever its position.
	Read(ctx context.Context, q Query, keys [][]any) ([]Record, Position, error)
	// Roots finds the keys of the roots that rows of a Child belong to: rows are of the table of
	// the Child called child, whose parents lead to the root.
	Roots(ctx context.Context, q Query, child string, rows []Row) ([][]any, error)
	// Head is the end of the log now.
	Head(ctx context.Context) (Position, error)
	// Lag is how much log the database keeps for the stream, in bytes, and whether it is about to be lost.
	Lag(ctx context.Context) (Lag, error)
	Close()
}

// Lag is how far the stream is behind the log.
type Lag struct {
	Bytes int64 // of log behind the confirmed position
	Left  int64 // bytes that may still be written before the stream is lost; -1: no limit
	Lost  bool
}

// Snapshot is the database as it was at one position. It is used by several goroutines at once.
type Snapshot interface {
	Position() Position
	// Chunks reads roots in the order of their key, size at a time, from behind a key
	// on (nil: from the first) and up to another one (nil: to the last), with all that belongs to them.
	Chunk(ctx context.Context, q Query, after, to []any, size int) ([]Record, error)
	// Bounds gives keys that cut all roots into about n parts.
	Bounds(ctx context.Context, q Query, n int) ([][]any, error)
	Count(ctx context.Context, q Query) (int64, error)
	// Close ends the snapshot: it cannot be had again.
	Close()
}
