package verify

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// canonical gives a JSON document with its keys in order and no space, so that equal
// documents are equal bytes. Numbers stay as they are written.
func canonical(doc []byte) ([]byte, error) {
	if b, rest, ok := put(make([]byte, 0, len(doc)), space(doc), 0); ok && len(space(rest)) == 0 {
		return b, nil
	}
	return decoded(doc)
}

// decoded is canonical by encoding/json, for what put leaves to it. It gives the same bytes.
func decoded(doc []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// deepest is how deep a document may be for put.
const deepest = 64

// put appends the value that text begins with, and gives what is behind it; not ok: it is
// not well formed, or so odd that encoding/json has to see to it.
func put(b, text []byte, depth int) (_, rest []byte, ok bool) {
	if len(text) == 0 || depth > deepest {
		return nil, nil, false
	}
	switch text[0] {
	case '{':
		return putObject(b, space(text[1:]), depth)
	case '[':
		return putList(b, space(text[1:]), depth)
	case '"':
		n := stringEnd(text)
		if n == 0 {
			return nil, nil, false
		}
		b, ok = putString(b, text[:n])
		return b, text[n:], ok
	}
	n := 0
	for n < len(text) && strings.IndexByte(",]} \t\r\n", text[n]) < 0 {
		n++
	}
	switch word := text[:n]; {
	case string(word) == "true", string(word) == "false", string(word) == "null":
	case !digits(word):
		return nil, nil, false
	}
	return append(b, text[:n]...), text[n:], true
}

// digits says whether a text is a whole number as JSON has it.
func digits(t []byte) bool {
	t = bytes.TrimPrefix(t, []byte("-"))
	for _, c := range t {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(t) == 1 || len(t) > 1 && t[0] != '0'
}

func putList(b, text []byte, depth int) (_, rest []byte, ok bool) {
	b = append(b, '[')
	for n := 0; ; n++ {
		if len(text) > 0 && text[0] == ']' && n == 0 {
			return append(b, ']'), text[1:], true
		}
		if b, text, ok = put(b, text, depth+1); !ok {
			return nil, nil, false
		}
		if text = space(text); len(text) == 0 {
			return nil, nil, false
		}
		switch text[0] {
		case ']':
			return append(b, ']'), text[1:], true
		case ',':
			b, text = append(b, ','), space(text[1:])
		default:
			return nil, nil, false
		}
	}
}

// span is a member of an object: where it stands in what was written.
type span struct {
	name     []byte
	from, to int
}

// putObject writes the members as they come, and puts them in order behind.
func putObject(b, text []byte, depth int) (_, rest []byte, ok bool) {
	b = append(b, '{')
	if len(text) > 0 && text[0] == '}' {
		return append(b, '}'), text[1:], true
	}
	start, sorted := len(b), true
	var room [16]span
	all := room[:0]
	for {
		n := 0
		if len(text) > 0 && text[0] == '"' {
			n = stringEnd(text)
		}
		if n == 0 || !plain(text[1:n-1]) {
			return nil, nil, false
		}
		one := span{name: text[1 : n-1], from: len(b)}
		b = append(b, text[:n]...)
		if text = space(text[n:]); len(text) == 0 || text[0] != ':' {
			return nil, nil, false
		}
		if b, text, ok = put(append(b, ':'), space(text[1:]), depth+1); !ok {
			return nil, nil, false
		}
		one.to = len(b)
		if len(all) > 0 && bytes.Compare(one.name, all[len(all)-1].name) <= 0 {
			sorted = false
		}
		all = append(all, one)
		if text = space(text); len(text) == 0 {
			return nil, nil, false
		}
		if text[0] == '}' {
			break
		}
		if text[0] != ',' {
			return nil, nil, false
		}
		b, text = append(b, ','), space(text[1:])
	}
	if !sorted {
		if b, ok = inOrder(b, start, all); !ok {
			return nil, nil, false
		}
	}
	return append(b, '}'), text[1:], true
}

// inOrder writes the members again, by name; not ok: there are two of one name.
func inOrder(b []byte, start int, all []span) ([]byte, bool) {
	slices.SortFunc(all, func(a, b span) int { return bytes.Compare(a.name, b.name) })
	end := len(b)
	for i, one := range all {
		if i > 0 {
			if bytes.Equal(one.name, all[i-1].name) {
				return nil, false
			}
			b = append(b, ',')
		}
		b = append(b, b[one.from:one.to]...)
	}
	return b[:start+copy(b[start:], b[end:])], true
}

// stringEnd gives the length of the string that text begins with; 0: it has no end.
func stringEnd(text []byte) int {
	for n := 1; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case '"':
			return n + 1
		}
	}
	return 0
}

// putString writes a string as encoding/json does.
func putString(b, quoted []byte) ([]byte, bool) {
	if plain(quoted[1 : len(quoted)-1]) {
		return append(b, quoted...), true
	}
	var t string
	if json.Unmarshal(quoted, &t) != nil {
		return nil, false
	}
	again, err := json.Marshal(t)
	return append(b, again...), err == nil
}

// plain says whether encoding/json would write a text as it is.
func plain(t []byte) bool {
	ascii := true
	for _, c := range t {
		switch {
		case c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0xE2: // U+2028 begins with E2
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.Valid(t)
}

func space(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t') {
		text = text[1:]
	}
	return text
}
