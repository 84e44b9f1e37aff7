package app

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A turn that is due at the moment of the end is not begun any more. Of two
// channels that are ready select takes any, so it is tried often.
func TestNoTurnAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, stop := context.WithCancel(t.Context())
			turns := 0
			part := Every(time.Second, slog.New(slog.DiscardHandler), "test", func(context.Context) error {
				turns++
				time.Sleep(2 * time.Second)
				stop()
				return nil
			})
			require.NoError(t, part(ctx))
			require.Equal(t, 1, turns)
		}
	})
}
