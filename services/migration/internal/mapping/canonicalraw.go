package mapping

import (
	"encoding/json"
	"slices"
	"strings"
)

// deepest is how deep a document may be for put.
const deepest = 64

// put appends the value that text begins with in its canonical form, and gives what is behind
// it; not ok: it is not well formed, or so odd that encoding/json has to see to it.
func put(b []byte, text string, depth int) (_ []byte, rest string, ok bool) {
	if len(text) == 0 || depth > deepest {
		return nil, "", false
	}
	switch text[0] {
	case '{':
		return putObject(b, space(text[1:]), depth)
	case '[':
		return putList(b, space(text[1:]), depth)
	case '"':
		n := stringEnd(text)
		if n == 0 {
			return nil, "", false
		}
		b, ok = putString(b, text[:n])
		return b, text[n:], ok
	}
	n := 0
	for n < len(text) && strings.IndexByte(",]} \t\r\n", text[n]) < 0 {
		n++
	}
	switch word := text[:n]; {
	case word == "true", word == "false", word == "null":
	case !digits(word):
		return nil, "", false
	}
	return append(b, text[:n]...), text[n:], true
}

// digits says whether a text is a whole number as JSON has it.
func digits(t string) bool {
	t = strings.TrimPrefix(t, "-")
	for _, c := range []byte(t) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(t) == 1 || len(t) > 1 && t[0] != '0'
}

func putList(b []byte, text string, depth int) (_ []byte, rest string, ok bool) {
	b = append(b, '[')
	for n := 0; ; n++ {
		if len(text) > 0 && text[0] == ']' && n == 0 {
			return append(b, ']'), text[1:], true
		}
		if b, text, ok = put(b, text, depth+1); !ok {
			return nil, "", false
		}
		if text = space(text); len(text) == 0 {
			return nil, "", false
		}
		switch text[0] {
		case ']':
			return append(b, ']'), text[1:], true
		case ',':
			b, text = append(b, ','), space(text[1:])
		default:
			return nil, "", false
		}
	}
}

// span is a member of an object: where it stands in what was written.
type span struct {
	name     string
	from, to int
}

// putObject writes the members as they come, and puts them in order behind.
func putObject(b []byte, text string, depth int) (_ []byte, rest string, ok bool) {
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
		if n == 0 || !plainText(text[1:n-1]) {
			return nil, "", false
		}
		one := span{name: text[1 : n-1], from: len(b)}
		b = append(b, text[:n]...)
		if text = space(text[n:]); len(text) == 0 || text[0] != ':' {
			return nil, "", false
		}
		if b, text, ok = put(append(b, ':'), space(text[1:]), depth+1); !ok {
			return nil, "", false
		}
		one.to = len(b)
		if len(all) > 0 && one.name <= all[len(all)-1].name {
			sorted = false
		}
		all = append(all, one)
		if text = space(text); len(text) == 0 {
			return nil, "", false
		}
		if text[0] == '}' {
			break
		}
		if text[0] != ',' {
			return nil, "", false
		}
		b, text = append(b, ','), space(text[1:])
	}
	if !sorted {
		if b, ok = inOrder(b, start, all); !ok {
			return nil, "", false
		}
	}
	return append(b, '}'), text[1:], true
}

// inOrder writes the members again, by name; not ok: there are two of one name.
func inOrder(b []byte, start int, all []span) ([]byte, bool) {
	slices.SortFunc(all, func(a, b span) int { return strings.Compare(a.name, b.name) })
	end := len(b)
	for i, one := range all {
		if i > 0 {
			if one.name == all[i-1].name {
				return nil, false
			}
			b = append(b, ',')
		}
		b = append(b, b[one.from:one.to]...)
	}
	return b[:start+copy(b[start:], b[end:])], true
}

// stringEnd gives the length of the string that text begins with; 0: it has no end.
func stringEnd(text string) int {
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

// putString writes a string that stands in quotes.
func putString(b []byte, quoted string) ([]byte, bool) {
	if plainText(quoted[1 : len(quoted)-1]) {
		return append(b, quoted...), true
	}
	var t string
	if json.Unmarshal([]byte(quoted), &t) != nil {
		return nil, false
	}
	b, err := appendString(b, t)
	return b, err == nil
}

func space(text string) string {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t') {
		text = text[1:]
	}
	return text
}
