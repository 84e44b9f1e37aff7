package product

import (
	"cmp"
	"slices"
)

// MaxDepth is how many categories a path may have.
const MaxDepth = 8

// Path gives the slugs from the root to a category, which is the last; none
// where there is no such category.
func (c Categories) Path(slug string) []string {
	var path []string
	for i := c.Find(slug); i >= 0; i = c.Find(c[i].Parent) {
		path = append(path, c[i].Slug)
	}
	slices.Reverse(path)
	return path
}

// Paths gives the paths of all categories, which are in order (InOrder).
func (c Categories) Paths() map[string][]string {
	paths := make(map[string][]string, len(c))
	for _, x := range c {
		above := paths[x.Parent]
		paths[x.Slug] = append(above[:len(above):len(above)], x.Slug)
	}
	return paths
}

// InOrder gives the categories as a tree is read: each before those below it,
// and of one parent by position, then by name as compare has it.
func (c Categories) InOrder(compare func(a, b string) int) Categories {
	below := map[string]Categories{}
	for _, x := range c {
		below[x.Parent] = append(below[x.Parent], x)
	}
	for _, children := range below {
		slices.SortFunc(children, func(a, b Category) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), compare(a.Name, b.Name), cmp.Compare(a.Slug, b.Slug))
		})
	}
	out := make(Categories, 0, len(c))
	var walk func(parent string)
	walk = func(parent string) {
		for _, x := range below[parent] {
			out = append(out, x)
			walk(x.Slug)
		}
	}
	walk("")
	return out
}

// checkParent refuses a place for a category that is no place in a tree. All
// categories are one document, so that this holds however many move some at once.
func (c Categories) checkParent(slug, parent string) error {
	if parent == "" {
		return nil
	}
	i := c.Find(parent)
	switch {
	case i < 0:
		return ErrNoParent
	case c[i].Closing != "":
		return ErrParentClosing
	case slices.Contains(c.Path(parent), slug):
		return ErrCycle
	case len(c.Path(parent))+c.height(slug) > MaxDepth:
		return ErrTooDeep
	}
	return nil
}

// height is how many categories the longest way down from a category has, itself
// among them.
func (c Categories) height(slug string) int {
	n := 0
	for _, x := range c {
		if x.Parent == slug {
			n = max(n, c.height(x.Slug))
		}
	}
	return n + 1
}

// hasChildren says whether a category is another's parent.
func (c Categories) hasChildren(slug string) bool {
	return slices.ContainsFunc(c, func(x Category) bool { return x.Parent == slug })
}
