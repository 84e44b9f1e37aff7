package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"tienda/services/migration/internal/source"
)

// hidden is what columns are called whose values nobody is to see, besides those that
// are read as the hash of a password.
var hidden = regexp.MustCompile(`(?i)salt|pass|hash|token|secret|card|cvv|iban`)

// shownLength is how much of a value is shown, in bytes.
const shownLength = 200

// Shown gives the columns of a root's row that a person may see who looks for what is
// wrong with it: no secrets, nothing long.
func (k *Kind) Shown(row source.Row) map[string]string {
	out := make(map[string]string, len(row))
	for column, v := range row {
		if hidden.MatchString(column) || v == nil || k.hashes(column) {
			continue
		}
		if _, binary := v.([]byte); binary {
			continue
		}
		t := fmt.Sprint(v)
		if len(t) > shownLength {
			at := shownLength
			for !utf8.RuneStart(t[at]) {
				at--
			}
			t = t[:at] + "…"
		}
		out[column] = t
	}
	return out
}

// hashes says whether a column of the root is read as the hash of a password, or as its
// salt.
func (k *Kind) hashes(column string) bool {
	if k.document == nil {
		return false
	}
	return slices.ContainsFunc(k.document.uses, func(u use) bool {
		return u.column == column && u.at == k.root && (u.as == asHash || u.salt)
	})
}
