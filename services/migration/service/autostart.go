package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tienda/internal/app"
	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
)

// autostart gives the Part that starts the move once after the app's start, and tries
// again while a part that is needed does not answer. What somebody has stopped, or what
// has failed, is left to people, and so is a start that is refused.
func autostart(c progress.Control, every time.Duration, log *slog.Logger) app.Part {
	return func(ctx context.Context) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			err := begin(ctx, c)
			switch {
			case err == nil || ctx.Err() != nil:
				return nil
			case fault.KindOf(err) == fault.Conflict:
				log.WarnContext(ctx, "the move is not started by itself", "error", err)
				return nil
			}
			log.WarnContext(ctx, "the move cannot start, will be tried again", "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}

func begin(ctx context.Context, c progress.Control) error {
	s, err := c.Status(ctx)
	switch {
	case err != nil:
		return err
	case s.Phase == "":
		return errors.New("the migration has not read its own state yet")
	case s.Phase == progress.Stopped || s.Phase == progress.Failed:
		return nil
	}
	return c.Start(ctx)
}
