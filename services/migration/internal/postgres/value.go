package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// kind is what there is to know of a type to read its text.
type kind struct {
	base  uint32 // of a domain; 0: it is none
	elem  uint32 // of an array; 0: it is none
	delim byte   // between an array's elements
}

const typesSQL = `
SELECT t.oid, t.typbasetype, CASE WHEN t.typoutput = 'array_out'::regproc THEN t.typelem ELSE 0 END, coalesce(e.typdelim, ',')::text
FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
WHERE t.typtype = 'd' OR t.typoutput = 'array_out'::regproc OR t.oid >= 16384`

// kind finds a type. Types that are made later are found by reading them all again; one
// that is gone is read as text.
func (s *Source) kind(ctx context.Context, oid uint32) (kind, error) {
	if known := s.types.Load(); known != nil {
		if k, ok := (*known)[oid]; ok || oid < 16384 { // users' types begin there
			return k, nil
		}
	}
	rows, err := s.aside.Query(ctx, typesSQL)
	if err != nil {
		return kind{}, fmt.Errorf("types of the source: %w", err)
	}
	all := map[uint32]kind{oid: {}}
	var id uint32
	var k kind
	var delim string
	if _, err := pgx.ForEachRow(rows, []any{&id, &k.base, &k.elem, &delim}, func() error {
		k.delim = delim[0]
		all[id] = k
		return nil
	}); err != nil {
		return kind{}, fmt.Errorf("types of the source: %w", err)
	}
	s.types.Store(&all)
	return all[oid], nil
}

// value reads the text of a value of a type; nil is NULL.
func (s *Source) value(ctx context.Context, oid uint32, text []byte) (any, error) {
	if text == nil {
		return nil, nil
	}
	k, err := s.kind(ctx, oid)
	if err != nil {
		return nil, err
	}
	switch {
	case k.base != 0:
		return s.value(ctx, k.base, text)
	case k.elem != 0:
		return array(string(text), k.delim, func(item []byte) (any, error) { return s.value(ctx, k.elem, item) })
	}
	return scalar(oid, string(text))
}

func scalar(oid uint32, text string) (any, error) {
	switch oid {
	case pgtype.BoolOID:
		return text == "t", nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return strconv.ParseInt(text, 10, 64)
	case pgtype.Float4OID, pgtype.Float8OID:
		return strconv.ParseFloat(text, 64)
	case pgtype.ByteaOID:
		if !strings.HasPrefix(text, `\x`) {
			return nil, errors.New("bytea is not in hex")
		}
		return hex.DecodeString(text[2:])
	case pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		if strings.HasSuffix(text, "infinity") {
			return text, nil // no time.Time is that
		}
		return instant(text)
	default:
		return text, nil
	}
}

// usual reads "2006-01-02 15:04:05" with up to six decimals, and with or without "+00" behind;
// false: it is written otherwise, or out of range.
func usual(text string) (time.Time, bool) {
	const form = "0000-00-00 00:00:00"
	text = strings.TrimSuffix(text, "+00")
	if len(text) < len(form) || len(text) > len(form)+7 {
		return time.Time{}, false
	}
	var at [7]int // year, month, day, hour, minute, second, nanosecond
	part := 0
	for i := range len(form) {
		switch c := text[i]; {
		case form[i] != '0':
			if c != form[i] {
				return time.Time{}, false
			}
			part++
		case c < '0' || c > '9':
			return time.Time{}, false
		default:
			at[part] = 10*at[part] + int(c-'0')
		}
	}
	if decimals := text[len(form):]; decimals != "" {
		if decimals[0] != '.' || len(decimals) == 1 {
			return time.Time{}, false
		}
		unit := int(time.Second)
		for _, c := range []byte(decimals[1:]) {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			unit /= 10
			at[6] += unit * int(c-'0')
		}
	}
	t := time.Date(at[0], time.Month(at[1]), at[2], at[3], at[4], at[5], at[6], time.UTC)
	// A day that the month has not, or an hour that the day has not, is another one now.
	same := t.Month() == time.Month(at[1]) && t.Day() == at[2] && t.Hour() == at[3] && t.Minute() == at[4] && t.Second() == at[5]
	return t, same && at[0] > 0
}

