package sidecar

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// An app that is not there is left alone for a moment, and no other app with
// it; once it is back, calls go through again.
func TestBreaker(t *testing.T) {
	var asked atomic.Int32
	var back atomic.Bool
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Dapr-App-Id") == "support" {
			return
		}
		asked.Add(1)
		if !back.Load() {
			away(w)
		}
	})
	call := func(app string) error {
		return s.Invoke(t.Context(), Call{App: app, Method: http.MethodPost, Path: "/x"}) // one try each
	}
	for range breakAfter {
		require.ErrorIs(t, call("catalog"), ErrUnreached)
	}
	for range 10 {
		err := call("catalog")
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
	}
	require.EqualValues(t, breakAfter, asked.Load(), "the others were not tried")
	require.NoError(t, call("support"))
	back.Store(true)
	require.Eventually(t, func() bool { return call("catalog") == nil }, 5*breakTime, 20*time.Millisecond)
	for range 2 * probes {
		require.NoError(t, call("catalog"))
	}
}

// What an app refuses, and a caller who goes away, do not break anything.
func TestOnlyAnAppThatIsAwayBreaks(t *testing.T) {
	var hang atomic.Bool
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if hang.Load() {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":503,"code":"busy"}`))
	})
	call := func(ctx context.Context) error {
		return s.Invoke(ctx, Call{App: "catalog", Method: http.MethodPost, Path: "/x"})
	}
	for range 2 * breakAfter {
		require.Equal(t, "busy", fault.CodeOf(call(t.Context())))
	}
	hang.Store(true)
	for range 2 * breakAfter {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		require.ErrorIs(t, call(ctx), context.Canceled)
	}
	hang.Store(false)
	require.Equal(t, "busy", fault.CodeOf(call(t.Context())))
}
