package state

import (
	"context"
	"slices"
)

// What rides along with a commit, and from how many foreign pending commits on
// a document is cleaned.
const (
	ridesAlong   = 16
	prunePending = 4
)

// commit writes what a transaction has put. With events, an entry of the
// journal goes first; entries that are published ride along to be deleted.
func (o *outbox) commit(ctx context.Context, tx *Tx) error {
	if err := o.prune(tx); err != nil {
		return err
	}
	if len(tx.events)+len(tx.unfinished) == 0 {
		ops, err := tx.ops(nil)
		if err != nil || len(ops) == 0 {
			return err
		}
		return o.send(ctx, tx, ops, nil)
	}
	e, err := o.reserve(ctx)
	if err != nil {
		return err
	}
	ops, err := tx.ops(e)
	if err != nil {
		o.refused(e)
		return err
	}
	first, err := e.put()
	if err != nil {
		o.refused(e)
		return err
	}
	tx.entry = e
	err = o.send(ctx, tx, append([]Op{first}, ops...), e)
	o.ended(e, err)
	return err
}

func (o *outbox) send(ctx context.Context, tx *Tx, ops []Op, e *entry) error {
	rides := o.rides(ridesAlong)
	err := o.db.group.commit(ctx, tx.commit, append(ops, rides...), func(keys []string) { o.landed(tx, e, keys) })
	o.rode(rides, err)
	return orUnavailable(err)
}

// prune finds out which pending commits of other replicas in the documents to
// be written are published: their entries are gone. It asks only when a
// document has gathered several, so that most writes pay nothing.
func (o *outbox) prune(tx *Tx) error {
	var ask []string
	for _, k := range tx.order {
		var foreign []string
		for _, p := range tx.docs[k].pending {
			if !o.isPublished(p.Entry) {
				foreign = append(foreign, p.Entry)
			}
		}
		if len(foreign) >= prunePending {
			ask = append(ask, foreign...)
		}
	}
	gone := map[string]bool{}
	if len(ask) > 0 {
		slices.Sort(ask)
		ask = slices.Compact(ask)
		items, err := tx.store.Get(tx.ctx, ask...)
		if err != nil {
			return unavailable(err)
		}
		for _, item := range items {
			gone[item.Key] = item.ETag == ""
		}
	}
	tx.published = func(entry string) bool { return gone[entry] || o.isPublished(entry) }
	return nil
}
