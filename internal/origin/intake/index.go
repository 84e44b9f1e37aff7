package intake

import (
	"context"
	"maps"
	"slices"

	"tienda/internal/state"
)

// The index of what was moved in is in parts, which the sender chooses, so that a
// batch writes few of them: a list of IDs each, and the positions of those that are
// gone, lest an older state brings them back. The root lists the parts.
type (
	root struct {
		Parts []string `json:"parts"` // sorted
	}
	part struct {
		IDs  []string          `json:"ids"`            // sorted
		Gone map[string]uint64 `json:"gone,omitempty"` // positions of what was removed, by ID

		index   index
		name    string
		changed bool
	}
)

// index is that of one kind.
type index struct {
	roots state.Collection[root]
	parts state.Collection[part]
	kind  string
}

func (k Kind[T]) index() index { return indexOf(k.Name) }

func indexOf(kind string) index {
	return index{roots: state.Collection[root]{Prefix: "moved:"}, parts: state.Collection[part]{Prefix: "moved:" + kind + ":"}, kind: kind}
}

// parts are those that a batch has to do with, by name.
type parts map[string]*part

func (all parts) open(tx *state.Tx, x index, name string) (*part, error) {
	if all[name] != nil {
		return all[name], nil
	}
	p, _, err := x.parts.Get(tx, name)
	if err != nil {
		return nil, err
	}
	p.index, p.name = x, name
	all[name] = &p
	return &p, nil
}

func (all parts) save(tx *state.Tx) error {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := all[name].save(tx); err != nil {
			return err
		}
	}
	return nil
}

// knows says whether a document is here, or was.
func (p *part) knows(id string) bool {
	_, there := slices.BinarySearch(p.IDs, id)
	_, gone := p.Gone[id]
	return there || gone
}

func (p *part) add(id string) {
	if at, there := slices.BinarySearch(p.IDs, id); !there {
		p.IDs, p.changed = slices.Insert(p.IDs, at, id), true
	}
	if _, gone := p.Gone[id]; gone {
		delete(p.Gone, id)
		p.changed = true
	}
}

// drop forgets that an ID is here.
func (p *part) drop(id string) {
	if at, there := slices.BinarySearch(p.IDs, id); there {
		p.IDs, p.changed = slices.Delete(p.IDs, at, at+1), true
	}
}

func (p *part) bury(id string, position uint64) {
	p.drop(id)
	if p.Gone == nil {
		p.Gone = map[string]uint64{}
	}
	p.Gone[id], p.changed = position, true
}

// save writes the part if it has changed, and the root if it has not the part yet: also
// where a store that keeps halves of transactions has kept the part without the root.
// They come after the documents: whoever finds an ID finds what it is of.
func (p *part) save(tx *state.Tx) error {
	if len(p.IDs) == 0 && len(p.Gone) == 0 {
		return nil
	}
	r, _, err := p.index.roots.Get(tx, p.index.kind)
	if err != nil {
		return err
	}
	if at, there := slices.BinarySearch(r.Parts, p.name); !there {
		r.Parts = slices.Insert(r.Parts, at, p.name)
		if err := p.index.roots.Put(tx, p.index.kind, r); err != nil {
			return err
		}
	}
	if !p.changed {
		return nil
	}
	return p.index.parts.Put(tx, p.name, *p)
}

// pageParts is how many parts are a page of the list.
const pageParts = 10

// List gives the IDs of all that was moved in and is kept, some at a time: those of the
// parts that come after a part, and the last of these; "": there are no more. State: 1
// get, 1 bulk get.
func (k Kind[T]) List(ctx context.Context, after string) (ids []string, last string, err error) {
	err = k.DB.View(ctx, func(tx *state.Tx) error {
		ids, last, err = k.index().page(tx, after)
		return err
	})
	return ids, last, err
}

// page is List within a transaction.
func (x index) page(tx *state.Tx, after string) (ids []string, last string, err error) {
	ids = []string{}
	r, _, err := x.roots.Get(tx, x.kind)
	if err != nil {
		return nil, "", err
	}
	at, there := slices.BinarySearch(r.Parts, after)
	if there {
		at++
	}
	names := r.Parts[at:min(at+pageParts, len(r.Parts))]
	if at+len(names) < len(r.Parts) {
		last = names[len(names)-1]
	}
	parts, err := x.parts.GetAll(tx, names...)
	if err != nil {
		return nil, "", err
	}
	for _, p := range parts {
		ids = append(ids, p.IDs...)
	}
	return ids, last, nil
}
