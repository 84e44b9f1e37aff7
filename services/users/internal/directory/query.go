package directory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/page"
)

// Query says which accounts to list. The zero value of a field asks for nothing.
type Query struct {
	Text     string // words, each of them in the name or the e-mail; or the beginning of an ID
	Role     caller.Role
	Disabled *bool
	Limit    int
	Cursor   string
}

type position struct {
	Created int64     `json:"c"`
	ID      uuid.UUID `json:"i"`
}

// List gives a page of accounts, the newest first, and the cursor of the next,
// "" at the end. It makes no state call; a replica that has just started may
// have to wait until it has read the accounts: fault.Unavailable after 3 s.
func (m *Model) List(ctx context.Context, q Query) (found []Entry, next string, err error) {
	if err := m.wait(ctx); err != nil {
		return nil, "", err
	}
	var from position
	if err := page.Decode(q.Cursor, &from); err != nil {
		return nil, "", err
	}
	if q.Cursor != "" && from.ID == uuid.Nil {
		return nil, "", fault.BadField("cursor", "is not a cursor of this list")
	}
	limit, wanted := page.Limit(q.Limit), q.compile()
	m.mu.RLock()
	defer m.mu.RUnlock()
	start := 0
	if q.Cursor != "" {
		start = sort.Search(len(m.rows), func(i int) bool {
			r := m.rows[i]
			return cmp.Or(cmp.Compare(from.Created, r.created), bytes.Compare(from.ID[:], r.id[:])) > 0
		})
	}
	var last *row
	for _, r := range m.rows[start:] {
		if !wanted(r) {
			continue
		}
		if len(found) == limit {
			return found, page.Encode(position{Created: last.created, ID: last.id}), nil
		}
		found, last = append(found, r.entry()), r
	}
	return found, "", nil
}

func (q Query) compile() func(*row) bool {
	words := strings.Fields(strings.ToLower(q.Text))
	var role uint8
	if q.Role != "" {
		role = 1 << max(0, slices.Index(caller.Roles, q.Role))
	}
	byID := len(words) == 1 && strings.Trim(words[0], "0123456789abcdef-") == ""
	return func(r *row) bool {
		if role != 0 && r.roles&role == 0 || q.Disabled != nil && r.disabled != *q.Disabled {
			return false
		}
		for _, w := range words {
			if !strings.Contains(r.fold, w) && (!byID || !strings.HasPrefix(r.id.String(), w)) {
				return false
			}
		}
		return true
	}
}
