package reverse

import (
	"context"
	"encoding/json"
	"fmt"

	"tienda/services/migration/internal/mapping"
)

// resolve finds the keys of all that a document refers to. What was made in the shop and
// has no row yet is a *needsError.
func (w *Writer) resolve(ctx context.Context, tx Tx, r *mapping.Reverse, doc json.RawMessage) (map[string]mapping.Key, error) {
	refs, err := r.References(doc)
	if err != nil {
		return nil, err
	}
	keys := map[string]mapping.Key{}
	needs := &needsError{}
	for _, ref := range refs {
		key, found, err := w.reference(ctx, tx, ref)
		if err != nil {
			return nil, fmt.Errorf("%s %s that it refers to: %w", ref.Kind, ref.ID, err)
		}
		if found {
			keys[ref.ID] = key
			continue
		}
		if _, there, err := w.owners.Document(ctx, ref.Kind, ref.ID); err != nil {
			return nil, fmt.Errorf("owner: %w", err)
		} else if there {
			needs.all = append(needs.all, ref)
		}
	}
	if len(needs.all) > 0 {
		return nil, needs
	}
	return keys, nil
}

// reference finds the key of a document; not ok: it has no row.
func (w *Writer) reference(ctx context.Context, tx Tx, ref mapping.Reference) (mapping.Key, bool, error) {
	w.mu.Lock()
	key, ok := w.keys[ref.ID]
	w.mu.Unlock()
	if ok {
		return key, true, nil
	}
	known, was, err := tx.Written(ctx, ref.Kind, ref.ID)
	if err != nil {
		return key, false, err
	}
	if was && known.Source != "" {
		return mapping.Key{Name: known.Name, Values: known.Key}, true, nil
	}
	held, there, err := w.owners.Document(ctx, ref.Kind, ref.ID)
	switch {
	case err != nil:
		return key, false, fmt.Errorf("owner: %w", err)
	case there && held.Source == "":
		return key, false, nil // made in the shop
	case there:
		if key, ok = w.mapping.KeyOf(held.Source); !ok {
			return key, false, &UnfitError{"its source is no key of the mapping"}
		}
	default: // gone in the shop: its row may be there all the same
		if key, ok, err = w.scan(ctx, ref.Kind, ref.ID); err != nil || !ok {
			return key, false, err
		}
	}
	w.mu.Lock()
	w.keys[ref.ID] = key
	w.mu.Unlock()
	return key, true, nil
}

// scan looks for the row whose document has an ID: IDs are made of keys, and do not lead
// back to them. It reads the keys of all rows of a kind.
func (w *Writer) scan(ctx context.Context, kind, id string) (key mapping.Key, found bool, err error) {
	for _, k := range w.kinds(kind) {
		var bad error
		err := w.store.Keys(ctx, k.Query(), func(values []any) bool {
			is, err := k.Identity(values)
			if err != nil {
				bad = err
				return false
			}
			if is.ID == id {
				key, found = mapping.Key{Name: k.Name, Values: values}, true
			}
			return !found
		})
		if err != nil || bad != nil {
			return key, false, fmt.Errorf("keys of %s: %w", k.Name, firstOf(err, bad))
		}
		if found {
			return key, true, nil
		}
	}
	return key, false, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
