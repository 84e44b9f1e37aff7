package product

import (
	"context"

	"github.com/google/uuid"
)

// importSpace is the namespace of the IDs of imported products.
var importSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("tienda:catalog:product"))

// Imported is a product as another system had it, with its stock.
type Imported struct {
	Details
	ProductID    string // of the product that is stated anew, or made; "": as ID says
	ExternalID   string
	CategoryName string         // for a category that is not there yet; "": its slug
	Stock        map[string]int // on hand, by SKU; only where none is recorded yet
}

// ID gives the ID of an imported product: the one that is stated, or one that
// depends on its external key, or else its slug, alone, so that a repeat finds what
// the first time made.
func (in Imported) ID() string {
	if in.ProductID != "" {
		return in.ProductID
	}
	key := "slug:" + in.Slug
	if in.ExternalID != "" {
		key = "external:" + in.ExternalID
	}
	return uuid.NewSHA1(importSpace, []byte(key)).String()
}

// Documents says how many documents the product takes in a commit: itself,
// its slug, its place in the index, and for each SKU the claim and the stock.
func (in Imported) Documents() int { return 3 + 2*len(in.Variants) }

// Import stores products in one commit. The slice tells for each why it was
// refused (nil: taken); the error that nothing was stored. What is there
// already is replaced, and not written when the line says nothing new.
func (s *Service) Import(ctx context.Context, batch []Imported) ([]error, error) {
	refused := make([]error, len(batch))
	var take []Imported
	var place []int // take[i] is batch[place[i]]
	for i, in := range batch {
		in.Details = in.Complete()
		if refused[i] = in.Check(); refused[i] == nil {
			take, place = append(take, in), append(place, i)
		}
	}
	if len(take) == 0 {
		return refused, nil
	}
	now := s.now()
	failed, err := s.store.Import(ctx, take, func(i int, held *Product) (*Product, error) {
		switch {
		case held == nil:
			return &Product{ID: take[i].ID(), Details: take[i].Details, CreatedAt: now, UpdatedAt: now}, nil
		case held.Equal(take[i].Details):
			return nil, nil
		}
		next := *held
		next.state(take[i].Details, now)
		return &next, nil
	})
	if err != nil {
		return nil, err
	}
	for i, err := range failed {
		refused[place[i]] = err
	}
	return refused, nil
}
