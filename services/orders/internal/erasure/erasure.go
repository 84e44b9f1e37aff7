// Package erasure forgets who is behind carts and orders of accounts that were
// deleted. What is to be done is noted when it is heard of, and done in the
// background by any replica, as often as it takes.
package erasure

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Job is an account that was deleted at a time.
type Job struct {
	UserID string
	At     time.Time
}

// again is when an account is looked at once more: by then its last access
// token has expired, so that nothing new can come.
const again = 15 * time.Minute

// Store keeps the jobs and does them.
type Store interface {
	// Note notes a job; one that is noted stays as it is.
	Note(ctx context.Context, j Job) error
	// Noted gives some of the jobs.
	Noted(ctx context.Context) ([]Job, error)
	// Done drops a job.
	Done(ctx context.Context, j Job) error
	// Erase forgets who is behind the cart and the orders of a user.
	Erase(ctx context.Context, userID string) error
}

// Service does the jobs.
type Service struct {
	store Store
	now   func() time.Time

	mu   sync.Mutex
	once map[Job]bool // done by this replica, and to be done again
}

// NewService gives the service over its store.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now, once: map[Job]bool{}}
}

// Deleted notes that an account was deleted.
func (s *Service) Deleted(ctx context.Context, userID string, at time.Time) error {
	return s.store.Note(ctx, Job{UserID: userID, At: at.UTC().Truncate(time.Second)})
}

// Run does what is noted: one state call if there is nothing.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs, err := s.store.Noted(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, j := range jobs {
		errs = append(errs, s.do(ctx, j))
	}
	return errors.Join(errs...)
}

func (s *Service) do(ctx context.Context, j Job) error {
	last := s.now().Sub(j.At) >= again
	if s.once[j] && !last {
		return nil
	}
	if err := s.store.Erase(ctx, j.UserID); err != nil {
		return err
	}
	if !last {
		s.once[j] = true
		return nil
	}
	delete(s.once, j)
	return s.store.Done(ctx, j)
}
