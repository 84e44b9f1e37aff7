package mapping

import (
	"strconv"
	"strings"
	"time"

	"tienda/services/migration/internal/source"
)

// KeyOf gives the values of a root's key that an Identity's Key was made of, of the
// types of the database that the mapping was checked against; false: it is no key of
// this kind, or there was no check.
func (k *Kind) KeyOf(key string) ([]any, bool) {
	rest, mine := strings.CutPrefix(key, k.Name+":")
	parts := strings.Split(rest, ":")
	if !mine || len(parts) != len(k.key) || len(k.families) != len(k.key) {
		return nil, false
	}
	out := make([]any, len(parts))
	for i, part := range parts {
		v, err := keyValue(k.families[i], strings.NewReplacer("%3A", ":", "%25", "%").Replace(part))
		if err != nil {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

func keyValue(family, part string) (any, error) {
	switch family {
	case "int":
		return strconv.ParseInt(part, 10, 64)
	case "bool":
		return strconv.ParseBool(part)
	case "date", "timestamp", "instant":
		return time.Parse(time.RFC3339Nano, part)
	}
	return part, nil
}

// Shown gives of a root's row what a person may see of it who looks into why it was
// rejected: all that is read, without hashes of passwords and their salts.
func (k *Kind) Shown(row source.Row) map[string]string {
	hidden := map[string]bool{}
	for _, u := range k.document.uses {
		if u.as == asHash || u.salt {
			hidden[u.column] = true
		}
	}
	out := map[string]string{}
	for name, v := range row {
		if v == nil || hidden[name] || secretName(name) != "" {
			continue
		}
		if t, err := keyPart(v); err == nil {
			out[name] = t
		} else if t, err := text(v); err == nil {
			out[name] = t
		}
	}
	return out
}
