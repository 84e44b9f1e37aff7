package service

import (
	"context"
	"encoding/json"
	"slices"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
)

// adopt has what was written back be as the monolith has it, of kinds that it is in charge of
// (again): what was made in the shop counts as moved in, and what a row has no words for, such as
// the last digits of an instant, is no more different.
func (b *between) adopt(ctx context.Context, kinds []string) error {
	written, err := b.writing.Rows(ctx)
	if fault.CodeOf(err) == "no_source" {
		return nil
	}
	if err != nil {
		return err
	}
	for _, k := range b.rules.kinds {
		if !slices.Contains(kinds, k.Kind()) || b.Handed(k.Kind()) {
			continue
		}
		for some := range slices.Chunk(b.unadopted(k, written), adoptAtOnce) {
			if err := b.adoptSome(ctx, k, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// adoptAtOnce is how many documents are adopted at a time: as many as an owner takes.
const adoptAtOnce = 200

// unadopted gives what was written back of an entry of the mapping and is not adopted yet.
func (b *between) unadopted(k move.Kind, written []reverse.Written) (out []reverse.Written) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range written {
		if m.Name == k.Name() && !m.Deleted && !b.adopted[m.ID] {
			out = append(out, m)
		}
	}
	return out
}

func (b *between) adoptSome(ctx context.Context, k move.Kind, some []reverse.Written) error {
	keys, ids := make([][]any, len(some)), make([]string, len(some))
	for i, m := range some {
		keys[i], ids[i] = m.Key, m.ID
	}
	if err := b.Refresh(ctx, k, keys); err != nil {
		return err
	}
	in, err := b.owners.Read(ctx, k, ids)
	if err != nil {
		return err
	}
	for _, m := range some {
		if !slices.ContainsFunc(in, func(d move.Sent) bool { return d.ID == m.ID }) && !b.IsRejected(m.ID) {
			if err := b.bury(ctx, k, m); err != nil {
				return err
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		b.adopted[id] = true
	}
	return nil
}

// bury takes away from its owner what was made there and has no row any more: it was
// deleted in the monolith before it was adopted. An owner deletes only what was moved in, so
// that the document is adopted as it is there, and is gone with the next word.
func (b *between) bury(ctx context.Context, k move.Kind, m reverse.Written) error {
	held, there, err := b.owners.Document(ctx, m.Kind, m.ID)
	if err != nil || !there || held.Source != "" {
		return err
	}
	at, err := b.source.Head(ctx)
	if err != nil {
		return err
	}
	is := k.Identity(m.Key)
	for _, doc := range []json.RawMessage{held.JSON, nil} {
		if _, err := b.owners.Take(ctx, k, []move.Sent{{ID: is.ID, Part: is.Part, Key: is.Key, Position: at, JSON: doc}}); err != nil {
			return err
		}
	}
	return nil
}

// adoptAll is adopt for all kinds, to be done now and then while documents are moved.
func (b *between) adoptAll(ctx context.Context) error {
	s, err := b.Mover.Status(ctx)
	if err != nil || s.Phase != progress.Following {
		return err
	}
	var kinds []string
	for _, k := range b.rules.kinds {
		kinds = append(kinds, k.Kind())
	}
	return b.adopt(ctx, kinds)
}