// instant reads "2006-01-02", "2006-01-02 15:04:05.999999" and "... 15:04:05+00". time.Parse
// knows neither years of five digits nor " BC".
func instant(text string) (time.Time, error) {
	if t, ok := usual(text); ok {
		return t, nil
	}
	rest, bc := strings.CutSuffix(text, " BC")
	day, clock, timed := strings.Cut(rest, " ")
	parts := strings.Split(day, "-")
	if len(parts) != 3 {
		return time.Time{}, fmt.Errorf("%q is no time", text)
	}
	year, err := strconv.Atoi(parts[0])
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: %w", text, err)
	}
	if bc {
		year = 1 - year
	}
	if !timed {
		clock = "00:00:00"
	}
	t, err := time.Parse("2006-01-02 15:04:05", "2000-"+parts[1]+"-"+parts[2]+" "+strings.TrimSuffix(clock, "+00"))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: %w", text, err)
	}
	return time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC), nil
}

// array reads {a,"b c",NULL,{...}}, with or without its bounds in front.
func array(text string, delim byte, item func([]byte) (any, error)) ([]any, error) {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	all, rest, err := items(text, delim, item)
	if err == nil && rest != "" {
		err = fmt.Errorf("array goes on with %q", rest)
	}
	return all, err
}

func items(text string, delim byte, item func([]byte) (any, error)) (all []any, rest string, err error) {
	if !strings.HasPrefix(text, "{") {
		return nil, "", errors.New("array without {")
	}
	all, text = []any{}, text[1:]
	for {
		var v any
		switch {
		case text == "":
			return nil, "", errors.New("array without }")
		case text[0] == '}':
			return all, text[1:], nil
		case text[0] == delim:
			text = text[1:]
			continue
		case text[0] == '{':
			v, text, err = items(text, delim, item)
		default:
			var one []byte
			one, text = element(text, delim)
			v, err = item(one)
		}
		if err != nil {
			return nil, "", err
		}
		all = append(all, v)
	}
}

// element takes one element off an array's text; nil is NULL.
func element(text string, delim byte) (one []byte, rest string) {
	one = []byte{}
	quoted := text[0] == '"'
	n := 0
	if quoted {
		n = 1
	}
	for ; n < len(text); n++ {
		switch c := text[n]; {
		case c == '\\' && n+1 < len(text):
			n++
			one = append(one, text[n])
		case quoted && c == '"':
			return one, text[n+1:]
		case !quoted && (c == delim || c == '}'):
			if string(one) == "NULL" {
				return nil, text[n:]
			}
			return one, text[n:]
		default:
			one = append(one, c)
		}
	}
	return one, ""
}

// text writes a value as PostgreSQL reads it; nil is NULL.
func text(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	case json.Number:
		return []byte(v), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case float64:
		if v == float64(int64(v)) && v < 1<<53 && v > -1<<53 {
			return strconv.AppendInt(nil, int64(v), 10), nil // an integer that came through JSON
		}
		return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
	case []byte:
		return hex.AppendEncode([]byte(`\x`), v), nil
	case time.Time:
		v = v.UTC()
		if v.Year() <= 0 {
			return fmt.Appendf(nil, "%04d-%s+00 BC", 1-v.Year(), v.Format("01-02 15:04:05.999999")), nil
		}
		return fmt.Appendf(nil, "%04d-%s+00", v.Year(), v.Format("01-02 15:04:05.999999")), nil
	default:
		return nil, fmt.Errorf("a %T cannot be part of a key", v)
	}
}

// textArray writes the text of an array; a nil item is NULL.
func textArray(all [][]byte) []byte {
	out := []byte{'{'}
	for n, item := range all {
		if n > 0 {
			out = append(out, ',')
		}
		if item == nil {
			out = append(out, "NULL"...)
			continue
		}
		out = append(out, '"')
		for _, c := range item {
			if c == '"' || c == '\\' {
				out = append(out, '\\')
			}
			out = append(out, c)
		}
		out = append(out, '"')
	}
	return append(out, '}')
}
