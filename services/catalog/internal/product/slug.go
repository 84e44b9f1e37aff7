package product

import (
	"slices"
	"time"
)

// keptSlugs is how many former slugs a product keeps.
const keptSlugs = 20

// FormerSlug is a slug that a product had. It leads to the product until another
// one takes it.
type FormerSlug struct {
	Slug  string    `json:"slug"`
	Until time.Time `json:"until"`
}

// Slugs lists the product's slug and the former ones.
func (p *Product) Slugs() []string {
	all := []string{p.Slug}
	for _, f := range p.Former {
		all = append(all, f.Slug)
	}
	return all
}

// rename gives the product another slug. A former one leads to the product
// itself, never to a slug that it had in between: there are no chains.
func (p *Product) rename(slug string, now time.Time) {
	if slug == p.Slug {
		return
	}
	former := slices.DeleteFunc(slices.Clone(p.Former), func(f FormerSlug) bool { return f.Slug == slug })
	former = append(former, FormerSlug{p.Slug, now})
	p.Former, p.Slug = former[max(0, len(former)-keptSlugs):], slug
}
