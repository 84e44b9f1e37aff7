package collection

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// freshFor is how long what was read is shown: a change is seen everywhere within it.
const freshFor = time.Second

// Store keeps all collections, in one document.
type Store interface {
	Collections(ctx context.Context) (Collections, error)
	UpdateCollections(ctx context.Context, change func(*Collections) error) error
}

// seen is what was read, and when.
type seen struct {
	all Collections
	at  time.Time
}

// Service is what is shown of collections, and what staff do with them.
type Service struct {
	store Store
	now   func() time.Time

	last atomic.Pointer[seen]
	mu   sync.Mutex // held by who reads or writes the store
}

// NewService gives the service over its store.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// All gives all collections in their order, not to be changed: no state call, or 1 get
// once a second. While that is under way or fails, what was read before is given.
func (s *Service) All(ctx context.Context) (*Collections, error) {
	last := s.last.Load()
	switch {
	case last == nil:
		s.mu.Lock()
	case s.now().Sub(last.at) < freshFor || !s.mu.TryLock():
		return &last.all, nil
	}
	defer s.mu.Unlock()
	if last = s.last.Load(); last != nil && s.now().Sub(last.at) < freshFor {
		return &last.all, nil
	}
	at := s.now()
	all, err := s.store.Collections(ctx)
	switch {
	case err == nil:
		s.last.Store(&seen{all, at})
		return &all, nil
	case last != nil:
		return &last.all, nil
	}
	return nil, err
}

// Create adds a collection.
func (s *Service) Create(ctx context.Context, c Collection) (added Collection, err error) {
	return added, s.change(ctx, func(all *Collections) (err error) {
		added, err = all.Add(c)
		return err
	})
}

// Change states a collection anew.
func (s *Service) Change(ctx context.Context, c Collection, version int64) (changed Collection, err error) {
	return changed, s.change(ctx, func(all *Collections) (err error) {
		changed, err = all.Change(c, version)
		return err
	})
}

// Delete removes a collection.
func (s *Service) Delete(ctx context.Context, slug string, version int64) error {
	return s.change(ctx, func(all *Collections) error { return all.Remove(slug, version) })
}

// change writes, and shows at once in this replica what it wrote.
func (s *Service) change(ctx context.Context, change func(*Collections) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var after Collections
	at := s.now()
	err := s.store.UpdateCollections(ctx, func(all *Collections) error {
		if err := change(all); err != nil {
			return err
		}
		after = Collections{All: slices.Clone(all.All), Last: all.Last}
		return nil
	})
	if err == nil {
		s.last.Store(&seen{after, at})
	}
	return err
}
