package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tienda/services/migration/internal/source"
)

// Explain holds a statement to the database, with the rights of the role that will run
// it: what it returns, or a *source.StatementError. Nothing is run.
type Explain func(ctx context.Context, sql string) (returns []string, err error)

// ReversesAll says whether every kind can be written back; if not, which cannot.
func (m *Mapping) ReversesAll() (missing []string) {
	for _, k := range m.kinds {
		if k.reverse == nil {
			missing = append(missing, k.Name)
		}
	}
	return missing
}

// CheckReverse holds the statements that write back to the database. It gives nil, a
// Problems, or why it could not look.
func (m *Mapping) CheckReverse(ctx context.Context, explain Explain) error {
	c := &checker{m: m}
	for _, k := range m.kinds {
		if k.reverse == nil {
			continue
		}
		for i, s := range k.reverse.Statements() {
			returns, err := explain(ctx, s.SQL)
			if bad := (*source.StatementError)(nil); errors.As(err, &bad) {
				c.add(s.LineAt(bad.Position), "%s: %s", k.Name, bad.Reason)
				continue
			}
			if err != nil {
				return fmt.Errorf("statements of %s: %w", k.Name, err)
			}
			if i == 0 && k.reverse.insert != nil && !slices.Equal(returns, k.key) {
				c.add(s.Line, "%s: insert returns %s, not the columns of key: %s", k.Name, strings.Join(returns, ", "), strings.Join(k.key, ", "))
			}
		}
	}
	if found := c.sorted(); len(found) > 0 {
		return found
	}
	return nil
}
