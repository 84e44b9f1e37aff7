// Package movetest has a database, a target and a journal in memory, for tests of what
// moves between them.
package movetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"tienda/services/migration/internal/source"
)

// Source is a database of notes: a table note (id, text) and its table line (id, note,
// text). Its log's positions count by ten.
type Source struct {
	mu        sync.Mutex
	notes     map[int64]string
	lines     map[int64]Line
	log       []source.Transaction
	head      source.Position
	slot      bool
	confirmed source.Position
	begun     source.Position // of the slot
	lost      bool
	deaf      bool
	wake      chan struct{}
	cut       chan struct{} // closed to break streams

	Away  bool   // Read and Now fail
	Reads func() // if any, is called by each Read before it reads
	Own   bool   // what is committed bears the migration's mark
}

// Line is a row of line.
type Line struct {
	Note int64
	Text string
}

// NewSource gives an empty database.
func NewSource() *Source {
	return &Source{notes: map[int64]string{}, lines: map[int64]Line{}, head: 10, wake: make(chan struct{}), cut: make(chan struct{})}
}

var errAway = errors.New("the database is away")

// Put commits a note with lines that have IDs of its own; without lines it keeps those it has.
func (s *Source) Put(id int64, text string, lines ...string) {
	s.commit(func() (changes []source.Change) {
		s.notes[id] = text
		changes = append(changes, source.Change{Table: "note", New: source.Row{"id": id, "text": text}})
		for n, line := range lines {
			key := id*100 + int64(n)
			s.lines[key] = Line{id, line}
			changes = append(changes, source.Change{Table: "line", New: source.Row{"id": key, "note": id, "text": line}})
		}
		return changes
	})
}

// Delete commits the deletion of a note and its lines.
func (s *Source) Delete(id int64) {
	s.commit(func() (changes []source.Change) {
		for key, l := range s.lines {
			if l.Note == id {
				delete(s.lines, key)
				changes = append(changes, source.Change{Table: "line", Old: source.Row{"id": key, "note": id, "text": l.Text}})
			}
		}
		delete(s.notes, id)
		return append(changes, source.Change{Table: "note", Old: source.Row{"id": id}})
	})
}

// Relabel commits a change of one line, of which the log tells the line's own key alone.
func (s *Source) Relabel(line int64, text string) {
	s.commit(func() []source.Change {
		l := s.lines[line]
		l.Text = text
		s.lines[line] = l
		return []source.Change{{Table: "line", New: source.Row{"id": line, "text": text}}}
	})
}

// Truncate commits an empty table of notes and of lines.
func (s *Source) Truncate() {
	s.commit(func() []source.Change {
		clear(s.notes)
		clear(s.lines)
		return []source.Change{{Table: "note", Truncate: true}, {Table: "line", Truncate: true}}
	})
}

func (s *Source) commit(do func() []source.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := do()
	s.head += 10
	s.log = append(s.log, source.Transaction{Position: s.head, At: time.Now(), Changes: changes, Own: s.Own})
	close(s.wake)
	s.wake = make(chan struct{})
}

// Cut breaks all streams.
func (s *Source) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

// Deafen has the database forget what is confirmed from now on: it comes again.
func (s *Source) Deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
}

// Lose has the database give up the log that the stream still needs.
func (s *Source) Lose() {
	s.mu.Lock()
	s.lost = true
	s.mu.Unlock()
	s.Cut()
}

// Text gives the text of a note.
func (s *Source) Text(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[id]
}

// Confirmed is the last position that was confirmed.
func (s *Source) Confirmed() source.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed
}

// Schema implements source.Source.
func (s *Source) Schema(context.Context) (source.Schema, error) { return source.Schema{}, nil }

// Follow implements source.Source.
func (s *Source) Follow(context.Context, []string) (source.Snapshot, source.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lost:
		return nil, 0, source.ErrSlotLost
	case s.slot:
		return nil, s.confirmed, nil
	}
	s.slot, s.begun, s.confirmed = true, s.head, s.head
	return s.snapshot(), s.head, nil
}

