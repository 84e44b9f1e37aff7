package state

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A beat that is due at the moment of the end is not begun any more. Of two
// channels that are ready select takes any, so it is tried often.
func TestNoTurnAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, stop := context.WithCancel(t.Context())
			turns := 0
			(&outbox{}).every(ctx, "test", func(context.Context) error {
				if turns++; turns == 2 {
					time.Sleep(2 * beatEvery)
					stop()
				}
				return nil
			})
			require.Equal(t, 2, turns)
		}
	})
}
