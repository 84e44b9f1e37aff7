// Package quickjsontest holds package quickjson to encoding/json in tests, over the documents
// that an owner takes.
package quickjsontest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/quickjson"
)

// others are put in the place of each value of a document.
var others = []string{
	`null`, `true`, `0`, `-0`, `-1`, `1.5`, `1.0`, `1e2`, `3000000000`, `99999999999999999999`, `""`, `"x"`, `"1"`, `"\u00e9\ud83d\ude00"`, `"\ud800"`, "\"\xff\"", "\"\t\"",
	`"2026-01-02T03:04:05.5+02:00"`, `"2026-01-02T3:04:05Z"`, `"2026-01-02T03:04:60Z"`, `[]`, `[null]`, `["x","y"]`, `[{}]`, `{}`, `{"x":null}`, `{"x":"y","x":"z"}`, ` 1 `, `1]`, `{`, ``,
}

// RequireSame fails unless documents of a T are decoded quickly, and to what encoding/json
// decodes them to; so is each of them with any one value replaced by another, or with a name
// that comes twice, in capitals, or is not known.
func RequireSame[T any](t *testing.T, docs ...[]byte) {
	t.Helper()
	require.NotEmpty(t, docs)
	for _, doc := range docs {
		var v T
		require.NoError(t, quickjson.Quick(doc, &v), "%s", doc)
		requireSame[T](t, doc)
		for _, p := range placesOf(t, doc) {
			old := string(doc[p.from:p.to])
			if !p.isName {
				for _, other := range others {
					requireSame[T](t, put(doc, p, other))
				}
				continue
			}
			for _, other := range []string{strings.ToUpper(old), `"unknown"`, `"\u0078"`, `""`, "\"\xff\"", old + `:null,` + old, old + `:"x",` + old, old + `:{"x":[1]},` + old, `"unknown":{"a":[{}]},` + old} {
				requireSame[T](t, put(doc, p, other))
			}
			if !p.hasFields { // it comes twice, and is merged or not
				continue
			}
			requireSame[T](t, put(doc, p, old+":"+string(doc[p.value:p.end])+","+old))
			requireSame[T](t, put(doc, p, old+":{},"+old))
		}
	}
}

func requireSame[T any](t *testing.T, doc []byte) {
	t.Helper()
	var want, got T
	wrong, err := json.Unmarshal(doc, &want), quickjson.Unmarshal(doc, &got)
	require.Equal(t, wrong, err, "%s", doc)
	require.Equal(t, want, got, "%s", doc)
}

// place is where a name or a value of a document is. After a name whose value is an object or
// a list come the bytes of that.
type place struct {
	from, to   int
	isName     bool
	hasFields  bool
	value, end int
}

func put(doc []byte, p place, other string) []byte {
	return slices.Concat(doc[:p.from], []byte(other), doc[p.to:])
}

// placesOf finds all names and values of a document.
func placesOf(t *testing.T, doc []byte) (all []place) {
	t.Helper()
	type level struct {
		at, name int // places of what is open and of its name, -1: none
		isList   bool
	}
	var open []level
	name := -1 // whose value comes next
	d := json.NewDecoder(bytes.NewReader(doc))
	for at := 0; ; at = int(d.InputOffset()) {
		token, err := d.Token()
		if err != nil {
			break
		}
		for strings.IndexByte(" \n\t\r,:", doc[at]) >= 0 {
			at++
		}
		p := place{from: at, to: int(d.InputOffset())}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open, name = append(open, level{at: len(all), name: name, isList: token == json.Delim('[')}), -1
			all = append(all, p)
			continue
		case json.Delim('}'), json.Delim(']'):
			ends := open[len(open)-1]
			open = open[:len(open)-1]
			all[ends.at].to = p.to
			if ends.name >= 0 {
				n := &all[ends.name]
				n.hasFields, n.value, n.end = true, all[ends.at].from, p.to
			}
			name = -1
			continue
		}
		if p.isName = name < 0 && len(open) > 0 && !open[len(open)-1].isList; p.isName {
			name = len(all)
		} else {
			name = -1
		}
		all = append(all, p)
	}
	require.Empty(t, open)
	return all
}
