package move

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// The pauses between tries of what does not answer.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// errRejects stops a move of which too much is rejected.
var errRejects = errors.New("too many documents were rejected")

// item is a root on its way: a document, the reason why there is none, or neither: it is gone.
type item struct {
	Identity
	key      []any
	doc      []byte
	heavy    bool // the owner works on it for long: a password is hashed
	bad      error
	row      source.Row
	position source.Position
}

// made makes the documents of roots.
func made(k Kind, records []source.Record, position source.Position) []item {
	items, q := make([]item, len(records)), k.Query()
	for i, r := range records {
		key := keyOf(q, r.Row)
		d, err := k.Document(r)
		is := Identity{ID: d.ID, Part: d.Part, Key: d.Key}
		if err != nil {
			is = k.Identity(key)
		}
		items[i] = item{Identity: is, key: key, row: r.Row, position: position, doc: d.JSON, bad: err, heavy: len(d.Held) != len(d.JSON)}
	}
	return items
}

// keyOf gives the values of a root's key.
func keyOf(q source.Query, row source.Row) []any {
	key := make([]any, len(q.Key))
	for i, c := range q.Key {
		key[i] = row[c]
	}
	return key
}

// load sends items to their owner until it has answered for each, and notes what was
// rejected. An owner that does not answer is waited for: that is what holds the source
// back. It gives errRejects when too many were rejected, and else only ctx's error or the journal's.
func (m *Mover) load(ctx context.Context, k Kind, items []item) (rejected int64, err error) {
	var rejects []progress.Reject
	var fine []string
	var good []item
	for _, it := range items {
		if it.bad != nil {
			rejects = append(rejects, m.reject(k, it, unmappable(it.bad)))
			continue
		}
		good = append(good, it)
	}
	slices.SortStableFunc(good, func(a, b item) int { return cmp.Compare(a.Part, b.Part) })
	for _, batch := range batches(good) {
		answers, err := m.take(ctx, k, batch)
		if err != nil {
			return 0, err
		}
		for i, a := range answers {
			if a.Outcome == "rejected" {
				rejects = append(rejects, m.reject(k, batch[i], refusal(k, batch[i], a.Problem)))
			} else {
				fine = append(fine, a.ID)
			}
		}
	}
	return int64(len(rejects)), m.note(ctx, rejects, fine)
}

// batches cuts items into what is sent at once.
func batches(items []item) (out [][]item) {
	if len(items) == 0 {
		return nil
	}
	first, size, heavy := 0, 0, 0
	for i, it := range items {
		if i > first && (i-first >= MaxBatch || size+len(it.doc) > maxBytes || heavy >= maxHeavy) {
			out = append(out, items[first:i])
			first, size, heavy = i, 0, 0
		}
		size += len(it.doc)
		if it.heavy {
			heavy++
		}
	}
	return append(out, items[first:])
}

// take sends a batch until its owner answers: in halves where it is too large, and one
// document that is too large by itself is rejected.
func (m *Mover) take(ctx context.Context, k Kind, batch []item) ([]Answer, error) {
	docs := make([]Sent, len(batch))
	for i, it := range batch {
		docs[i] = Sent{ID: it.ID, Part: it.Part, Key: it.Key, Position: it.position, JSON: it.doc}
	}
	var answers []Answer
	var tooLarge *fault.Error
	err := m.patiently(ctx, k.App(), func() (err error) {
		answers, err = m.target.Take(ctx, k, docs)
		if fault.KindOf(err) == fault.TooLarge && errors.As(err, &tooLarge) {
			return nil
		}
		if err == nil && len(answers) != len(docs) {
			err = fmt.Errorf("%s answered for %d of %d documents", k.App(), len(answers), len(docs))
		}
		return err
	})
	switch {
	case err != nil || tooLarge == nil:
		return answers, err
	case len(batch) == 1:
		return []Answer{{ID: batch[0].ID, Outcome: "rejected", Problem: tooLarge}}, nil
	}
	first, err := m.take(ctx, k, batch[:len(batch)/2])
	if err != nil {
		return nil, err
	}
	rest, err := m.take(ctx, k, batch[len(batch)/2:])
	return append(first, rest...), err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func unmappable(err error) *fault.Error {
	f := fault.New(fault.Unprocessable, "unmappable", "The row cannot be made a document.").Because(err)
	if u := (*Unmappable)(nil); errors.As(err, &u) {
		f.Fields = u.Fields
	}
	return f
}

// refusal is why an owner has rejected a document: what does not fit its contract is told by
// the columns that it comes from, and without values.
func refusal(k Kind, it item, owners *fault.Error) *fault.Error {
	if it.doc != nil {
		if why := k.Refused(it.doc); why != nil {
			return unmappable(why)
		}
	}
	return owners
}

func (m *Mover) reject(k Kind, it item, why *fault.Error) progress.Reject {
	r := progress.Reject{
		ID: it.ID, Kind: k.Name(), Key: it.Key, Position: uint64(it.position), Tries: 1, At: m.now(), Row: k.Shown(it.row),
		Code: "rejected", Detail: "The owner does not take it.",
	}
	for _, v := range it.key {
		r.Values = append(r.Values, fmt.Sprint(v))
	}
	if why != nil {
		r.Code, r.Detail, r.Fields = why.Code, why.Detail, why.Fields
	}
	return r
}

// note keeps what was rejected, and forgets what has come through after all.
func (m *Mover) note(ctx context.Context, rejects []progress.Reject, fine []string) error {
	m.mu.Lock()
	fine = slices.DeleteFunc(fine, func(id string) bool { return m.rejected[id] == "" })
	m.mu.Unlock()
	if len(fine) > 0 {
		if err := m.patiently(ctx, "its own store", func() error { return m.journal.DropRejects(ctx, fine...) }); err != nil {
			return err
		}
	}
	if len(rejects) > 0 {
		if err := m.patiently(ctx, "its own store", func() error { return m.journal.AddRejects(ctx, rejects...) }); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range fine {
		delete(m.rejected, id)
	}
	for _, r := range rejects {
		m.rejected[r.ID] = r.Kind
	}
	if len(rejects) > 0 && int64(len(m.rejected)) >= m.config.Limit {
		return errRejects
	}
	return nil
}

// refresh reads roots anew and sends what they are now, or that they are gone.
func (m *Mover) refresh(ctx context.Context, k Kind, keys [][]any) error {
	m.storing.RLock()
	defer m.storing.RUnlock()
	if m.handed(k) {
		return errHanded
	}
	for batch := range slices.Chunk(keys, MaxBatch) {
		var items []item
		err := m.patiently(ctx, theSource, func() (err error) {
			items, err = m.anew(ctx, k, batch)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := m.load(ctx, k, items); err != nil {
			return err
		}
	}
	return nil
}

// anew reads roots as they are now.
func (m *Mover) anew(ctx context.Context, k Kind, keys [][]any) ([]item, error) {
	m.reading.Lock()
	records, position, err := m.source.Read(ctx, k.Query(), keys)
	m.reading.Unlock()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.Name(), err)
	}
	items := made(k, records, position)
	there := make(map[string]bool, len(items))
	for _, it := range items {
		there[it.ID] = true
	}
	for _, key := range keys {
		if is := k.Identity(key); !there[is.ID] {
			there[is.ID] = true
			items = append(items, item{Identity: is, key: key, position: position})
		}
	}
	return items, nil
}
