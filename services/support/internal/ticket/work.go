package ticket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tienda/internal/fault"
	"tienda/internal/page"
)

// escalatesATurn bounds one turn of Look.
const escalatesATurn = 100

// Work gives a page of the tickets that have not ended: the most urgent first,
// among them those that are due first. One that changed since the page before
// may come twice or be passed over.
func (s *Service) Work(ctx context.Context, w Work, cursor string, limit int) (out page.Of[Ticket], err error) {
	var after place
	if err := page.Decode(cursor, &after); err != nil {
		return out, err
	}
	board, _, err := s.store.Board(ctx)
	if err != nil {
		return out, err
	}
	entries, more := pick(board, w, after, page.Limit(limit), s.now())
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	found, err := s.store.Find(ctx, ids)
	if err != nil {
		return out, err
	}
	out.Items = []Ticket{}
	for _, id := range ids {
		// An entry that its ticket has left behind is passed over.
		if t, ok := found[id]; ok && !t.Status.Ended() {
			out.Items = append(out.Items, t)
		}
	}
	if more {
		out.NextCursor = page.Encode(entries[len(entries)-1].place())
	}
	return out, nil
}

// Queues counts what has not ended, by queue.
func (s *Service) Queues(ctx context.Context) ([]Count, error) {
	board, set, err := s.store.Board(ctx)
	return Tally(board, set, s.now()), err
}

// Settings gives the rules for tickets.
func (s *Service) Settings(ctx context.Context) (Settings, error) { return s.store.Settings(ctx) }

// SetSettings replaces the rules; a version other than 0 must be theirs. They
// hold for what begins from now on: deadlines that run stay as they are.
func (s *Service) SetSettings(ctx context.Context, set Settings, version int64) (Settings, error) {
	if err := set.Check(); err != nil {
		return Settings{}, err
	}
	return s.store.SetSettings(ctx, set, version)
}

// Look escalates the tickets that have missed a deadline, at most 100, those
// that wait longest first, and notes the counts. Any number of replicas may
// look at once: that a ticket was escalated is in the ticket.
func (s *Service) Look(ctx context.Context) error {
	board, set, err := s.store.Board(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	counts := Tally(board, set, now)
	s.counts.Store(&counts)
	late := slices.DeleteFunc(board, func(e Entry) bool { return e.EscalateAt.IsZero() || now.Before(e.EscalateAt) })
	slices.SortFunc(late, func(a, b Entry) int { return cmp.Or(a.EscalateAt.Compare(b.EscalateAt), cmp.Compare(a.ID, b.ID)) })
	var failed []error
	for _, e := range late[:min(len(late), escalatesATurn)] {
		_, err := s.store.Update(ctx, e.ID, func(t *Ticket, set Settings) error {
			t.Escalate(set, s.now())
			return nil
		})
		if err != nil && fault.KindOf(err) != fault.NotFound {
			failed = append(failed, fmt.Errorf("ticket %s: %w", e.ID, err))
		}
	}
	return errors.Join(failed...)
}

// Counts gives the counts of the last Look, nil before the first.
func (s *Service) Counts() []Count {
	if c := s.counts.Load(); c != nil {
		return *c
	}
	return nil
}
