package reverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// deepest is how long a chain of documents that were made in the shop may be: a return
// of an order of a customer is three.
const deepest = 6

// Writer writes documents back. It is used by several goroutines at once.
type Writer struct {
	mapping  *mapping.Mapping
	store    Store
	owners   Owners
	inCharge InCharge

	mu   sync.Mutex
	keys map[string]mapping.Key // of documents that were moved, by ID: they never change
}

// New gives a writer by the reverse sections of a mapping.
func New(m *mapping.Mapping, s Store, o Owners, inCharge InCharge) *Writer {
	return &Writer{mapping: m, store: s, owners: o, inCharge: inCharge, keys: map[string]mapping.Key{}}
}

// Apply writes a document back as its owner has it now, unless that was done for this
// version or a later one, or the monolith is in charge of it.
func (w *Writer) Apply(ctx context.Context, c Change) error {
	return w.apply(ctx, c, false, 0)
}

// Again writes a document back whatever was written before: what makes up for news that
// was lost.
func (w *Writer) Again(ctx context.Context, kind, id string) error {
	return w.apply(ctx, Change{Kind: kind, ID: id}, true, 0)
}

// Learn has the rows of documents that were made in the shop keep their IDs in the forward
// direction, too. It is called before the monolith is followed, and before a rollback.
func (w *Writer) Learn(ctx context.Context) error {
	made, err := w.store.Made(ctx)
	if err != nil {
		return err
	}
	for _, one := range made {
		w.mapping.Made().Add(one.Source, one.ID)
	}
	return nil
}

// needsError are documents that have to be written before the one that refers to them.
type needsError struct{ all []mapping.Reference }

func (*needsError) Error() string { return "documents that it refers to have no row yet" }

func (w *Writer) apply(ctx context.Context, c Change, again bool, depth int) error {
	if len(w.kinds(c.Kind)) == 0 {
		return nil // the mapping does not write it back
	}
	if depth > deepest {
		return &UnfitError{"documents refer to each other in a circle"}
	}
	// Each turn writes what the document was found to need; a document that goes on to need
	// more changes faster than it can be written.
	for range deepest {
		err := w.store.Hold(ctx, c.Kind, c.ID, func(ctx context.Context, tx Tx) error { return w.hold(ctx, tx, c, again) })
		var needs *needsError
		if !errors.As(err, &needs) {
			if err != nil {
				return fmt.Errorf("write back %s %s: %w", c.Kind, c.ID, err)
			}
			return nil
		}
		for _, ref := range needs.all {
			if err := w.apply(ctx, Change{Kind: ref.Kind, ID: ref.ID}, true, depth+1); err != nil {
				return err
			}
		}
	}
	return &UnfitError{"what it refers to has no row and gets none"}
}

// hold writes a document in a transaction that holds it. The document is read only now, so
// that of two who write it the later one has the later state.
func (w *Writer) hold(ctx context.Context, tx Tx, c Change, again bool) error {
	yes, err := w.inCharge(ctx, c.Kind)
	if err != nil || !yes {
		return err
	}
	known, was, err := tx.Written(ctx, c.Kind, c.ID)
	if err != nil {
		return err
	}
	if was && !again && !known.Deleted && c.Version <= known.Version {
		return nil
	}
	held, there, err := w.owners.Document(ctx, c.Kind, c.ID)
	if err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	if !was || known.Deleted && there { // it came again: its row is another one
		known = Written{Kind: c.Kind, ID: c.ID, Version: known.Version}
	}
	known.Version = max(known.Version, c.Version)
	if known.Source == "" {
		if err := w.locate(ctx, &known, held, there); err != nil {
			return err
		}
	}
	if !there {
		return w.remove(ctx, tx, known)
	}
	return w.write(ctx, tx, known, held.JSON)
}

// locate finds the row of a document that was moved.
func (w *Writer) locate(ctx context.Context, known *Written, held Held, there bool) error {
	if there && held.Source == "" {
		return nil // made in the shop
	}
	var key mapping.Key
	var found bool
	var err error
	if there {
		key, found = w.mapping.KeyOf(held.Source)
		if !found {
			return &UnfitError{"its source is no key of the mapping"}
		}
	} else if key, found, err = w.scan(ctx, known.Kind, known.ID); err != nil || !found {
		return err
	}
	known.Name, known.Key = key.Name, key.Values
	known.Source, err = w.mapping.SourceKey(key)
	return err
}

