package contract

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// quick is a schema that is checked over the bytes of a document, in one pass and without
// building its values. It only says of what surely fits that it fits: everything else is
// left to the library, which says what is wrong. Keywords that it does not know are
// checked by the library over the value that they are about (docs/adr/0045).
type quick struct {
	whole *jsonschema.Schema // not nil: the library checks the value
	all   []*quick           // that the value fits as well

	types    uint8 // what the value may be
	enum     map[string]bool
	format   func(any) error
	pattern  jsonschema.Regexp
	ascii    *matcher // the pattern for plain strings; nil: there is none
	least    int      // runes
	most     int      // runes; -1: no limit
	least64  *int64
	most64   *int64
	props    map[string]property
	open     bool   // other properties may be there
	extra    *quick // that fit this; nil: whatever they are
	names    *quick // that the names of properties fit; nil: whatever they are
	filled   bool   // there is a property
	propMax  int    // properties; -1: no limit
	required uint64 // of the properties that count
	along    []along
	items    *quick // nil: whatever they are
	few      int    // items
	many     int    // items; -1: no limit
	unique   bool   // the items are strings, and no two are the same
}

// property is one that is named in a schema. bit is what tells that it was there; 0: nobody asks.
type property struct {
	schema *quick // nil: whatever it is
	bit    uint64
}

// along says which properties have to be there where another one is.
type along struct{ where, others uint64 }

// The types of JSON, as bits. An integer is digits (numbers.go).
const (
	nullBit uint8 = 1 << iota
	boolBit
	numberBit
	integerBit
	stringBit
	arrayBit
	objectBit
	allTypes = nullBit | boolBit | numberBit | integerBit | stringBit | arrayBit | objectBit
)

var typeBits = map[string]uint8{
	"null": nullBit, "boolean": boolBit, "number": numberBit | integerBit, "integer": integerBit,
	"string": stringBit, "array": arrayBit, "object": objectBit,
}

// quicken compiles a schema; known are those that were compiled before, or are about to be.
func quicken(s *jsonschema.Schema, known map[*jsonschema.Schema]*quick) *quick {
	if q := known[s]; q != nil {
		return q
	}
	q := &quick{}
	known[s] = q
	if !isPlain(s) {
		q.whole = s
		return q
	}
	q.types, q.most, q.many, q.propMax, q.open = allTypes, -1, -1, -1, true
	if s.Types != nil && !s.Types.IsEmpty() {
		q.types = 0
		for _, t := range s.Types.ToStrings() {
			q.types |= typeBits[t]
		}
	}
	if s.Format != nil {
		q.format = s.Format.Validate
	}
	if q.pattern = s.Pattern; q.pattern != nil {
		q.ascii = matchASCII(q.pattern)
	}
	ok := q.addEnum(s) && q.addNumbers(s) && q.addProperties(s, known)
	if s.MinLength != nil {
		q.least = *s.MinLength
	}
	if s.MaxLength != nil {
		q.most = *s.MaxLength
	}
	if s.MinItems != nil {
		q.few = *s.MinItems
	}
	if s.MaxItems != nil {
		q.many = *s.MaxItems
	}
	if s.Items2020 != nil {
		q.items = quicken(target(s.Items2020), known)
	}
	q.unique = s.UniqueItems
	if s.Ref != nil {
		q.all = append(q.all, quicken(target(s.Ref), known))
	}
	for _, part := range s.AllOf {
		q.all = append(q.all, quicken(target(part), known))
	}
	if !ok || slices.ContainsFunc(q.all, func(part *quick) bool { return part.whole != nil }) {
		*q = quick{whole: s}
	}
	return q
}

// target follows references beside which nothing is said.
func target(s *jsonschema.Schema) *jsonschema.Schema {
	for range maxRefs {
		if s.Ref == nil || !isBare(s) {
			return s
		}
		s = s.Ref
	}
	return s
}

// maxRefs is how many references are followed one after the other; more may be a circle.
const maxRefs = 16

// isBare says whether nothing is in a schema but a reference, if there is one.
func isBare(s *jsonschema.Schema) bool {
	return isPlain(s) && len(s.AllOf) == 0 && (s.Types == nil || s.Types.IsEmpty()) && s.Enum == nil && s.Format == nil && s.Pattern == nil &&
		s.MinLength == nil && s.MaxLength == nil && s.Minimum == nil && s.Maximum == nil && len(s.Required) == 0 &&
		len(s.Properties) == 0 && s.AdditionalProperties == nil && len(s.DependentRequired) == 0 &&
		s.MinItems == nil && s.MaxItems == nil && !s.UniqueItems && s.Items2020 == nil && s.PropertyNames == nil &&
		s.MinProperties == nil && s.MaxProperties == nil && len(s.Extensions) == 0
}

