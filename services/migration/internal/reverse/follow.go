package reverse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// Unwritten is a document that the monolith did not take.
type Unwritten struct {
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Version int64     `json:"version"` // of the news
	Reason  string    `json:"reason"`  // without values of the document
	Tries   int       `json:"tries"`
	Since   time.Time `json:"since"`
}

// List keeps what the monolith did not take, one for each document.
type List interface {
	// Add keeps one in the place of what was kept of its document, and counts its tries.
	Add(ctx context.Context, u Unwritten) error
	Drop(ctx context.Context, kind, id string) error
	All(ctx context.Context) ([]Unwritten, error)
}

// Follower hears of changes and has them written. What the monolith refuses waits in a
// list and is tried again, so that it holds up nothing else; a rollback has to find the
// list empty.
type Follower struct {
	writer *Writer
	list   List
	now    func() time.Time
	log    *slog.Logger
}

// NewFollower gives a follower over a writer.
func NewFollower(w *Writer, l List, now func() time.Time, log *slog.Logger) *Follower {
	return &Follower{writer: w, list: l, now: now, log: log}
}

// Hear has a change written. An error says that it was neither written nor kept: the news
// has to come again.
func (f *Follower) Hear(ctx context.Context, c Change) error {
	err := f.writer.Apply(ctx, c)
	if !Refused(err) {
		return err
	}
	f.log.WarnContext(ctx, "the monolith does not take a document", "kind", c.Kind, "document", c.ID, "error", err)
	return f.list.Add(ctx, Unwritten{Kind: c.Kind, ID: c.ID, Version: c.Version, Reason: err.Error(), Tries: 1, Since: f.now().UTC()})
}

// Retry tries everything again that the monolith did not take.
func (f *Follower) Retry(ctx context.Context) error {
	all, err := f.list.All(ctx)
	if err != nil {
		return fmt.Errorf("what was not written back: %w", err)
	}
	for _, u := range all {
		err := f.writer.Again(ctx, u.Kind, u.ID)
		switch {
		case Refused(err):
			u.Reason, u.Tries = err.Error(), 1
			err = f.list.Add(ctx, u)
		case err == nil:
			err = f.list.Drop(ctx, u.Kind, u.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Waiting gives what the monolith did not take.
func (f *Follower) Waiting(ctx context.Context) ([]Unwritten, error) { return f.list.All(ctx) }

// Refused says whether an error is of the document, or of what it refers to, and not of a
// database or a service that is away.
func Refused(err error) bool {
	if err == nil {
		return false
	}
	if bad := (*source.StatementError)(nil); errors.As(err, &bad) {
		return len(bad.Code) == 5 && (bad.Code[:2] == "22" || bad.Code[:2] == "23" || bad.Code[:2] == "42" || bad.Code[:2] == "P0")
	}
	missing, fields, unfit := (*MissingRowError)(nil), mapping.FieldErrors(nil), (*UnfitError)(nil)
	return errors.As(err, &missing) || errors.As(err, &fields) || errors.As(err, &unfit)
}
