package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/deadletter"
	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// gone is a broker that is away.
type gone struct{}

func (gone) Publish(context.Context, []byte) error { return context.DeadlineExceeded }

func TestFigures(t *testing.T) {
	db := state.OpenOutbox(statetest.NewMemory(), gone{}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- db.Start(ctx, 0) }()
	defer func() {
		stop()
		require.NoError(t, <-done)
	}()
	docs := state.Collection[string]{Prefix: "doc:"}
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		tx.Emit(docs.Key("a"), event.New("app", "happened", "a", nil))
		return docs.Put(tx, "a", "A")
	}))
	h := NewHealth()
	h.Watch(db, deadletter.New("app", db, slog.New(slog.DiscardHandler)))
	shown := func() string {
		w := httptest.NewRecorder()
		require.NoError(t, h.metrics(w, httptest.NewRequest(http.MethodGet, "/metrics", nil)))
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	require.Eventually(t, func() bool { return !strings.Contains(shown(), "tienda_outbox_publish_retries_total 0\n") }, 10*time.Second, 10*time.Millisecond)
	text := shown()
	require.Contains(t, text, "tienda_outbox_backlog 1\n")
	require.NotContains(t, text, "tienda_outbox_oldest_seconds 0\n")
	require.Contains(t, text, "tienda_outbox_published_total 0\n")
	require.Contains(t, text, "tienda_outbox_adopted_total 0\n")
	require.Contains(t, text, "tienda_state_conflicts_total 0\n")
	require.Contains(t, text, "go_goroutines")
}
