package mapping

import (
	"fmt"
	"regexp"
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
		if hidden.MatchString(column) || v == nil {
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
