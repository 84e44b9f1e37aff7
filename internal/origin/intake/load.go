package intake

import (
	"cmp"
	"slices"

	"tienda/internal/state"
)

// presumeFrom is how many documents are a batch of which nothing is read that is new: to ask the
// index first may be one call more.
const presumeFrom = 20

// load reads what a batch needs: 1 bulk get, 1 more for what More says that was not read yet, and
// 1 for documents of a large batch that the index lists.
func (k Kind[T]) load(tx *state.Tx, index parts, docs []Document[T], results []Result) error {
	x := k.index()
	keys := x.roots.Keys(x.kind)
	var taken []Document[T]
	for i, d := range docs {
		if results[i].Outcome == Stored {
			keys, taken = append(keys, x.parts.Key(d.Part)), append(taken, docs[i])
		}
	}
	presume := k.New != nil && len(taken) >= cmp.Or(k.Presume, presumeFrom)
	fresh := make([][]string, len(taken)) // what New says of each
	for i, d := range taken {
		value := valueOf(&taken[i])
		if value != nil && k.PartKeys != nil {
			keys = append(keys, k.PartKeys(d.Part, value)...)
		}
		own := k.Keys(d.ID, value)
		if presume {
			fresh[i] = k.New(d.ID, value)
			own = slices.DeleteFunc(own, func(key string) bool { return slices.Contains(fresh[i], key) })
		}
		keys = append(keys, own...)
	}
	if err := tx.Load(keys...); err != nil {
		return err
	}
	if presume {
		if err := k.presume(tx, index, taken, fresh); err != nil {
			return err
		}
	}
	if k.More == nil {
		return nil
	}
	more, err := k.More(tx, taken)
	if err != nil {
		return err
	}
	return tx.Load(more...)
}

// valueOf gives the value of a document; nil: it is gone.
func valueOf[T any](d *Document[T]) *T {
	if d.Deleted {
		return nil
	}
	return &d.Value
}

// presume reads what New says of documents that the index lists, and takes that of the
// others for absent: it is created.
func (k Kind[T]) presume(tx *state.Tx, index parts, docs []Document[T], keys [][]string) error {
	var known, fresh []string
	for i, d := range docs {
		p, err := index.open(tx, k.index(), d.Part)
		if err != nil {
			return err
		}
		if d.Deleted || d.Adopt || p.knows(d.ID) {
			known = append(known, keys[i]...)
		} else {
			fresh = append(fresh, keys[i]...)
		}
	}
	if err := tx.Load(known...); err != nil {
		return err
	}
	return tx.Presume(fresh...)
}

// ByID gives a Kind's More that asks for each document by its ID.
func ByID[T any](more func(tx *state.Tx, id string) ([]string, error)) func(*state.Tx, []Document[T]) ([]string, error) {
	return func(tx *state.Tx, docs []Document[T]) (keys []string, err error) {
		for _, d := range docs {
			further, err := more(tx, d.ID)
			if err != nil {
				return nil, err
			}
			keys = append(keys, further...)
		}
		return keys, nil
	}
}