// Now implements source.Source.
func (s *Source) Now(context.Context) (source.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Away {
		return nil, errAway
	}
	return s.snapshot(), nil
}

// Forget implements source.Source.
func (s *Source) Forget(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot, s.lost = false, false
	return nil
}

// Stream implements source.Source.
func (s *Source) Stream(ctx context.Context, from source.Position, each func(source.Transaction) error) error {
	s.mu.Lock()
	cut := s.cut
	at := max(from, s.confirmed)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		lost, wake := s.lost, s.wake
		var next []source.Transaction
		for _, tx := range s.log {
			if tx.Position > at {
				next = append(next, tx)
			}
		}
		s.mu.Unlock()
		if lost {
			return source.ErrSlotLost
		}
		for _, tx := range next {
			if err := each(tx); err != nil {
				return err
			}
			at = tx.Position
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-cut:
			return errors.New("the connection broke")
		case <-wake:
		}
	}
}

// Confirm implements source.Source.
func (s *Source) Confirm(p source.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.deaf {
		s.confirmed = max(s.confirmed, p)
	}
}

// Read implements source.Source.
func (s *Source) Read(_ context.Context, _ source.Query, keys [][]any) ([]source.Record, source.Position, error) {
	if s.Reads != nil {
		s.Reads()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Away {
		return nil, 0, errAway
	}
	snap := s.snapshot()
	var out []source.Record
	for _, key := range keys {
		id, _ := key[0].(int64)
		if _, there := snap.notes[id]; there {
			out = append(out, snap.record(id))
		}
	}
	return out, s.head, nil
}

// Roots implements source.Source.
func (s *Source) Roots(_ context.Context, _ source.Query, _ string, rows []source.Row) (keys [][]any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		id, _ := r["id"].(int64)
		if l, there := s.lines[id]; there {
			keys = append(keys, []any{l.Note})
		}
	}
	return keys, nil
}

// Head implements source.Source.
func (s *Source) Head(context.Context) (source.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, nil
}

// Lag implements source.Source.
func (s *Source) Lag(context.Context) (source.Lag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return source.Lag{Bytes: int64(s.head - s.confirmed), Left: -1, Lost: s.lost}, nil //nolint:gosec // small
}

// Close implements source.Source.
func (s *Source) Close() {}

type snapshot struct {
	position source.Position
	notes    map[int64]string
	lines    map[int64]Line
}

func (s *Source) snapshot() *snapshot {
	return &snapshot{s.head, maps.Clone(s.notes), maps.Clone(s.lines)}
}

func (s *snapshot) record(id int64) source.Record {
	r := source.Record{Row: source.Row{"id": id, "text": s.notes[id]}, Children: map[string][]source.Row{"lines": nil}}
	for _, key := range slices.Sorted(maps.Keys(s.lines)) {
		if l := s.lines[key]; l.Note == id {
			r.Children["lines"] = append(r.Children["lines"], source.Row{"id": key, "note": id, "text": l.Text})
		}
	}
	return r
}

func (s *snapshot) Position() source.Position { return s.position }

func (s *snapshot) Chunk(_ context.Context, _ source.Query, after, to []any, size int) (out []source.Record, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.notes)) {
		if after != nil && id <= number(after) || to != nil && id > number(to) {
			continue
		}
		if len(out) == size {
			break
		}
		out = append(out, s.record(id))
	}
	return out, nil
}

// number gives a key that may have been through JSON.
func number(key []any) int64 {
	switch n := key[0].(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

func (s *snapshot) Bounds(_ context.Context, _ source.Query, n int) (bounds [][]any, err error) {
	ids := slices.Sorted(maps.Keys(s.notes))
	for i := 1; i < n; i++ {
		bounds = append(bounds, []any{ids[i*len(ids)/n]})
	}
	return bounds, nil
}

func (s *snapshot) Count(context.Context, source.Query) (int64, error) {
	return int64(len(s.notes)), nil
}

func (s *snapshot) Close() {}
