package product

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"tienda/internal/origin"
)

// MovedCategory is a category as it is moved in from another system, and given back.
type MovedCategory struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Parent   string `json:"parent,omitempty"`
	Position *int   `json:"position,omitempty"` // nil: 0
}

// FindMoved gives the place of the category that was moved in under an ID, -1 where there is
// none.
func (c Categories) FindMoved(id string) int {
	return slices.IndexFunc(c, func(x Category) bool { return x.ID != "" && x.ID == id })
}

// MoveIn takes over a category under an ID: a new one, or what it is now in the place of what it
// was. Its parent may come later: until then it is at the root. The error is fault.Conflict where
// another one has its slug.
func (c *Categories) MoveIn(m MovedCategory, id string, from origin.Source) error {
	at, taken := c.FindMoved(id), c.Find(m.Slug)
	switch {
	case taken >= 0 && taken != at:
		return ErrSlugTaken
	case at < 0 && len(*c) >= MaxCategories:
		return ErrTooMany
	}
	before := slices.Clone(*c)
	if at < 0 {
		*c = append(*c, Category{ID: id})
		at = len(*c) - 1
	}
	held := (*c)[at]
	next := Category{
		Slug: m.Slug, Name: m.Name, Version: held.Version, ID: id, Origin: from, Awaits: m.Parent, Stated: m.Position != nil,
	}
	if m.Position != nil {
		next.Position = *m.Position
	}
	if held.Slug != "" && held.Slug != m.Slug {
		c.reparent(held.Slug, m.Slug, "")
	}
	if held.Slug != m.Slug || held.Name != m.Name || held.Above() != m.Parent || held.Position != next.Position || held.Closing != "" {
		next.Version++
	}
	(*c)[at] = next
	slices.SortFunc(*c, func(a, b Category) int { return strings.Compare(a.Slug, b.Slug) })
	if err := c.joins(m.Slug); err != nil {
		*c = before
		return err
	}
	c.settle()
	return nil
}

// Above is the parent that a category has, or waits for.
func (c Category) Above() string {
	if c.Awaits != "" {
		return c.Awaits
	}
	return c.Parent
}

// joins puts a category below the parent that it waits for, if that is there.
func (c Categories) joins(slug string) error {
	i := c.Find(slug)
	parent := c[i].Awaits
	if parent == "" || c.Find(parent) < 0 {
		return nil
	}
	if err := c.checkParent(slug, parent); err != nil {
		return err
	}
	c[i].Parent, c[i].Awaits = parent, ""
	return nil
}

// settle puts all that wait below parents that have come. One for which its parent is no place
// in a tree goes on waiting.
func (c Categories) settle() {
	for _, x := range c {
		if x.Awaits == "" || c.Find(x.Awaits) < 0 || c.checkParent(x.Slug, x.Awaits) != nil {
			continue
		}
		i := c.Find(x.Slug)
		c[i].Parent, c[i].Awaits = x.Awaits, ""
		c[i].Version++
	}
}

// reparent has what is below a category be below another one, or wait for one.
func (c Categories) reparent(from, to, awaits string) {
	for i := range c {
		if c[i].Parent == from {
			c[i].Parent, c[i].Awaits = to, awaits
			c[i].Version++
		}
	}
}

// MoveOut takes away the category that was moved in under an ID. What was below it waits for it
// at the root. Products that are still in it stay there.
func (c *Categories) MoveOut(id string) {
	i := c.FindMoved(id)
	if i < 0 {
		return
	}
	slug := (*c)[i].Slug
	c.reparent(slug, "", slug)
	*c = slices.Delete(*c, i, i+1)
}

// Moved gives a category in the shape in which it was moved in, as it is now.
func (c Category) Moved() MovedCategory {
	return MovedCategory{Slug: c.Slug, Name: c.Name, Parent: c.Above(), Position: given(c.Position, 0, c.Stated)}
}

// documentSpace is where the IDs of categories come from that were made here.
var documentSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("tienda:catalog:category"))

// Document gives the ID of the document that the category is, for another system: that under
// which it was moved in, else one that is derived of its slug, which does not change.
func (c Category) Document() string {
	if c.ID != "" {
		return c.ID
	}
	return uuid.NewSHA1(documentSpace, []byte(c.Slug)).String()
}
