package product

import (
	"context"
	"time"
)

// Store keeps products and categories. It sees to it that a slug and a SKU
// belong to one product and that a product's category exists (errors.go).
// Every product it gives carries its version.
type Store interface {
	// Find gives a product by its ID, its slug or one that it had last of all,
	// ErrMissing if there is none.
	Find(ctx context.Context, ref string) (Product, error)
	// FindSKU gives the product that has a SKU, ErrMissingSKU if none has.
	FindSKU(ctx context.Context, sku string) (Product, error)
	Create(ctx context.Context, p Product) (Product, error)
	// Update runs change, perhaps more than once, over the stored product.
	Update(ctx context.Context, id string, change func(*Product) error) (Product, error)
	// Delete removes the product if allow takes it.
	Delete(ctx context.Context, id string, allow func(Product) error) error
	UpdateCategories(ctx context.Context, change func(*Categories) error) error
	// Vacate answers ErrCategoryInUse if a published product is in a category,
	// whichever replica put it there. If not, then no product that was being
	// saved when it was called comes into the category, which has to be closed,
	// after it has returned.
	Vacate(ctx context.Context, category string) error
	// Import stores what decide makes of each product that is held under the
	// IDs of batch (nil: none is), all in one commit; see Service.Import.
	Import(ctx context.Context, batch []Imported, decide func(i int, held *Product) (*Product, error)) ([]error, error)
	// Reprice runs change, perhaps more than once, over the products that have the
	// SKUs, in their order, and stores them in one commit. It tells for each SKU why it
	// was refused, and gives the products that have changed.
	Reprice(ctx context.Context, skus []string, change func(i int, p *Product) error) (refused []error, changed []Product, err error)
}

// Window is what this replica shows. Own changes are put into it at once.
type Window interface {
	Show(p Product)
	Hide(id string)
	ShowCategories(c Categories)
	// InCategory names a product that this replica shows in a category.
	InCategory(slug string) (id string, ok bool)
}

// Service is what staff do with products.
type Service struct {
	store  Store
	window Window
	now    func() time.Time
}

// NewService gives the service over its store, showing changes in window.
func NewService(store Store, window Window) *Service {
	return &Service{store: store, window: window, now: func() time.Time { return time.Now().UTC() }}
}

// Find gives a product of any status by its ID or slug, from the store.
func (s *Service) Find(ctx context.Context, ref string) (Product, error) {
	return s.store.Find(ctx, ref)
}

// Create adds a product.
func (s *Service) Create(ctx context.Context, d Details) (Product, error) {
	p, err := New(d, s.now())
	if err != nil {
		return Product{}, err
	}
	if p, err = s.store.Create(ctx, p); err != nil {
		return Product{}, err
	}
	s.window.Show(p)
	return p, nil
}

// Replace states a product anew. version is the one that the caller has read;
// 0: any.
func (s *Service) Replace(ctx context.Context, id string, d Details, version int64) (Product, error) {
	p, err := s.store.Update(ctx, id, func(p *Product) error {
		if version != 0 && version != p.Version {
			return ErrVersion
		}
		return p.Replace(d, s.now())
	})
	if err != nil {
		return Product{}, err
	}
	s.window.Show(p)
	return p, nil
}

// Delete removes a product. version is the one that the caller has read; 0: any.
func (s *Service) Delete(ctx context.Context, id string, version int64) error {
	err := s.store.Delete(ctx, id, func(p Product) error {
		if version != 0 && version != p.Version {
			return ErrVersion
		}
		return nil
	})
	if err == nil {
		s.window.Hide(id)
	}
	return err
}
