package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"tienda/internal/fault"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/source"
)

// rules are a mapping as what moves needs it.
type rules struct {
	*mapping.Mapping
	kinds []move.Kind
	// handed says whether the shop is in charge of a kind; nil: of none.
	handed func(kind string) bool
}

func newRules(m *mapping.Mapping) *rules {
	r := &rules{Mapping: m}
	owners := mapping.Owners()
	for _, k := range m.Kinds() {
		r.kinds = append(r.kinds, &kind{of: k, app: owners[k.Kind], rules: r})
	}
	return r
}

// learn takes what the schema says of the keys.
func (r *rules) learn(schema source.Schema) {
	for _, one := range r.kinds {
		if k, ok := one.(*kind); ok {
			k.learn(schema)
		}
	}
}

// Name implements move.Mapping.
func (r *rules) Name() string { return r.Mapping.Name }

// Kinds implements move.Mapping.
func (r *rules) Kinds() []move.Kind { return r.kinds }

// Touched implements move.Mapping. A table that was emptied is the mover's to see to.
func (r *rules) Touched(c source.Change) (out []move.Touched) {
	for _, k := range r.Mapping.Kinds() {
		a := k.Affected(c)
		if len(a.Keys) > 0 {
			out = append(out, move.Touched{Kind: k.Name, Keys: a.Keys})
		}
		for _, ask := range a.Ask {
			out = append(out, move.Touched{Kind: k.Name, Child: ask.Child, Rows: ask.Rows})
		}
	}
	return out
}

// kind is a mapping's kind as what moves needs it.
type kind struct {
	of    *mapping.Kind
	app   string
	rules *rules
	whole atomic.Pointer[[]bool] // which columns of the key are whole numbers; nil: not known yet
}

// wholeTypes are the types of whole numbers.
var wholeTypes = map[string]bool{"smallint": true, "integer": true, "bigint": true}

func (k *kind) learn(schema source.Schema) {
	q := k.of.Query()
	whole := make([]bool, len(q.Key))
	for i, name := range q.Key {
		for _, c := range schema[q.Table].Columns {
			if c.Name == name {
				whole[i] = wholeTypes[c.Type]
			}
		}
	}
	k.whole.Store(&whole)
}

// Name implements move.Kind.
func (k *kind) Name() string { return k.of.Name }

// Kind implements move.Kind.
func (k *kind) Kind() string { return k.of.Kind }

// Query implements move.Kind.
func (k *kind) Query() source.Query { return k.of.Query() }

// OnlyHere implements move.Kind. Who has set a password here has another one than the
// monolith knows, and users no longer keeps the digest of that. What the rows have no place
// for is only here, and so is, while the shop is in charge, what becomes the same in the rows.
func (k *kind) OnlyHere(pointer string, there, held json.RawMessage) bool {
	if unsaid := defaults[k.of.Kind][pointer]; unsaid != "" {
		a, b := member(there, pointer), member(held, pointer)
		if b == nil && string(a) == unsaid {
			return true
		}
	}
	if r := k.of.Reverse(); r != nil {
		handed := k.rules != nil && k.rules.handed != nil && k.rules.handed(k.of.Kind)
		switch {
		case r.OnlyShop(pointer, there), handed && r.SameRow(pointer, there, held):
			return true
		case handed && k.of.Kind == "orders" && pointer == "/tax_included" && !taxed(there) && !taxed(held):
			return true // of no tax it says nothing
		}
	}
	return k.of.Kind == "users" && pointer == "/password_digest" && !bytes.Contains(held, []byte(`"password_digest"`))
}

// defaults are what fields say that are left out, by kind of document: what was made in
// the shop states none of them, and the mapping all.
var defaults = map[string]map[string]string{
	"categories": {"/position": "0"},
	"products":   {"/status": `"published"`, "/tax_class": `"standard"`, "/language": `"en"`},
}

// taxed says whether an order has tax; one that cannot be read has.
func taxed(order json.RawMessage) bool {
	var o struct {
		Totals struct {
			Tax struct {
				Amount int64 `json:"amount"`
			} `json:"tax"`
		} `json:"totals"`
	}
	return json.Unmarshal(order, &o) != nil || o.Totals.Tax.Amount != 0
}

// member gives a field of a document by the pointer to it; nil: it is not there.
func member(doc json.RawMessage, pointer string) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(doc, &fields) != nil {
		return nil
	}
	return fields[strings.TrimPrefix(pointer, "/")]
}

// Shown implements move.Kind.
func (k *kind) Shown(r source.Row) map[string]string { return k.of.Shown(r) }

// App implements move.Kind.
func (k *kind) App() string { return k.app }

// Identity implements move.Kind. A key that names nothing has none: no document is
// made of it.
func (k *kind) Identity(key []any) move.Identity {
	is, err := k.of.Identity(key)
	if err != nil {
		return move.Identity{Key: k.of.Name + ":"}
	}
	return move.Identity{ID: is.ID, Part: is.Part, Key: is.Key}
}

// large is the size in bytes from which a document is held to its owner's contract before it
// is sent: one that is too large for a request would never be answered.
const large = 64 << 10

// Document implements move.Kind.
func (k *kind) Document(r source.Record) (move.Document, error) {
	d, err := k.of.Make(r)
	if bad := (mapping.FieldErrors)(nil); errors.As(err, &bad) {
		err = unmappable(bad)
	}
	if err == nil && len(d.JSON) > large {
		if why := k.Refused(d.JSON); why != nil {
			d.JSON, d.Held, err = nil, nil, why
		}
	}
	return move.Document{ID: d.ID, Part: d.Part, Key: d.Key, JSON: d.JSON, Held: d.Held}, err
}

// Refused implements move.Kind.
func (k *kind) Refused(doc json.RawMessage) *move.Unmappable {
	if bad := k.of.Refused(doc); len(bad) > 0 {
		return unmappable(bad)
	}
	return nil
}

func unmappable(bad mapping.FieldErrors) *move.Unmappable {
	why := &move.Unmappable{}
	for _, f := range bad {
		reason := f.Reason
		if f.Column != "" {
			reason = fmt.Sprintf("%s (from %s)", reason, f.Column)
		}
		why.Fields = append(why.Fields, fault.Field{Name: f.Field, Reason: reason})
	}
	return why
}

var unescape = strings.NewReplacer("%3A", ":", "%25", "%")

// KeyOf implements move.Kind.
func (k *kind) KeyOf(key string) ([]any, bool) {
	rest, ours := strings.CutPrefix(key, k.of.Name+":")
	whole := k.whole.Load()
	if !ours || whole == nil {
		return nil, false
	}
	parts := strings.Split(rest, ":")
	if len(parts) != len(*whole) {
		return nil, false
	}
	values := make([]any, len(parts))
	for i, p := range parts {
		if values[i] = unescape.Replace(p); !(*whole)[i] {
			continue
		}
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return nil, false
		}
		values[i] = n
	}
	return values, true
}
