// Package mapping reads the file that says how the rows of a database become the
// documents of the services, checks it against the database and the services'
// contracts, and makes the documents.
//
// docs/mapping.md describes the file.
package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"tienda/internal/fault"
	"tienda/services/migration/internal/source"
)

// The kinds of document, in the order in which an owner's are loaded: each refers only
// to those before it. What other owners have may come later.
var kindOrder = []string{"categories", "products", "stock", "users", "orders", "tickets", "returns"}

// Owners gives the app that each kind of document belongs to.
func Owners() map[string]string {
	return map[string]string{
		"categories": "catalog", "products": "catalog", "stock": "catalog", "users": "users",
		"orders": "orders", "tickets": "support", "returns": "support",
	}
}

// SchemaName gives the name of a kind's schema in its owner's contract: "SyncOrder".
func SchemaName(kind string) string {
	return map[string]string{
		"categories": "SyncCategory", "products": "SyncProduct", "stock": "SyncStock", "users": "SyncUser",
		"orders": "SyncOrder", "tickets": "SyncTicket", "returns": "SyncReturn",
	}[kind]
}

// Schema holds documents of one kind to the owner's contract. *contract.Schema is
// one.
type Schema interface {
	// Check gives every bad field of a document; none: it fits.
	Check(doc []byte) []fault.Field
}

// Contracts gives the schema of a kind of document.
type Contracts func(kind string) (Schema, error)

// Mapping is a mapping file that was read.
type Mapping struct {
	Name        string
	Description string

	kinds    []*Kind
	tables   map[string]drop            // dropped whole
	columns  map[string]map[string]drop // dropped, by table
	defaults defaults
	made     *Made
}

// drop says that a table or a column is left behind.
type drop struct {
	line     int
	reason   string
	secret   bool // it may not be read anywhere
	optional bool // the database need not have it
}

// defaults hold where an operation says nothing.
type defaults struct{ currency, zone string }

// Kind says how the documents of one kind are made from the rows of one table. A
// mapping may have several of one kind, with names of their own.
type Kind struct {
	Kind  string // "orders"
	Name  string // the first part of the keys: "orders" of "orders:10248"
	Where string // SQL: the rows that are taken; "": all
	// Reason says why the other rows stay behind.
	Reason string

	line     int
	key      []string
	root     *child
	children []*child // parents before what is of them
	document *op      // an object
	schema   Schema   // nil: not checked
	keyUses  []use
	seal     []byte // the key of password digests; nil: none are made
	made     *Made
	reverse  *Reverse // nil: the kind is not written back
}

// Load reads a mapping. The error is a Problems with all that is wrong with it.
func Load(r io.Reader) (*Mapping, error) {
	var doc yaml.Node
	if err := yaml.NewDecoder(r).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Problems{{Text: "the file is empty"}}
		}
		return nil, Problems{{Text: err.Error()}}
	}
	p := &parser{}
	m := p.file(doc.Content[0])
	if found := p.sorted(); len(found) > 0 {
		return nil, found
	}
	return m, nil
}

// LoadFile reads a mapping from a file.
func LoadFile(path string) (*Mapping, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	defer func() { _ = f.Close() }()
	m, err := Load(f)
	if err != nil {
		return nil, fmt.Errorf("mapping %s:\n%w", path, err)
	}
	return m, nil
}

// Kinds gives what is made, of each owner in the order in which it is to be loaded.
func (m *Mapping) Kinds() []*Kind { return slices.Clone(m.kinds) }

// Tables gives the tables whose changes matter to a document, sorted.
func (m *Mapping) Tables() []string {
	tables := map[string]bool{}
	for _, k := range m.kinds {
		for _, t := range k.Tables() {
			tables[t] = true
		}
	}
	return slices.Sorted(maps.Keys(tables))
}

// Dropped is a table, or a column of one, that is left behind.
type Dropped struct {
	Table, Column string // Column is "" where the whole table is
	Reason        string
	Secret        bool
}

// Dropped gives all that is left behind, by table and column.
func (m *Mapping) Dropped() []Dropped {
	var out []Dropped
	for table, d := range m.tables {
		out = append(out, Dropped{Table: table, Reason: d.reason, Secret: d.secret})
	}
	for table, columns := range m.columns {
		for column, d := range columns {
			out = append(out, Dropped{Table: table, Column: column, Reason: d.reason, Secret: d.secret})
		}
	}
	slices.SortFunc(out, func(a, b Dropped) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// Use holds the documents to the owners' contracts from now on.
func (m *Mapping) Use(contracts Contracts) error {
	for _, k := range m.kinds {
		schema, err := contracts(k.Kind)
		if err != nil {
			return fmt.Errorf("schema of %s: %w", k.Kind, err)
		}
		k.schema = schema
	}
	return nil
}

// Seal gives the key under which digests of password hashes are made from now on: users
// keeps a digest in the place of the hash, and gives it back, so that a changed hash is
// seen. The key stays with the migration.
func (m *Mapping) Seal(key []byte) {
	for _, k := range m.kinds {
		k.seal = slices.Clone(key)
	}
}

// Tables gives the tables that the kind reads, the root's first.
func (k *Kind) Tables() []string {
	tables := []string{k.root.table}
	for _, c := range k.children {
		if !slices.Contains(tables, c.table) {
			tables = append(tables, c.table)
		}
	}
	return tables
}

// Query says which rows make the documents.
func (k *Kind) Query() source.Query {
	q := source.Query{Table: k.root.table, Columns: k.root.columnNames(), Key: slices.Clone(k.key), Where: k.Where}
	for _, c := range k.children {
		q.Children = append(q.Children, c.query())
	}
	return q
}
