package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a mapping.
type Problem struct {
	Line int    // of the file, from 1; 0: of the file as a whole
	Text string // "customers.fax: is neither mapped nor dropped"
}

// Problems are all that is wrong with a mapping, in the order of the lines.
type Problems []Problem

// Error has one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// String gives "line 12: text".
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// list gathers problems.
type list struct{ all Problems }

func (l *list) add(line int, format string, args ...any) {
	p := Problem{Line: line, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(l.all, p) {
		l.all = append(l.all, p)
	}
}

func (l *list) sorted() Problems {
	slices.SortStableFunc(l.all, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return l.all
}
