package canned

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tienda/internal/page"
)

// Store keeps canned replies. What is not there is ErrMissing. A version other
// than 0 must be the reply's.
type Store interface {
	Create(ctx context.Context, r Reply) (Reply, error)
	Get(ctx context.Context, id string) (Reply, error)
	Replace(ctx context.Context, id string, version int64, change func(*Reply)) (Reply, error)
	Delete(ctx context.Context, id string, version int64) error
	// List gives replies, newest first.
	List(ctx context.Context, cursor string, limit int) (page.Of[Reply], error)
}

// Service is what can be done with canned replies.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over its store.
func NewService(store Store) *Service {
	return &Service{store: store, now: func() time.Time { return time.Now().UTC() }}
}

// Create makes a reply of its name, language and texts.
func (s *Service) Create(ctx context.Context, r Reply) (Reply, error) {
	if err := r.Check(); err != nil {
		return Reply{}, err
	}
	r.ID, r.CreatedAt = uuid.Must(uuid.NewV7()).String(), s.now()
	r.UpdatedAt = r.CreatedAt
	return s.store.Create(ctx, r)
}

// Get gives a reply.
func (s *Service) Get(ctx context.Context, id string) (Reply, error) { return s.store.Get(ctx, id) }

// List gives replies, newest first.
func (s *Service) List(ctx context.Context, cursor string, limit int) (page.Of[Reply], error) {
	return s.store.List(ctx, cursor, limit)
}

// Replace gives a reply another name, language and texts.
func (s *Service) Replace(ctx context.Context, id string, version int64, to Reply) (Reply, error) {
	if err := to.Check(); err != nil {
		return Reply{}, err
	}
	return s.store.Replace(ctx, id, version, func(r *Reply) {
		r.Name, r.Language, r.Texts, r.UpdatedAt = to.Name, to.Language, to.Texts, s.now()
	})
}

// Delete takes a reply away. Messages that were written with it stay.
func (s *Service) Delete(ctx context.Context, id string, version int64) error {
	return s.store.Delete(ctx, id, version)
}
