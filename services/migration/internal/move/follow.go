package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/services/migration/internal/source"
)

const (
	queued    = 1024 // transactions that are received and not looked at
	dirtyRoot = 1000 // roots that are read anew at once, at most about
	saveEvery = time.Second
)

// follow stores what changes from a position on, until ctx ends or the stream breaks.
func (m *Mover) follow(ctx context.Context, from source.Position) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan source.Transaction, queued)
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		if err := m.store(ctx, queue); err != nil {
			cancel(err)
		}
	}()
	err := m.source.Stream(ctx, from, func(tx source.Transaction) error {
		select {
		case queue <- tx:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	cancel(err)
	<-stored
	return err
}

// store reads anew what the transactions of a queue touch, as many at once as have
// come, and confirms their positions.
func (m *Mover) store(ctx context.Context, queue <-chan source.Transaction) error {
	var saved time.Time
	for {
		var first source.Transaction
		select {
		case first = <-queue:
		case <-ctx.Done():
			return nil
		}
		b := newBurst(m.mapping, m.position())
		b.add(first)
		for b.roots < dirtyRoot {
			var more bool
			select {
			case tx := <-queue:
				b.add(tx)
				more = true
			default:
			}
			if !more {
				break
			}
		}
		if len(b.whole)+b.roots > 0 {
			m.behind(b.oldest)
		}
		if err := m.storeBurst(ctx, b); err != nil {
			return err
		}
		strayed := m.reached(b, len(queue) == 0)
		if now := m.now(); strayed || now.Sub(saved) >= saveEvery {
			saved = now
			if err := m.saveRun(ctx); err != nil {
				return err
			}
		}
		m.source.Confirm(b.position)
	}
}

// burst is what some transactions touch.
type burst struct {
	mapping  Mapping
	keys     map[string]map[string][]any // by kind, and identity
	rows     map[string]map[string][]source.Row
	whole    map[string]bool // kinds whose tables were emptied
	roots    int
	position source.Position
	oldest   time.Time
	kinds    map[string]Kind
	past     source.Position  // up to here all was counted before
	strays   map[string]Stray // by kind: what the source's own writers have changed
}

func newBurst(mapping Mapping, past source.Position) *burst {
	b := &burst{
		mapping: mapping, keys: map[string]map[string][]any{}, rows: map[string]map[string][]source.Row{},
		whole: map[string]bool{}, kinds: map[string]Kind{}, past: past, strays: map[string]Stray{},
	}
	for _, k := range mapping.Kinds() {
		b.kinds[k.Name()] = k
	}
	return b
}

func (b *burst) add(tx source.Transaction) {
	b.position = max(b.position, tx.Position)
	if !tx.Own && tx.Position > b.past {
		b.stray(tx)
	}
	for _, c := range tx.Changes {
		if b.oldest.IsZero() {
			b.oldest = tx.At
		}
		if c.Truncate {
			b.truncated(c.Table)
			continue
		}
		for _, t := range b.mapping.Touched(c) {
			for _, key := range t.Keys {
				b.root(t.Kind, key)
			}
			if len(t.Rows) > 0 {
				if b.rows[t.Kind] == nil {
					b.rows[t.Kind] = map[string][]source.Row{}
				}
				b.rows[t.Kind][t.Child] = append(b.rows[t.Kind][t.Child], t.Rows...)
				b.roots += len(t.Rows)
			}
		}
	}
}

func (b *burst) root(kind string, key []any) {
	if b.keys[kind] == nil {
		b.keys[kind] = map[string][]any{}
	}
	id := b.kinds[kind].Identity(key).ID
	if _, known := b.keys[kind][id]; !known {
		b.keys[kind][id] = key
		b.roots++
	}
}

// truncated notes the kinds that a table is of.
func (b *burst) truncated(table string) {
	for name, k := range b.kinds {
		q := k.Query()
		if q.Table == table {
			b.whole[name] = true
		}
		for _, c := range q.Children {
			if c.Table == table {
				b.whole[name] = true
			}
		}
	}
}

// storeBurst stores what is touched: each owner's kinds one after the other, since a
// document may refer to another of its owner, and the owners at the same time.
func (m *Mover) storeBurst(ctx context.Context, b *burst) error {
	byApp := map[string][]Kind{}
	for _, k := range m.mapping.Kinds() {
		if m.handed(k) {
			continue
		}
		if err := m.rootsOf(ctx, b, k); err != nil {
			return err
		}
		if b.whole[k.Name()] || len(b.keys[k.Name()]) > 0 {
			byApp[k.App()] = append(byApp[k.App()], k)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, kinds := range byApp {
		group.Go(func() error {
			for _, k := range kinds {
				if err := m.storeKind(ctx, k, b.whole[k.Name()], b.keys[k.Name()]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// rootsOf finds the roots that the touched rows of children belong to.
func (m *Mover) rootsOf(ctx context.Context, b *burst, k Kind) error {
	for child, rows := range b.rows[k.Name()] {
		var keys [][]any
		err := m.patiently(ctx, theSource, func() (err error) {
			keys, err = m.source.Roots(ctx, k.Query(), child, rows)
			return err
		})
		if err != nil {
			return fmt.Errorf("roots of %s: %w", k.Name(), err)
		}
		for _, key := range keys {
			b.root(k.Name(), key)
		}
	}
	return nil
}

// storeKind stores all of a kind, if its tables were emptied, and the roots by their identity.
func (m *Mover) storeKind(ctx context.Context, k Kind, whole bool, roots map[string][]any) error {
	if whole {
		if err := m.anewAll(ctx, k); err != nil {
			return err
		}
	}
	if len(roots) == 0 {
		return nil
	}
	keys := slices.Collect(maps.Values(roots))
	m.seen(k, keys)
	switch err := m.refresh(ctx, k, keys); {
	case isHanded(err): // just now
		return nil
	case err != nil:
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changed[k.Name()] += int64(len(roots))
	m.run.Changes += int64(len(roots))
	return nil
}

// anewAll copies a kind again, and removes what the source no longer has.
func (m *Mover) anewAll(ctx context.Context, k Kind) error {
	snap, err := m.source.Now(ctx)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer snap.Close()
	for after := []any(nil); ; {
		records, err := snap.Chunk(ctx, k.Query(), after, nil, m.config.Chunk)
		if err != nil {
			return fmt.Errorf("copy %s: %w", k.Name(), err)
		}
		if _, err := m.load(ctx, k, made(k, records, snap.Position())); err != nil {
			return err
		}
		if len(records) < m.config.Chunk {
			break
		}
		after = keyOf(k.Query(), records[len(records)-1].Row)
	}
	return m.sweep(ctx, k)
}

// sweep looks at every document that was moved: what the source no longer has is
// removed. It is needed where changes were lost, or a table was emptied.
func (m *Mover) sweep(ctx context.Context, k Kind) error {
	for cursor := ""; ; {
		var ids []string
		var docs []Sent
		next := ""
		err := m.patiently(ctx, k.App(), func() (err error) {
			if ids, next, err = m.target.List(ctx, k, cursor); err != nil {
				return err
			}
			docs, err = readAll(ctx, m.target, k, ids)
			return err
		})
		if err != nil {
			return err
		}
		keys := make([][]any, 0, len(docs))
		for _, d := range docs {
			if key, ours := k.KeyOf(d.Key); ours {
				keys = append(keys, key)
			}
		}
		if err := m.refresh(ctx, k, keys); err != nil && !isHanded(err) {
			return err
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// readAll reads documents in as many calls as it takes.
func readAll(ctx context.Context, t Target, k Kind, ids []string) (docs []Sent, err error) {
	for len(ids) > 0 {
		n := min(len(ids), MaxBatch)
		some, err := t.Read(ctx, k, ids[:n])
		if err != nil {
			return nil, err
		}
		docs, ids = append(docs, some...), ids[n:]
	}
	return docs, nil
}

// behind notes how old the oldest change is that is not stored.
func (m *Mover) behind(oldest time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.oldest.IsZero() {
		m.oldest = oldest
	}
}

// reached notes that all up to a burst's position is stored; alone: nothing waits. It
// says whether there were strays.
func (m *Mover) reached(b *burst, alone bool) (strayed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run.Position = max(m.run.Position, b.position)
	if m.oldest = b.oldest; alone {
		m.oldest = time.Time{}
	}
	return m.countStrays(b)
}

// broken says whether an error of the source may go away by itself.
func broken(err error) bool {
	return !errors.Is(err, source.ErrSlotLost) && !errors.Is(err, errRejects)
}
