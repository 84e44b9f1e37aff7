package intake

import (
	"cmp"
	"slices"

	"tienda/internal/state"
)

// walkBatch is about how many IDs a step of a walk gives, if the parts are no larger.
const walkBatch = 100

// Mark is where a walk goes on; the zero Mark is its beginning.
type Mark struct {
	Part  string `json:"p,omitempty"`
	After string `json:"a,omitempty"` // an ID of the part
}

// WalkKey is the document that a walk reads first, for Tx.Load.
func WalkKey(kind string) string {
	x := indexOf(kind)
	return x.roots.Key(x.kind)
}

// Walk gives some of the IDs of a kind that were moved in and are kept, and where to go
// on; a nil next means the end. The parts come by number, the highest first, so that an
// owner can list what was moved in without an index of its own: whole parts, up to 100
// IDs together, or 100 of a larger part. Within them they are in no order that says
// something. What is moved in meanwhile may come twice. State: 1 bulk get, and 1 get if
// the document of WalkKey is not loaded.
func Walk(tx *state.Tx, kind string, from Mark) (ids []string, next *Mark, err error) {
	x := indexOf(kind)
	r, _, err := x.roots.Get(tx, kind)
	if err != nil {
		return nil, nil, err
	}
	names := slices.SortedFunc(slices.Values(r.Parts), byNumber)
	if from.Part != "" {
		names = slices.DeleteFunc(names, func(name string) bool { return byNumber(name, from.Part) < 0 })
	}
	if err := tx.Load(x.parts.Keys(names[:min(pageParts, len(names))]...)...); err != nil {
		return nil, nil, err
	}
	for i, name := range names {
		if i == pageParts {
			return ids, &Mark{Part: name}, nil
		}
		p, _, err := x.parts.Get(tx, name)
		if err != nil {
			return nil, nil, err
		}
		mine := p.IDs
		if name == from.Part {
			at, there := slices.BinarySearch(mine, from.After)
			if there {
				at++
			}
			mine = mine[at:]
		}
		switch {
		case len(ids) > 0 && len(ids)+len(mine) > walkBatch:
			return ids, &Mark{Part: name}, nil
		case len(mine) > walkBatch:
			return mine[:walkBatch], &Mark{Part: name, After: mine[walkBatch-1]}, nil
		}
		ids = append(ids, mine...)
	}
	return ids, nil, nil
}

// byNumber puts the higher number first.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(b, a)) }
