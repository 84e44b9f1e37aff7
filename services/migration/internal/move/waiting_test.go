package move

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// Whoever is waited for is named as long as anybody waits, whoever else answers meanwhile.
func TestWhomItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(nil, nil, nil, nil, Config{}, slog.New(slog.DiscardHandler))
		wait := func(whom string, err error) (end func()) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _ = m.patiently(ctx, whom, func() error { return err }) }()
			time.Sleep(time.Minute)
			return func() {
				cancel()
				synctest.Wait()
			}
		}
		full := fault.New(fault.Unavailable, "store_unavailable", "Storage does not answer.")
		require.Equal(t, waits{}, m.waiting)
		first, second := wait("users", full.Because(errors.New("secret"))), wait("users", full)
		orders := wait("orders", errors.New("secret"))
		require.NoError(t, m.patiently(t.Context(), "orders", func() error { return nil }))
		whom, why := m.waiting.list()
		require.Equal(t, "orders, users", whom)
		require.Equal(t, "see the log; store_unavailable: Storage does not answer.", why)
		first()
		orders()
		whom, _ = m.waiting.list()
		require.Equal(t, "users", whom)
		second()
		m.lose(true)
		m.lose(true)
		whom, _ = m.waiting.list()
		require.Equal(t, theSource, whom)
		m.lose(false)
		require.Empty(t, m.waiting)
	})
}
