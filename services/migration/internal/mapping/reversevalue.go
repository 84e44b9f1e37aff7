package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// taking is how a parameter of SQL is taken from a document.
type taking struct {
	pointer string // into the document, or the element of a list; "": all of it
	as      string // "", "money", "decimal", "local", "enum", "key", "json", "count", "present"
	line    int

	shift     int               // of decimal: so many decimals
	zone      *time.Location    // of local
	values    map[string]string // of enum
	otherwise *string           // of enum; nil: another value is an error
	of        **Kind            // of key
	part      int               // of key: which of its columns
	fallback  *string           // where the document has nothing
}

// text gives the parameter as PostgreSQL reads it; nil is NULL.
func (t *taking) text(doc any, keys map[string]Key) (*string, error) {
	v := at(doc, t.pointer)
	switch t.as {
	case "present":
		return given(strconv.FormatBool(!empty(v))), nil
	case "count":
		list, _ := v.([]any)
		return given(strconv.Itoa(len(list))), nil
	}
	if v == nil {
		return t.fallback, nil
	}
	switch t.as {
	case "json":
		raw, err := canonical(v)
		if err != nil {
			return nil, err
		}
		return given(string(raw)), nil
	case "money":
		return asMoney(v)
	case "decimal":
		n, ok := v.(json.Number)
		if !ok {
			return nil, errors.New("is not a number")
		}
		return shifted(n.String(), t.shift)
	case "local":
		return t.local(v)
	case "key":
		return t.key(v, keys)
	}
	plain, err := scalarText(v)
	if err != nil || t.as != "enum" {
		return plain, err
	}
	if to, ok := t.values[*plain]; ok {
		return &to, nil
	}
	if t.otherwise == nil {
		return nil, errors.New("has a value that enum does not list")
	}
	return t.otherwise, nil
}

func given(s string) *string { return &s }

func scalarText(v any) (*string, error) {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, errors.New("has a zero byte, which PostgreSQL does not take")
		}
		return &v, nil
	case json.Number:
		return given(v.String()), nil
	case bool:
		return given(strconv.FormatBool(v)), nil
	}
	return nil, errors.New("is a list or an object: say json, or take its parts")
}

func asMoney(v any) (*string, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is no amount of money")
	}
	amount, isNumber := m["amount"].(json.Number)
	code, isText := m["currency"].(string)
	if !isNumber || !isText {
		return nil, errors.New("is no amount of money")
	}
	return shifted(amount.String(), decimals(code))
}

// shifted puts the decimal point so many places to the left.
func shifted(whole string, places int) (*string, error) {
	r, ok := new(big.Rat).SetString(whole)
	if !ok || !r.IsInt() {
		return nil, errors.New("is not a whole number")
	}
	r.Quo(r, new(big.Rat).SetInt(pow10(places)))
	return given(r.FloatString(places)), nil
}

// local writes an instant as the clock of a zone shows it, to the microsecond, which is
// what PostgreSQL keeps.
func (t *taking) local(v any) (*string, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errors.New("is no time")
	}
	instant, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil, errors.New("is no time")
	}
	return given(instant.In(t.zone).Truncate(time.Microsecond).Format("2006-01-02 15:04:05.999999")), nil
}

// key gives a part of the key of another document, nil where that is of another kind
// than the one asked for, or has no row.
func (t *taking) key(v any, keys map[string]Key) (*string, error) {
	id, ok := v.(string)
	if !ok {
		return nil, errors.New("is no ID")
	}
	k, known := keys[id]
	if !known || k.Name != (*t.of).Name {
		return t.fallback, nil
	}
	if t.part >= len(k.Values) {
		return nil, fmt.Errorf("comes from a key of %d columns", len(k.Values))
	}
	return given(fmt.Sprint(k.Values[t.part])), nil
}

func decode(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	return v, nil
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// at follows a JSON pointer; nil where there is nothing.
func at(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		switch in := v.(type) {
		case map[string]any:
			v = in[unescapePointer.Replace(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// takings are the words that say how a value is taken.
var takings = []string{"count", "decimal", "enum", "json", "key", "local", "money", "present", "text"}

func isTaking(name string) bool { return slices.Contains(takings, name) }
