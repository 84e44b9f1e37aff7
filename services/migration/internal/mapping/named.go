package mapping

import (
	"errors"
	"fmt"
	"strings"
)

// Statement is an SQL statement with its parameters by name.
type Statement struct {
	SQL   string   // with $1, $2, … for the parameters
	Names []string // of $1, $2, …; a name that stands twice is two parameters, each of the type of its place
	Line  int      // of the mapping, where its text begins
}

var errOpen = errors.New("a quote, a comment or a dollar quote is not closed")

// named reads :name as a parameter, outside of quotes and comments. :: is a cast.
func named(sql string) (Statement, error) {
	var out Statement
	var b strings.Builder
	for i := 0; i < len(sql); {
		skip, ok := aside(sql[i:])
		switch {
		case !ok:
			return out, errOpen
		case skip != "":
			b.WriteString(skip)
			i += len(skip)
		case strings.HasPrefix(sql[i:], "::"):
			b.WriteString("::")
			i += 2
		case sql[i] == ':' && i+1 < len(sql) && isNameStart(sql[i+1]):
			end := i + 1
			for end < len(sql) && (isNameStart(sql[end]) || sql[end] >= '0' && sql[end] <= '9') {
				end++
			}
			out.Names = append(out.Names, sql[i+1:end])
			fmt.Fprintf(&b, "$%d", len(out.Names))
			i = end
		default:
			b.WriteByte(sql[i])
			i++
		}
	}
	out.SQL = b.String()
	return out, nil
}

func isNameStart(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' }

// aside gives the quote or comment that a text begins with, "" where it begins with
// none; not ok: it has no end.
func aside(sql string) (found string, ok bool) {
	until := func(start, end string) (string, bool) {
		at := strings.Index(sql[len(start):], end)
		if at < 0 {
			return "", false
		}
		return sql[:len(start)+at+len(end)], true
	}
	switch {
	case strings.HasPrefix(sql, "--"):
		line, _, _ := strings.Cut(sql, "\n")
		return line, true
	case strings.HasPrefix(sql, "/*"):
		return until("/*", "*/")
	case strings.HasPrefix(sql, "'"):
		return until("'", "'")
	case strings.HasPrefix(sql, `"`):
		return until(`"`, `"`)
	case strings.HasPrefix(sql, "$$"):
		return until("$$", "$$")
	}
	return "", true
}

// LineAt gives the line of the mapping that a place in SQL is on, counted from 1 in
// characters as PostgreSQL does; 0: where the statement begins.
func (s Statement) LineAt(position int) int {
	text := []rune(s.SQL)
	if position < 1 || position > len(text) {
		return s.Line
	}
	return s.Line + strings.Count(string(text[:position-1]), "\n")
}
