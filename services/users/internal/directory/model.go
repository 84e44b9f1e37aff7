// Package directory is the list of all accounts that staff search: a read model
// in the memory of each replica, at most about a second behind the store.
package directory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Entry is an account as it is listed.
type Entry struct {
	ID        string
	Email     string
	Name      string
	Roles     []caller.Role
	Disabled  bool
	CreatedAt time.Time
}

// Shard is a part of the list of all accounts.
type Shard struct {
	Changes int64    // so far
	Recent  []string // the accounts of the last changes, oldest first
	Newest  []string // the accounts that are in no closed page yet
	Closed  int      // pages
}

// Source reads what the model shows from the store.
type Source interface {
	// Shards gives all parts, always in the same order.
	Shards(ctx context.Context) ([]Shard, error)
	// Page gives the accounts of some closed pages of a part, from <= n < to.
	Page(ctx context.Context, shard, from, to int) ([]string, error)
	// Load gives those of the accounts that are there and not erased.
	Load(ctx context.Context, ids []string) ([]Entry, error)
}

const (
	loadBatch = 100 // accounts, or pages of them, that are read in one call
	patience  = 3 * time.Second
)

// row is an Entry in little memory: docs/adr/0013 has the figure.
type row struct {
	id       uuid.UUID
	created  int64  // Unix microseconds
	text     string // the name, a line feed, the e-mail
	fold     string // the same in lower case; shared with text where it is equal
	roles    uint8
	disabled bool
}

// shown is how much of a shard has been shown.
type shown struct {
	changes        int64
	closed, newest int
}

func shownOf(s Shard) shown {
	return shown{changes: s.Changes, closed: s.Closed, newest: len(s.Newest)}
}

// Model is the list in one replica.
type Model struct {
	source Source
	filled chan struct{} // closed once all accounts have been read

	turn sync.Mutex // held by a refresh
	seen []shown    // of each shard

	mu   sync.RWMutex
	byID map[uuid.UUID]*row
	rows []*row // newest first
}

// New gives an empty model.
func New(source Source) *Model {
	return &Model{source: source, filled: make(chan struct{}), byID: map[uuid.UUID]*row{}}
}

var errNotFilled = fault.New(fault.Unavailable, "not_ready", "The accounts are not read yet. Try again.").Elsewhere()

func (m *Model) wait(ctx context.Context) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-m.filled:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	return errNotFilled
}

// Refresh shows what has changed in the store since the last time. State: 1
// read, and 1 more for each 100 accounts that have changed or are new; at the start, and
// for a shard with more changes than it remembers, all accounts are read.
func (m *Model) Refresh(ctx context.Context) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	shards, err := m.source.Shards(ctx)
	if err != nil {
		return err
	}
	if len(m.seen) != len(shards) {
		m.seen = make([]shown, len(shards))
	}
	var recent []string
	for i, s := range shards {
		was := m.seen[i]
		n := s.Changes - was.changes
		if n < 0 || n > int64(len(s.Recent)) {
			if err := m.listed(ctx, i, shown{}, s); err != nil {
				return err
			}
			m.seen[i] = shownOf(s)
			continue
		}
		recent = append(recent, s.Recent[int64(len(s.Recent))-n:]...)
		if s.Closed == was.closed { // else there may be many, which are shown page by page
			recent = append(recent, s.Newest[min(was.newest, len(s.Newest)):]...)
		} else if err := m.listed(ctx, i, was, s); err != nil {
			return err
		}
	}
	slices.Sort(recent)
	if err := m.show(ctx, slices.Compact(recent)); err != nil {
		return err
	}
	for i, s := range shards {
		m.seen[i] = shownOf(s)
	}
	select {
	case <-m.filled:
	default:
		close(m.filled)
	}
	return nil
}

// listed shows what a shard lists beyond what was shown of it.
func (m *Model) listed(ctx context.Context, shard int, was shown, s Shard) error {
	for from := was.closed; from < s.Closed; from += loadBatch {
		ids, err := m.source.Page(ctx, shard, from, min(from+loadBatch, s.Closed))
		if err != nil {
			return err
		}
		if from == was.closed { // the page that was being filled begins with what was shown
			ids = ids[min(was.newest, len(ids)):]
		}
		if err := m.show(ctx, ids); err != nil {
			return err
		}
	}
	return m.show(ctx, s.Newest)
}

// show reads accounts and shows them as they are; those that are gone go.
func (m *Model) show(ctx context.Context, ids []string) error {
	for batch := range slices.Chunk(ids, loadBatch) {
		found, err := m.source.Load(ctx, batch)
		if err != nil {
			return err
		}
		m.apply(batch, found)
	}
	return nil
}

func (m *Model) apply(asked []string, found []Entry) {
	gone := map[uuid.UUID]bool{}
	for _, id := range asked {
		if u, err := uuid.Parse(id); err == nil {
			gone[u] = true
		}
	}
	var added []*row
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range found {
		r, err := newRow(e)
		if err != nil {
			continue // no ID of ours
		}
		delete(gone, r.id)
		if was := m.byID[r.id]; was != nil && was.created == r.created {
			*was = *r
			continue
		} else if was != nil {
			gone[r.id] = true // takes another place
		}
		added = append(added, r)
	}
	if len(gone) > 0 {
		m.rows = slices.DeleteFunc(m.rows, func(r *row) bool { return gone[r.id] })
		for id := range gone {
			delete(m.byID, id)
		}
	}
	added = slices.DeleteFunc(added, func(r *row) bool {
		twice := m.byID[r.id] != nil
		m.byID[r.id] = r
		return twice
	})
	m.rows = merge(m.rows, added)
}

// merge puts a few rows into a sorted list of many.
func merge(rows, added []*row) []*row {
	if len(added) == 0 {
		return rows
	}
	slices.SortFunc(added, newestFirst)
	n := len(rows)
	out := slices.Grow(rows, len(added))[:n+len(added)]
	for j := len(added) - 1; j >= 0; j-- { // from the end: out begins where rows does
		at, _ := slices.BinarySearchFunc(rows[:n], added[j], newestFirst)
		copy(out[at+j+1:], rows[at:n])
		out[at+j], n = added[j], at
	}
	return out
}

func newestFirst(a, b *row) int {
	return cmp.Or(cmp.Compare(b.created, a.created), bytes.Compare(b.id[:], a.id[:]))
}

func newRow(e Entry) (*row, error) {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return nil, err
	}
	r := &row{id: id, created: e.CreatedAt.UnixMicro(), text: e.Name + "\n" + e.Email, disabled: e.Disabled}
	r.fold = strings.ToLower(r.text)
	if r.fold == r.text {
		r.fold = r.text
	}
	for i, role := range caller.Roles {
		if slices.Contains(e.Roles, role) {
			r.roles |= 1 << i
		}
	}
	return r, nil
}

func (r *row) entry() Entry {
	name, email, _ := strings.Cut(r.text, "\n")
	e := Entry{
		ID: r.id.String(), Email: email, Name: name, Disabled: r.disabled, CreatedAt: time.UnixMicro(r.created).UTC(),
		Roles: []caller.Role{},
	}
	for i, role := range caller.Roles {
		if r.roles&(1<<i) != 0 {
			e.Roles = append(e.Roles, role)
		}
	}
	return e
}
