package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tienda/services/migration/internal/source"
)

// namespace is what IDs are derived in. Another one would make other documents of
// the same rows.
var namespace = uuid.MustParse("c2348442-43c1-4ade-a869-dc97a56cd570")

// Identity names a document.
type Identity struct {
	Kind string // "orders"
	Key  string // "orders:10248"; the parts of a key of several columns have a colon between them
	ID   string // UUIDv5 of Key
	Part string // of the owner's index: neighbours share one
}

// Document is what one root becomes.
type Document struct {
	Identity
	JSON json.RawMessage // canonical, as it is sent
	Held json.RawMessage // canonical, as the owner gives it back: without the hash of a password
}

// Identity names the document of the root with a key; its values are in the order
// of Query's Key.
func (k *Kind) Identity(key []any) (Identity, error) {
	if len(key) != len(k.key) {
		return Identity{}, fmt.Errorf("the key of %s has %d columns, not %d", k.Name, len(k.key), len(key))
	}
	t, err := keyText(key)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Kind: k.Kind, Key: k.Name + ":" + t}
	var made bool
	if id.ID, made = k.made.id(id.Key); !made {
		id.ID = uuid.NewSHA1(namespace, []byte(id.Key)).String()
	}
	id.Part = id.ID[:2]
	if n, ok := key[0].(int64); ok && len(key) == 1 {
		part := n / 100
		if n%100 < 0 {
			part--
		}
		id.Part = strconv.FormatInt(part, 10)
	}
	return id, nil
}

// Document makes the document of a root, and holds it to its owner's contract. The same
// record always makes the same bytes. An error about fields is a FieldErrors, which quotes
// no value of the row; the identity is there beside it.
func (k *Kind) Document(rec source.Record) (Document, error) {
	d, err := k.Make(rec)
	if err != nil {
		return d, err
	}
	if bad := k.Refused(d.JSON); len(bad) > 0 {
		return Document{Identity: d.Identity}, bad
	}
	return d, nil
}

// Make is Document without the contract, which costs more than all else: for documents
// that are on their way to their owner, who holds them to it anyway.
func (k *Kind) Make(rec source.Record) (Document, error) {
	key := make([]any, len(k.key))
	for i, column := range k.key {
		key[i] = rec.Row[column]
		if key[i] == nil {
			return Document{}, FieldErrors{{Column: k.root.table + "." + column, Reason: "is null, and part of the key"}}
		}
	}
	id, err := k.Identity(key)
	if err != nil {
		return Document{}, FieldErrors{{Column: k.root.table + "." + k.key[0], Reason: err.Error()}}
	}
	d := Document{Identity: id}
	v, err := k.document.eval(k.scopes(rec))
	if err != nil {
		return d, err
	}
	doc, ok := v.(members)
	if !ok {
		return d, errors.New("the fields make no object")
	}
	doc, sealed := k.sealed(doc)
	raw, err := canonical(doc)
	if err != nil {
		return d, err
	}
	d.JSON, d.Held = raw, raw
	if sealed {
		if d.Held, err = canonical(doc.without(passwordField)); err != nil {
			return Document{Identity: id}, err
		}
	}
	return d, nil
}

// Refused says what of a document does not fit the owner's contract, by the columns that it
// comes from; none: it fits, or Use was not called.
func (k *Kind) Refused(raw []byte) FieldErrors {
	if k.schema == nil {
		return nil
	}
	var bad FieldErrors
	for _, f := range k.schema.Check(raw) {
		bad = append(bad, FieldError{Field: f.Name, Column: k.document.columnAt(f.Name), Reason: discreet(f.Reason)})
	}
	return bad
}

// discreet takes out of a reason what may be a value of the row: quoted texts, and
// what was got.
func discreet(reason string) string {
	if reason == "is required" || strings.HasPrefix(reason, "does not match ") || strings.HasPrefix(reason, "value must be ") {
		return reason
	}
	if at := strings.Index(reason, "got "); at > 0 {
		rest := ""
		if want := strings.Index(reason, "want "); want > at {
			rest = ", " + reason[want:]
		}
		reason = strings.TrimRight(reason[:at], " ,:") + rest
	}
	parts := strings.Split(reason, "'")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "…"
	}
	return strings.Join(parts, "'")
}

// columnAt finds the column that a field of a document comes from; "": of none or
// of several.
func (o *op) columnAt(pointer string) string {
	at := o
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := at.step(part)
		if next == nil {
			break
		}
		at = next
	}
	if at == o {
		return ""
	}
	var column string
	for _, u := range at.uses {
		if column != "" && column != u.name() {
			return ""
		}
		column = u.name()
	}
	return column
}

// step goes one part of a pointer into a value.
func (o *op) step(part string) *op {
	for _, f := range o.fields {
		if escape(f.name) == part {
			return f.op
		}
	}
	if o.each != nil {
		return o.each
	}
	if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(o.items) {
		return o.items[i]
	}
	return nil
}