// write runs the statements of a document.
func (w *Writer) write(ctx context.Context, tx Tx, known Written, doc json.RawMessage) error {
	k, err := w.kindOf(known, doc)
	if err != nil {
		return err
	}
	r := k.Reverse()
	keys, err := w.resolve(ctx, tx, r, doc)
	if err != nil {
		return err
	}
	all, err := r.Writing(known.ID, doc, keys)
	if err != nil {
		return err
	}
	known.Name, known.Deleted = k.Name, false
	if known.Source == "" {
		if known.Key, err = w.insert(ctx, tx, k, all.Insert); err != nil {
			return err
		}
		known.Made = true
		if known.Source, err = w.mapping.SourceKey(mapping.Key{Name: k.Name, Values: known.Key}); err != nil {
			return err
		}
	}
	if err := run(ctx, tx, k, known.Key, all.Write); err != nil {
		return err
	}
	if err := tx.Keep(ctx, known); err != nil {
		return err
	}
	if known.Made {
		// Before it is committed: the row may come through the forward stream at once. Should
		// it be rolled back, its key belongs to no row, or to another document's that says so.
		w.mapping.Made().Add(known.Source, known.ID)
	}
	return nil
}

// kindOf gives the entry of the mapping that a document is written back by: that of its
// row, or the first that takes it.
func (w *Writer) kindOf(known Written, doc json.RawMessage) (*mapping.Kind, error) {
	for _, k := range w.kinds(known.Kind) {
		if known.Name != "" {
			if k.Name == known.Name {
				return k, nil
			}
			continue
		}
		yes, err := k.Reverse().Takes(doc)
		if err != nil {
			return nil, err
		}
		if yes {
			return k, nil
		}
	}
	return nil, &UnfitError{"the mapping says nothing of how such a document becomes a row"}
}

func (w *Writer) kinds(kind string) (out []*mapping.Kind) {
	for _, k := range w.mapping.Kinds() {
		if k.Kind == kind && k.Reverse() != nil {
			out = append(out, k)
		}
	}
	return out
}

func (w *Writer) insert(ctx context.Context, tx Tx, k *mapping.Kind, r *mapping.Run) ([]any, error) {
	if r == nil {
		return nil, &UnfitError{"the mapping has no insert for " + k.Name}
	}
	s := r.Try[0]
	row, err := tx.Insert(ctx, s.SQL, bind(s, r.Values))
	if err != nil {
		return nil, placed(k, s, err)
	}
	if row == nil {
		return nil, &MissingRowError{Name: k.Name, Line: s.Line}
	}
	if len(row) != len(k.Key()) {
		return nil, fmt.Errorf("%s: insert returned %d columns, and its key has %d", k.Name, len(row), len(k.Key()))
	}
	return row, nil
}

func run(ctx context.Context, tx Tx, k *mapping.Kind, key []any, runs []mapping.Run) error {
	for _, r := range runs {
		values := map[string]*string{}
		for name, v := range r.Values {
			values[name] = v
		}
		for i, column := range k.Key() {
			text := fmt.Sprint(key[i])
			values[column] = &text
		}
		found := false
		for _, s := range r.Try {
			rows, err := tx.Do(ctx, s.SQL, bind(s, values))
			if err != nil {
				return placed(k, s, err)
			}
			if found = rows > 0; found {
				break
			}
		}
		if r.Needed && !found {
			return &MissingRowError{Name: k.Name, Line: r.Try[len(r.Try)-1].Line}
		}
	}
	return nil
}

func bind(s mapping.Statement, values map[string]*string) []*string {
	args := make([]*string, len(s.Names))
	for i, name := range s.Names {
		args[i] = values[name]
	}
	return args
}

// placed says where in the mapping a statement is that was refused.
func placed(k *mapping.Kind, s mapping.Statement, err error) error {
	if bad := (*source.StatementError)(nil); errors.As(err, &bad) {
		return fmt.Errorf("%s, line %d of the mapping: %w", k.Name, s.LineAt(bad.Position), err)
	}
	return err
}

// remove takes the row of a document away that is gone in the shop.
func (w *Writer) remove(ctx context.Context, tx Tx, known Written) error {
	known.Deleted = true
	if known.Source != "" {
		for _, k := range w.kinds(known.Kind) {
			if k.Name != known.Name {
				continue
			}
			if err := run(ctx, tx, k, known.Key, k.Reverse().Removal(known.ID)); err != nil {
				return err
			}
		}
	}
	return tx.Keep(ctx, known)
}
