package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/handover"
	"tienda/services/migration/internal/progress"
)

// Cut-overs are refused that could not be gone back on.
var (
	errNotFollowing = fault.New(fault.Conflict, "not_following", "The move does not follow the monolith yet. Start it, and wait until it does.")
	errNoWayBack    = fault.New(fault.Conflict, "no_way_back", "The mapping does not say how all documents of this service are written back to the monolith.")
	errNoWriter     = fault.New(fault.Conflict, "no_writer", "The secret monolith-write-dsn is empty: nothing could be written back to the monolith.")
	errWriterAway   = fault.New(fault.Unavailable, "writer_away", "The monolith cannot be written back to. See the preflight.")
	errSilent       = fault.New(fault.Conflict, "no_announcements", "An app of this service announces no changes: it runs without TIENDA_REVERSE=1.")
)

// machine is a cutover.Machine that refuses what could not be gone back on.
type machine struct {
	*cutover.Machine
	between *between
}

// Do implements api.Cutover. What the stage forbids is said first: waiting would not help.
func (m machine) Do(ctx context.Context, service, what string) error {
	if err := m.May(service, what); err != nil {
		return err
	}
	kinds := kindsOf(service)
	if kinds != nil && (what == "begin" || what == "rollback") {
		if err := m.between.able(ctx, kinds); err != nil {
			return err
		}
	}
	return m.Machine.Do(ctx, service, what)
}

func (b *between) able(ctx context.Context, kinds []string) error {
	s, err := b.Mover.Status(ctx)
	switch {
	case err != nil:
		return err
	case s.Phase != progress.Following:
		return errNotFollowing
	}
	for _, k := range b.rules.Mapping.Kinds() {
		if slices.Contains(kinds, k.Kind) && k.Reverse() == nil {
			return errNoWayBack
		}
	}
	switch store, err := b.writing.get(ctx); {
	case fault.CodeOf(err) == "no_source":
		return errNoWriter
	case err != nil:
		return errWriterAway.Because(err)
	default:
		if err := store.Check(ctx); err != nil {
			return errWriterAway.Because(err)
		}
	}
	for _, app := range appsOf(kinds) {
		switch err := b.feed.Check(ctx, app); {
		case errors.Is(err, handover.ErrSilent):
			return errSilent
		case err != nil:
			return fault.New(fault.Unavailable, "owner_away", "An app of this service does not answer. Try again.").Because(err)
		}
	}
	return nil
}

// work runs the machine once the mover has read what it had come to.
func (m machine) work(ctx context.Context) error {
	for {
		if s, err := m.between.Mover.Status(ctx); err == nil && s.Phase != "" {
			return m.Work(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}
