package strangler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	mostPointers   = 20  // of a difference
	longestPointer = 300 // bytes
	deepest        = 64  // levels that are looked into
)

type answer struct {
	status int
	media  string
	body   []byte
}

// differences says where two answers differ that should be one: by JSON pointers, of
// which "" is the whole. What may differ: all but the status of errors, the order of
// fields, null and a field that is not there, cursors, one time and another, IDs that are
// not derived from the monolith's keys (those are of version 5), and where ignore says.
func differences(old, now answer, ignore []string) (pointers []string, same bool) {
	if old.status != now.status {
		return nil, false
	}
	isJSON := strings.HasPrefix(old.media, "application/json")
	switch {
	case old.status >= http.StatusBadRequest || len(old.body) == 0 && len(now.body) == 0:
		return nil, true
	case isJSON != strings.HasPrefix(now.media, "application/json"):
		return []string{""}, false
	case !isJSON:
		if bytes.Equal(old.body, now.body) {
			return nil, true
		}
		return []string{""}, false
	}
	a, errA := decode(old.body)
	b, errB := decode(now.body)
	if errA != nil || errB != nil {
		return []string{""}, false
	}
	c := comparison{}
	for _, pointer := range ignore {
		c.ignore = append(c.ignore, strings.Split(pointer, "/"))
	}
	c.values([]string{""}, a, b)
	return c.found, len(c.found) == 0
}

func decode(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return v, nil
}

type comparison struct {
	ignore [][]string
	found  []string
}

func (c *comparison) differ(path []string) {
	pointer := strings.Join(path, "/")
	if len(pointer) > longestPointer {
		pointer = strings.ToValidUTF8(pointer[:longestPointer], "")
	}
	if len(c.found) < mostPointers {
		c.found = append(c.found, pointer)
	}
}

func (c *comparison) ignored(path []string) bool {
	return slices.ContainsFunc(c.ignore, func(pattern []string) bool {
		return slices.EqualFunc(pattern, path, func(p, segment string) bool { return p == "*" || p == segment })
	})
}

// values compares what is at a path, whose segments are escaped as in a pointer.
func (c *comparison) values(path []string, a, b any) {
	if c.ignored(path) || len(path) > deepest || path[len(path)-1] == "next_cursor" && (a == nil) == (b == nil) {
		return
	}
	switch a := a.(type) {
	case map[string]any:
		b, isObject := b.(map[string]any)
		if !isObject {
			break
		}
		names := maps.Clone(a)
		maps.Copy(names, b)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			c.values(append(slices.Clone(path), escape.Replace(name)), a[name], b[name])
		}
		return
	case []any:
		b, isList := b.([]any)
		if !isList || len(a) != len(b) {
			break
		}
		for i := range a {
			c.values(append(slices.Clone(path), strconv.Itoa(i)), a[i], b[i])
		}
		return
	default:
		if equal(a, b) {
			return
		}
	}
	c.differ(path)
}

// escape is that of RFC 6901.
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// equal compares what is no object or list.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, isNumber := b.(json.Number)
		return isNumber && (a == b || number(a) == number(b))
	case string:
		b, isText := b.(string)
		return isText && (a == b || bothTimes(a, b) || aFreeID(a, b))
	default:
		_, isObject := b.(map[string]any)
		_, isList := b.([]any)
		return !isObject && !isList && a == b
	}
}

// number gives what JSON writes in several ways; two that overflow are taken for equal.
func number(n json.Number) float64 {
	f, _ := n.Float64()
	return f
}

func bothTimes(a, b string) bool {
	_, errA := time.Parse(time.RFC3339, a)
	_, errB := time.Parse(time.RFC3339, b)
	return errA == nil && errB == nil
}

// aFreeID says that both are IDs, and not both given by the rule that makes them the
// same on either side.
func aFreeID(a, b string) bool {
	x, errA := uuid.Parse(a)
	y, errB := uuid.Parse(b)
	return errA == nil && errB == nil && (x.Version() != 5 || y.Version() != 5)
}