// isPlain says whether all keywords of a schema are known here.
func isPlain(s *jsonschema.Schema) bool {
	for _, e := range s.Extensions {
		if _, known := e.(wholeNumber); !known {
			return false
		}
	}
	return s.Bool == nil && s.RecursiveRef == nil && s.DynamicRef == nil && s.Const == nil && s.Not == nil &&
		len(s.AnyOf)+len(s.OneOf) == 0 && s.If == nil && s.Then == nil && s.Else == nil &&
		(s.MinProperties == nil || *s.MinProperties <= 1) && len(s.PatternProperties) == 0 &&
		len(s.Dependencies) == 0 && len(s.DependentSchemas) == 0 && s.UnevaluatedProperties == nil &&
		s.Contains == nil && s.Items == nil && s.AdditionalItems == nil && len(s.PrefixItems) == 0 &&
		s.UnevaluatedItems == nil && s.ContentEncoding == nil && s.ContentMediaType == nil && s.ContentSchema == nil &&
		s.ExclusiveMaximum == nil && s.ExclusiveMinimum == nil && s.MultipleOf == nil
}

func (q *quick) addEnum(s *jsonschema.Schema) bool {
	if s.Enum == nil {
		return true
	}
	q.enum = map[string]bool{}
	for _, v := range s.Enum.Values {
		text, ok := v.(string)
		if !ok {
			return false
		}
		q.enum[text] = true
	}
	q.types &= stringBit
	return true
}

// addNumbers takes limits of integers; others are left to the library.
func (q *quick) addNumbers(s *jsonschema.Schema) bool {
	for _, l := range []struct {
		limit *big.Rat
		to    **int64
	}{{s.Minimum, &q.least64}, {s.Maximum, &q.most64}} {
		if l.limit == nil {
			continue
		}
		if !l.limit.IsInt() || !l.limit.Num().IsInt64() || q.types&numberBit != 0 {
			return false
		}
		n := l.limit.Num().Int64()
		*l.to = &n
	}
	return true
}

func (q *quick) addProperties(s *jsonschema.Schema, known map[*jsonschema.Schema]*quick) bool {
	q.props = make(map[string]property, len(s.Properties))
	for name, p := range s.Properties {
		q.props[name] = property{schema: quicken(target(p), known)}
	}
	switch extra := s.AdditionalProperties.(type) {
	case bool:
		q.open = extra
	case *jsonschema.Schema:
		q.extra = quicken(target(extra), known)
	}
	if s.PropertyNames != nil {
		q.names = quicken(target(s.PropertyNames), known)
		if q.names.whole != nil || len(q.names.all) > 0 {
			return false
		}
	}
	q.filled = s.MinProperties != nil && *s.MinProperties == 1
	if s.MaxProperties != nil {
		q.propMax = *s.MaxProperties
	}
	bits := 0
	bit := func(name string) uint64 {
		p, named := q.props[name]
		if !named {
			p.schema = q.extra
		}
		if p.bit == 0 {
			p.bit = 1 << (bits % 64)
			bits++
		}
		// Without a schema of its own it is an other property, which a closed schema refuses.
		if named || q.open {
			q.props[name] = p
		}
		return p.bit
	}
	for _, name := range s.Required {
		q.required |= bit(name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		a := along{where: bit(name)}
		for _, other := range s.DependentRequired[name] {
			a.others |= bit(other)
		}
		q.along = append(q.along, a)
	}
	return bits <= 64
}

// fits says of a JSON document that fits that it does; false: it may not.
func (q *quick) fits(doc []byte) bool {
	r := reader{doc: doc}
	r.space()
	if !r.value(q, 0) {
		return false
	}
	r.space()
	return r.at == len(doc)
}

// builds has the library check a value.
func (q *quick) builds(raw []byte) bool {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	return err == nil && len(oversized(v, nil)) == 0 && q.whole.Validate(v) == nil
}

// text checks a string. plain: it is ASCII.
func (q *quick) text(s string, plain bool) bool {
	if q.enum != nil && !q.enum[s] {
		return false
	}
	if q.least > 0 || q.most >= 0 {
		n := len(s)
		if !plain {
			n = utf8.RuneCountInString(s)
		}
		if n < q.least || q.most >= 0 && n > q.most {
			return false
		}
	}
	if q.format != nil && q.format(s) != nil {
		return false
	}
	if plain && q.ascii != nil {
		return q.ascii.matches(s)
	}
	return q.pattern == nil || q.pattern.MatchString(s)
}

// plainText says that any string will do.
func (q *quick) plainText() bool {
	return q.enum == nil && q.least == 0 && q.most < 0 && q.pattern == nil && q.format == nil
}

// number checks a number of JSON.
func (q *quick) number(text []byte) bool {
	if q.types&numberBit != 0 { // without limits
		return true
	}
	n, err := json.Number(text).Int64()
	return err == nil && (q.least64 == nil || n >= *q.least64) && (q.most64 == nil || n <= *q.most64)
}
