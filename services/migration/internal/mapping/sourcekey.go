package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// unescapeKey undoes what keyText does to the parts of a key.
var unescapeKey = strings.NewReplacer("%3A", ":", "%25", "%")

// KeyOf reads the key of a row out of that of a document, "orders:10248"; not ok: it is of
// no kind. Whole numbers come as int64, other parts as texts.
func (m *Mapping) KeyOf(sourceKey string) (Key, bool) {
	name, rest, _ := strings.Cut(sourceKey, ":")
	i := slices.IndexFunc(m.kinds, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	parts := strings.Split(rest, ":")
	if len(parts) != len(m.kinds[i].key) {
		return Key{}, false
	}
	key := Key{Name: name, Values: make([]any, len(parts))}
	for n, part := range parts {
		key.Values[n] = unescapeKey.Replace(part)
		if number, err := strconv.ParseInt(part, 10, 64); err == nil && strconv.FormatInt(number, 10) == part {
			key.Values[n] = number
		}
	}
	return key, true
}

// SourceKey writes what KeyOf reads.
func (m *Mapping) SourceKey(key Key) (string, error) {
	text, err := keyText(key.Values)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key.Name, err)
	}
	return key.Name + ":" + text, nil
}
