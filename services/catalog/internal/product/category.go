package product

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tienda/internal/origin"
)

// MaxCategories bounds the one document that holds them all.
const MaxCategories = 1000

// reopenLimit bounds what a delete that failed spends on taking itself back.
const reopenLimit = 5 * time.Second

// Category is a shelf of the shop.
type Category struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Parent   string `json:"parent,omitempty"`   // the category that it is below; "": none
	Position int    `json:"position,omitempty"` // among those of its parent
	Version  int64  `json:"version"`
	Closing  string `json:"closing,omitempty"` // the delete that is under way; such a category takes no product

	ID     string        `json:"id,omitempty"`     // of the document that was moved in
	Origin origin.Source `json:"origin,omitzero"`  // zero: it was made here
	Awaits string        `json:"awaits,omitempty"` // the parent, which is not there yet
	Stated bool          `json:"stated,omitempty"` // what was moved in states a position
}

// Categories are all of them, by slug.
type Categories []Category

// Find gives the place of a category, -1 where there is none.
func (c Categories) Find(slug string) int {
	return slices.IndexFunc(c, func(x Category) bool { return x.Slug == slug })
}

// Add takes a new category in.
func (c *Categories) Add(added Category) (Category, error) {
	switch {
	case c.Find(added.Slug) >= 0:
		return Category{}, ErrSlugTaken
	case len(*c) >= MaxCategories:
		return Category{}, ErrTooMany
	}
	if err := c.checkParent(added.Slug, added.Parent); err != nil {
		return Category{}, err
	}
	added.Version, added.Closing = 1, ""
	*c = append(*c, added)
	slices.SortFunc(*c, func(a, b Category) int { return strings.Compare(a.Slug, b.Slug) })
	return added, nil
}

// at finds the category that a writer means; version 0 is any.
func (c Categories) at(slug string, version int64) (int, error) {
	i := c.Find(slug)
	switch {
	case i < 0:
		return 0, ErrMissingCategory
	case version != 0 && version != c[i].Version:
		return 0, ErrVersion
	}
	return i, nil
}

// Change states the category of a slug anew: name, parent and position.
func (c Categories) Change(to Category, version int64) (Category, error) {
	i, err := c.at(to.Slug, version)
	if err != nil {
		return Category{}, err
	}
	if to.Parent != c[i].Parent {
		if err := c.checkParent(to.Slug, to.Parent); err != nil {
			return Category{}, err
		}
	}
	c[i].Name, c[i].Parent, c[i].Position, c[i].Awaits = to.Name, to.Parent, to.Position, ""
	c[i].Version++
	return c[i], nil
}

// Takes refuses a category that a product cannot be saved in.
func (c Categories) Takes(slug string) error {
	switch i := c.Find(slug); {
	case i < 0:
		return ErrNoCategory
	case c[i].Closing != "":
		return ErrCategoryClosing
	}
	return nil
}

// Close has a category take no more products. mark names the delete that
// closes it; an earlier one that has not ended gives way.
func (c Categories) Close(slug string, version int64, mark string) error {
	i, err := c.at(slug, version)
	if err != nil {
		return err
	}
	if c.hasChildren(slug) {
		return ErrCategoryInUse
	}
	c[i].Closing = mark
	return nil
}

// Reopen takes back what Close did, unless another delete has come since.
func (c Categories) Reopen(slug, mark string) {
	if i := c.Find(slug); i >= 0 && c[i].Closing == mark {
		c[i].Closing = ""
	}
}

// Remove takes a category out that has been closed without a break since
// Close was called with mark.
func (c *Categories) Remove(slug string, version int64, mark string) error {
	i, err := c.at(slug, version)
	switch {
	case err != nil:
		return err
	case (*c)[i].Closing == "": // an import has reopened it
		return ErrCategoryInUse
	case (*c)[i].Closing != mark:
		return ErrCategoryClosing
	}
	*c = slices.Delete(*c, i, i+1)
	return nil
}

// CreateCategory adds a category.
func (s *Service) CreateCategory(ctx context.Context, c Category) (added Category, path []string, err error) {
	return s.changeCategory(ctx, func(all *Categories) (Category, error) { return all.Add(c) })
}

// ChangeCategory states the category of a slug anew. version is the one that the
// caller has read; 0: any.
func (s *Service) ChangeCategory(ctx context.Context, c Category, version int64) (changed Category, path []string, err error) {
	return s.changeCategory(ctx, func(all *Categories) (Category, error) { return all.Change(c, version) })
}

func (s *Service) changeCategory(ctx context.Context, change func(*Categories) (Category, error)) (c Category, path []string, err error) {
	err = s.changeCategories(ctx, func(all *Categories) (err error) {
		c, err = change(all)
		path = all.Path(c.Slug)
		return err
	})
	return c, path, err
}

// DeleteCategory removes a category that no published product and no other
// category is in. A draft
// may be left behind in it: it must be moved before it can be saved again.
//
// The category is closed before the products are looked through, so that none
// can come in meanwhile; see Store.Vacate. A product that this replica knows
// to be there spares all that.
func (s *Service) DeleteCategory(ctx context.Context, slug string, version int64) error {
	if id, ok := s.window.InCategory(slug); ok {
		p, err := s.store.Find(ctx, id)
		switch {
		case err == nil && p.ShownIn(slug):
			return ErrCategoryInUse
		case err != nil && !errors.Is(err, ErrMissing):
			return err
		}
	}
	mark := uuid.NewString()
	err := s.changeCategories(ctx, func(c *Categories) error { return c.Close(slug, version, mark) })
	if errors.Is(err, ErrMissingCategory) || errors.Is(err, ErrVersion) || errors.Is(err, ErrCategoryInUse) {
		return err
	}
	if err == nil {
		err = s.store.Vacate(ctx, slug)
	}
	if err == nil {
		err = s.changeCategories(ctx, func(c *Categories) error { return c.Remove(slug, version, mark) })
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, s.reopen(ctx, slug, mark))
}

// reopen leaves a category as it was before a delete that failed.
func (s *Service) reopen(ctx context.Context, slug, mark string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reopenLimit)
	defer cancel()
	return s.changeCategories(ctx, func(c *Categories) error {
		c.Reopen(slug, mark)
		return nil
	})
}

func (s *Service) changeCategories(ctx context.Context, change func(*Categories) error) error {
	var after Categories
	err := s.store.UpdateCategories(ctx, func(c *Categories) error {
		if err := change(c); err != nil {
			return err
		}
		after = slices.Clone(*c)
		return nil
	})
	if err == nil {
		s.window.ShowCategories(after)
	}
	return err
}
