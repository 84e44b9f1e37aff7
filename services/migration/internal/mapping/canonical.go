package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// members are an object of a document, in the order of their names.
type members []member

// member is a named value.
type member struct {
	name  string
	value any
}

// get gives the value of a name; nil: there is none.
func (o members) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// membersOf gives an object in the order of its names; false: it is none.
func membersOf(v any) (members, bool) {
	switch v := v.(type) {
	case members:
		return v, true
	case map[string]any:
		out := make(members, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, member{name, v[name]})
		}
		return out, true
	}
	return nil, false
}

// without gives the object without a name.
func (o members) without(name string) members {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return m.name == name })
}

// with puts a value under a name that may be there.
func (o members) with(name string, value any) members {
	out := append(o.without(name), member{name, value})
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b member) int { return strings.Compare(a.name, b.name) }

// minor is an amount in minor units.
type minor struct {
	amount   int64
	currency string
}

// Canonical writes JSON in the one form in which documents are compared: names
// sorted, no blanks, numbers as they were written.
func Canonical(raw []byte) ([]byte, error) {
	if b, rest, ok := put(make([]byte, 0, len(raw)), space(string(raw)), 0); ok && space(rest) == "" {
		return b, nil
	}
	return decoded(raw)
}

// decoded is Canonical by encoding/json, for what put leaves to it. It gives the same bytes.
func decoded(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	if d.More() {
		return nil, errors.New("canonical form: more than one value")
	}
	return canonical(v)
}

// scratch has room for most documents.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// canonical writes a value as encoding/json does that leaves HTML alone.
func canonical(v any) ([]byte, error) {
	room := scratch.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	defer scratch.Put(room)
	b, err := appendValue((*room)[:0], v)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	if cap(b) <= 64<<10 { // a document that is larger is a rare one
		*room = b
	}
	return bytes.Clone(b), nil
}

func appendValue(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case json.Number:
		return append(b, v...), nil
	case minor:
		b = strconv.AppendInt(append(b, `{"amount":`...), v.amount, 10)
		if b, err = appendString(append(b, `,"currency":`...), v.currency); err != nil {
			return nil, err
		}
		return append(b, '}'), nil
	case members:
		b = append(b, '{')
		for i, m := range v {
			if b, err = appendMember(b, i, m.name, m.value); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i, one := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendValue(b, one); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if b, err = appendMember(b, i, name, v[name]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return nil, fmt.Errorf("a %T has no place in a document", v)
}

func appendMember(b []byte, i int, name string, value any) ([]byte, error) {
	if i > 0 {
		b = append(b, ',')
	}
	b, err := appendString(b, name)
	if err != nil {
		return nil, err
	}
	return appendValue(append(b, ':'), value)
}

// appendString writes a text. What has to be escaped is left to encoding/json.
func appendString(b []byte, t string) ([]byte, error) {
	if !plainText(t) {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if err := e.Encode(t); err != nil {
			return nil, err
		}
		return append(b, bytes.TrimRight(out.Bytes(), "\n")...), nil
	}
	return append(append(append(b, '"'), t...), '"'), nil
}

// plainText says whether a text is its own JSON: UTF-8 without quotes, backslashes, control
// characters, and U+2028 and U+2029, the line ends of JavaScript.
func plainText(t string) bool {
	ascii := true
	for i := range len(t) {
		switch c := t[i]; {
		case c < ' ' || c == '"' || c == '\\' || c == 0xE2 && i+2 < len(t) && t[i+1] == 0x80 && t[i+2]&^1 == 0xA8:
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(t)
}
