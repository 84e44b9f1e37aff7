package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Reverse says how a document is written back into the rows that it came from.
type Reverse struct {
	line   int
	kind   *Kind
	when   *condition // of documents that were made here; nil: all
	values map[string]*taking
	insert *Statement
	write  []*step
	remove []*step
	lost   map[string]string // pointer: why it cannot be written back
}

// condition asks whether a document has a field.
type condition struct {
	pointer string
	present bool
}

// step is a part of what writes a document.
type step struct {
	try    []Statement
	needed bool   // one of try has to find a row
	each   string // JSON pointer of a list, whose elements the steps of do are run for; "": none
	values map[string]*taking
	do     []*step
}

// Key is where a document comes from: the row of one of the mapping's kinds.
type Key struct {
	Name   string // of the entry: "customers"
	Values []any  // of its key's columns, in their order: int64 or string
}

// Reference is another document that a document names.
type Reference struct {
	ID   string
	Kind string // of the document: "users"
}

// Run is one statement of several that are tried in turn until one finds a row, with
// the values of its document. What is of the key comes when the row is there.
type Run struct {
	Try    []Statement
	Needed bool               // it is an error if none finds a row
	Values map[string]*string // by name; nil: NULL
}

// Writing is all that writes one document.
type Writing struct {
	Insert *Run  // of one that has no row yet; it returns the key. nil: it cannot be made there
	Write  []Run // after that, or of one that has its row
}

// Reverse gives how the kind is written back; nil: it is not.
func (k *Kind) Reverse() *Reverse { return k.reverse }

// Key gives the columns that name a row.
func (k *Kind) Key() []string { return slices.Clone(k.key) }

// Takes says whether a document that was made here becomes a row of this kind.
func (r *Reverse) Takes(document json.RawMessage) (bool, error) {
	if r.insert == nil {
		return false, nil
	}
	if r.when == nil {
		return true, nil
	}
	doc, err := decode(document)
	if err != nil {
		return false, err
	}
	return empty(at(doc, r.when.pointer)) != r.when.present, nil
}

// Lost gives the fields that the rows have no place for, and why, by pointer; * stands
// for the elements of a list.
func (r *Reverse) Lost() map[string]string { return maps.Clone(r.lost) }

// References gives the documents whose keys Writing needs, each once.
func (r *Reverse) References(document json.RawMessage) ([]Reference, error) {
	doc, err := decode(document)
	if err != nil {
		return nil, err
	}
	var out []Reference
	add := func(values map[string]*taking, of any) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			v := values[name]
			if v.of == nil {
				continue
			}
			id, ok := at(of, v.pointer).(string)
			ref := Reference{ID: id, Kind: (*v.of).Kind}
			if ok && !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	add(r.values, doc)
	for _, s := range r.write {
		if s.each != "" {
			elements, _ := at(doc, s.each).([]any)
			for _, e := range elements {
				add(s.values, e)
			}
		}
	}
	return out, nil
}

// Writing takes the values of a document. keys has the keys of what it refers to, by ID;
// what is missing there is NULL.
func (r *Reverse) Writing(id string, document json.RawMessage, keys map[string]Key) (*Writing, error) {
	doc, err := decode(document)
	if err != nil {
		return nil, err
	}
	root := map[string]*string{"uuid": &id}
	if err := take(root, r.values, doc, keys); err != nil {
		return nil, err
	}
	w := &Writing{}
	if r.insert != nil {
		w.Insert = &Run{Try: []Statement{*r.insert}, Needed: true, Values: root}
	}
	w.Write, err = runs(r.write, root, doc, keys)
	return w, err
}

// Removal gives what removes the document of an ID; nothing: it cannot be removed there.
func (r *Reverse) Removal(id string) []Run {
	out, err := runs(r.remove, map[string]*string{"uuid": &id}, nil, nil)
	if err != nil {
		return nil // there is nothing of a document in it
	}
	return out
}

func runs(steps []*step, root map[string]*string, doc any, keys map[string]Key) ([]Run, error) {
	var out []Run
	for _, s := range steps {
		if s.each == "" {
			out = append(out, Run{Try: s.try, Needed: s.needed, Values: root})
			continue
		}
		elements, _ := at(doc, s.each).([]any)
		count := fmt.Sprint(len(elements))
		for i, e := range elements {
			values := maps.Clone(root)
			number := fmt.Sprint(i + 1)
			values["place"], values["count"] = &number, &count
			if err := take(values, s.values, e, keys); err != nil {
				return nil, below(strings.TrimPrefix(s.each, "/")+"/"+place(i), err)
			}
			inner, err := runs(s.do, values, e, keys)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		}
	}
	return out, nil
}

func take(into map[string]*string, values map[string]*taking, doc any, keys map[string]Key) error {
	var bad FieldErrors
	for name, v := range values {
		got, err := v.text(doc, keys)
		if err != nil {
			bad = append(bad, FieldError{Field: v.pointer, Reason: err.Error()})
			continue
		}
		into[name] = got
	}
	if len(bad) > 0 {
		slices.SortFunc(bad, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
		return bad
	}
	return nil
}

// Statements gives every statement, to be held to the database.
func (r *Reverse) Statements() []Statement {
	var out []Statement
	if r.insert != nil {
		out = append(out, *r.insert)
	}
	var add func([]*step)
	add = func(steps []*step) {
		for _, s := range steps {
			out = append(out, s.try...)
			add(s.do)
		}
	}
	add(r.write)
	add(r.remove)
	return out
}
