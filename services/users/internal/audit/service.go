package audit

import (
	"context"
	"time"

	"tienda/internal/page"
)

// Query says which records to list. The zero value of a field asks for nothing.
type Query struct {
	UserID   string
	Kind     Kind
	From, To time.Time // From <= At < To
	Limit    int
	Cursor   string
}

// Store keeps the trails.
type Store interface {
	// Append writes records that belong to no other change.
	Append(ctx context.Context, records ...Record) error
	// OfUser lists the trail of q.UserID, newest first, and the next cursor.
	OfUser(ctx context.Context, q Query) ([]Record, string, error)
	// All lists the records of all, newest first, and the next cursor. A page
	// may be short although more follow.
	All(ctx context.Context, q Query) ([]Record, string, error)
}

// Service is what can be done with the trail.
type Service struct {
	store    Store
	failures *Failures
}

// NewService gives the service over a store.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, failures: NewFailures(now)}
}

// Failed counts a failed sign-in to an account, "" for an unknown e-mail.
func (s *Service) Failed(ctx context.Context, userID, reason string) {
	s.failures.Add(ctx, userID, reason)
}

// Flush writes what was counted; final: the sums of this hour as well.
func (s *Service) Flush(ctx context.Context, final bool) error {
	return s.failures.Flush(ctx, final, s.store.Append)
}

// Write records an event that belongs to no change of an account.
func (s *Service) Write(ctx context.Context, userID string, e Event) error {
	return s.store.Append(ctx, Begin(ctx).Record(userID, e))
}

// List lists records, newest first: of one account or of all.
func (s *Service) List(ctx context.Context, q Query) ([]Record, string, error) {
	q.Limit = page.Limit(q.Limit)
	if q.UserID != "" {
		return s.store.OfUser(ctx, q)
	}
	return s.store.All(ctx, q)
}

// Own lists what an account's owner is shown: where somebody else has acted
// upon the account, not from where.
func (s *Service) Own(ctx context.Context, userID string, limit int, cursor string) ([]Record, string, error) {
	records, next, err := s.List(ctx, Query{UserID: userID, Limit: limit, Cursor: cursor})
	for i := range records {
		if r := &records[i]; r.ActorID != userID && r.Kind != SignInFailed {
			r.Address, r.Agent, r.Session, r.Note, r.ActorID = "", "", "", "", "staff"
		}
	}
	return records, next, err
}

// exportPages bounds an export: its pages of 100 records.
const exportPages = 5

// Export gives the newest 500 records of what the owner is shown.
func (s *Service) Export(ctx context.Context, userID string) ([]Record, error) {
	var all []Record
	cursor := ""
	for range exportPages {
		records, next, err := s.Own(ctx, userID, page.MaxLimit, cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, records...); next == "" {
			break
		}
		cursor = next
	}
	return all, nil
}
