package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// taken is what an operation takes a column's value for.
type taken int

const (
	asIs      taken = iota // text, whole number, true or false
	asText                 // anything with one spelling
	asInt                  //
	asBool                 //
	asJSON                 //
	asDecimal              // numbers, and texts of them
	asTime                 //
	asUnix                 // a number of seconds
	asKey                  // part of a key
	asAny                  // an expression sees to it
	asHash                 // of a password
)

var castTo = map[string]taken{"string": asText, "int": asInt, "bool": asBool, "json": asJSON}

// text writes a value in its only spelling.
func text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return shortest(v)
	case time.Time:
		return "", errors.New("is a time, which needs the operation time")
	case []byte:
		return "", errors.New("is bytes, which have no text")
	}
	return "", errors.New("has no text")
}

// shortest writes a float as the shortest decimal that is read as it. A real comes
// widened: what fits 32 bits and is no whole number is written for these, so that
// 32.38 is not 32.380001068.
func shortest(v float64) (string, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "", errors.New("is not a finite number")
	}
	bits := 64
	if v != math.Trunc(v) && float64(float32(v)) == v {
		bits = 32
	}
	return strconv.FormatFloat(v, 'f', -1, bits), nil
}

func cast(v any, to string) (any, error) {
	switch to {
	case "string":
		return text(v)
	case "int":
		return whole(v)
	case "bool":
		return truth(v)
	default:
		return parsed(v)
	}
}

var wholeText = regexp.MustCompile(`^([+-]?[0-9]+)(\.0+)?$`)

func whole(v any) (any, error) {
	if i, ok := v.(int64); ok {
		return i, nil
	}
	t, err := text(v)
	if err != nil {
		return nil, err
	}
	m := wholeText.FindStringSubmatch(strings.TrimSpace(t))
	if _, is := v.(bool); m == nil || is {
		return nil, errors.New("is not a whole number")
	}
	i, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return nil, errors.New("is not a whole number of 64 bits")
	}
	return i, nil
}

func truth(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case int64:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "1", "t", "true", "y", "yes", "on":
			return true, nil
		case "0", "f", "false", "n", "no", "off":
			return false, nil
		}
	}
	return nil, errors.New("is neither true nor false, nor a usual word for one of them")
}

// parsed reads JSON. Null members are left out, as everywhere in a document.
func parsed(v any) (any, error) {
	var raw string
	switch v := v.(type) {
	case string:
		raw = v
	case []byte:
		raw = string(v)
	default:
		return nil, errors.New("is not JSON")
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil || d.More() {
		return nil, errors.New("is not well-formed JSON")
	}
	return settle(out)
}

// settle turns what JSON gives into values of a document.
func settle(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		i, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return nil, errors.New("has a number that is not whole")
		}
		return i, nil
	case []any:
		out := []any{}
		for _, one := range v {
			s, err := settle(one)
			if err != nil {
				return nil, err
			}
			if s == nil {
				return nil, errors.New("has a list with a null in it")
			}
			out = append(out, s)
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			s, err := settle(one)
			if err != nil {
				return nil, err
			}
			if s != nil {
				out[name] = s
			}
		}
		return out, nil
	}
	return v, nil
}

// keyText writes the values of a key as one text; no two keys have the same.
func keyText(values []any) (string, error) {
	parts := make([]string, len(values))
	for i, v := range values {
		t, err := keyPart(v)
		if err != nil {
			return "", fmt.Errorf("key: %w", err)
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(t, "%", "%25"), ":", "%3A")
	}
	return strings.Join(parts, ":"), nil
}

func keyPart(v any) (string, error) {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	if _, is := v.(float64); is {
		return "", errors.New("a float names nothing")
	}
	return text(v)
}
