package contract

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// reader goes through a JSON document once. Its grammar is that of encoding/json or
// narrower: what it does not read, that may. A false result ends the reading.
type reader struct {
	doc []byte
	at  int
}

// maxDepth is how deep what is read here is nested.
const maxDepth = 64

func (r *reader) space() {
	for r.at < len(r.doc) && (r.doc[r.at] == ' ' || r.doc[r.at] == '\n' || r.doc[r.at] == '\t' || r.doc[r.at] == '\r') {
		r.at++
	}
}

// next takes a byte that has to come next, after space.
func (r *reader) next(b byte) bool {
	r.space()
	if r.at < len(r.doc) && r.doc[r.at] == b {
		r.at++
		return true
	}
	return false
}

// value reads a value and checks it; nil: whatever it is.
func (r *reader) value(q *quick, depth int) bool {
	if depth > maxDepth || r.at >= len(r.doc) {
		return false
	}
	if q != nil && q.whole != nil {
		from := r.at
		return r.value(nil, depth) && q.builds(r.doc[from:r.at])
	}
	if q != nil {
		from := r.at
		for _, part := range q.all {
			if !r.value(part, depth+1) {
				return false
			}
			r.at = from
		}
	}
	may := func(types uint8) bool { return q == nil || q.types&types != 0 }
	switch r.doc[r.at] {
	case '{':
		return may(objectBit) && r.object(q, depth)
	case '[':
		return may(arrayBit) && r.array(q, depth)
	case '"':
		return may(stringBit) && r.text(q)
	case 't':
		return may(boolBit) && r.word("true")
	case 'f':
		return may(boolBit) && r.word("false")
	case 'n':
		return may(nullBit) && r.word("null")
	}
	from := r.at
	return may(numberBit|integerBit) && r.number() && (q == nil || q.number(r.doc[from:r.at]))
}

func (r *reader) word(w string) bool {
	if !bytes.HasPrefix(r.doc[r.at:], []byte(w)) {
		return false
	}
	r.at += len(w)
	return true
}

func (r *reader) object(q *quick, depth int) bool {
	var seen uint64
	n := 0
	r.at++
	if !r.next('}') {
		for {
			r.space()
			name, plain, ok := r.quoted()
			if !ok || !r.next(':') {
				return false
			}
			r.space()
			p, ok := q.property(name, plain)
			if !ok || !r.value(p.schema, depth+1) {
				return false
			}
			seen |= p.bit
			n++
			if r.next(',') {
				continue
			}
			if !r.next('}') {
				return false
			}
			break
		}
	}
	if q == nil {
		return true
	}
	// One that is there twice is counted twice here, and once by the library.
	if seen&q.required != q.required || q.filled && n == 0 || q.propMax >= 0 && n > q.propMax {
		return false
	}
	for _, a := range q.along {
		if seen&a.where != 0 && seen&a.others != a.others {
			return false
		}
	}
	return true
}

// property finds that of a name, as it is in the document; false: there may be none.
func (q *quick) property(quoted []byte, plain bool) (property, bool) {
	if q == nil {
		return property{}, true
	}
	var p property
	var named bool
	if plain && q.names == nil {
		p, named = q.props[string(quoted[1:len(quoted)-1])]
	} else {
		name, ok := unquoted(quoted)
		if !ok || q.names != nil && (q.names.types&stringBit == 0 || !q.names.text(name, plain)) {
			return p, false
		}
		p, named = q.props[name]
	}
	if !named {
		p.schema = q.extra
	}
	return p, named || q.open
}

func (r *reader) array(q *quick, depth int) bool {
	var items *quick
	var told [][]byte // where no two may be the same
	if q != nil {
		items = q.items
	}
	n := 0
	r.at++
	if !r.next(']') {
		for {
			r.space()
			from := r.at
			if !r.value(items, depth+1) {
				return false
			}
			n++
			if q != nil && q.unique {
				if told = another(told, r.doc[from:r.at]); told == nil {
					return false
				}
			}
			if r.next(',') {
				continue
			}
			if !r.next(']') {
				return false
			}
			break
		}
	}
	return q == nil || n >= q.few && (q.many < 0 || n <= q.many)
}

// maxUnique is how many values are compared with each other.
const maxUnique = 32

// another adds a value to those that differ from each other; nil: it may not differ.
func another(told [][]byte, raw []byte) [][]byte {
	if len(told) == maxUnique || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 || !utf8.Valid(raw) ||
		slices.ContainsFunc(told, func(other []byte) bool { return bytes.Equal(other, raw) }) {
		return nil
	}
	return append(told, raw)
}

func (r *reader) text(q *quick) bool {
	quoted, plain, ok := r.quoted()
	if !ok || q == nil || q.plainText() {
		return ok
	}
	if plain {
		return q.text(string(quoted[1:len(quoted)-1]), true)
	}
	s, ok := unquoted(quoted)
	return ok && q.text(s, false)
}

// unquoted gives what a string says that quoted has read.
func unquoted(quoted []byte) (s string, ok bool) {
	if bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) {
		return string(quoted[1 : len(quoted)-1]), true
	}
	err := json.Unmarshal(quoted, &s)
	return s, err == nil
}

// quoted reads a string, with its quotes. plain: it is ASCII, without escapes.
func (r *reader) quoted() (s []byte, plain, ok bool) {
	from := r.at
	if from >= len(r.doc) || r.doc[from] != '"' {
		return nil, false, false
	}
	escaped := false
	plain = true
	for i := from + 1; i < len(r.doc); i++ {
		switch b := r.doc[i]; {
		case b == '"':
			r.at = i + 1
			return r.doc[from:r.at], plain, !escaped || json.Valid(r.doc[from:r.at])
		case b < ' ':
			return nil, false, false
		case b == '\\':
			plain, escaped = false, true
			i++
		case b >= utf8.RuneSelf:
			plain = false
		}
	}
	return nil, false, false
}

// number reads digits, with a sign and a fraction if there are; one with an exponent, or
// of too many digits (numbers.go), is left to the library.
func (r *reader) number() bool {
	from := r.at
	if r.at < len(r.doc) && r.doc[r.at] == '-' {
		r.at++
	}
	first := r.at
	if n := r.digits(); n == 0 || n > 1 && r.doc[first] == '0' {
		return false
	}
	if r.at < len(r.doc) && r.doc[r.at] == '.' {
		r.at++
		if r.digits() == 0 {
			return false
		}
	}
	ended := r.at == len(r.doc) || r.doc[r.at] != 'e' && r.doc[r.at] != 'E'
	return ended && r.at-from <= maxDigits
}

func (r *reader) digits() (n int) {
	for r.at < len(r.doc) && r.doc[r.at] >= '0' && r.doc[r.at] <= '9' {
		r.at++
		n++
	}
	return n
}
