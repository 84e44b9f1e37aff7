package cache

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// A fetch outlives its client, so clients who leave must not make ever more of
// them: past a number of them a request is one of its own, which ends with its
// client.
func TestTheFetchesAreBounded(t *testing.T) {
	b := stand(DefaultSize)
	release := make(chan struct{})
	b.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
		<-release
		return answer(http.StatusOK, "late"), nil
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	for i := range mostFetches + 10 {
		r := httptest.NewRequest(http.MethodGet, "/p?q="+strconv.Itoa(i), nil).WithContext(gone)
		err := b.Forward(httptest.NewRecorder(), r, cached, caller.Caller{}, trace.Trace{})
		if i < mostFetches {
			require.ErrorIs(t, err, forward.ErrGone)
		} else {
			require.NoError(t, err, "forwarded")
		}
	}
	require.EqualValues(t, 10, b.origin.forwarded.Load())
	require.Equal(t, Stats{Misses: mostFetches, Passed: 10}, b.Stats())
	close(release)
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.asking == 0 }, 5*time.Second, time.Millisecond)
	require.Equal(t, "late", b.get(t, "/p?q=0").Body.String())
	require.EqualValues(t, 1, b.Stats().Hits)
}

// When a service has moved, nobody who asks from then on gets what was kept, or was
// being fetched; and where it comes from is part of what it is.
func TestForget(t *testing.T) {
	b := stand(DefaultSize)
	require.Equal(t, "fetched 1", b.get(t, "/p").Body.String())
	b.Forget()
	require.Zero(t, b.Stats().Bytes)
	require.Equal(t, "fetched 2", b.get(t, "/p").Body.String())
	elsewhere := *cached
	elsewhere.Upstream = &route.Upstream{Name: "old"}
	w := httptest.NewRecorder()
	require.NoError(t, b.Forward(w, httptest.NewRequest(http.MethodGet, "/p", nil), &elsewhere, caller.Caller{}, trace.Trace{}))
	require.Equal(t, "fetched 3", w.Body.String())

	began, release := make(chan struct{}, 1), make(chan struct{})
	b.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
		began <- struct{}{}
		<-release
		return answer(http.StatusOK, "old"), nil
	}
	waiting := make(chan string)
	go func() { waiting <- b.get(t, "/q").Body.String() }()
	<-began
	b.Forget()
	close(release)
	require.Equal(t, "old", <-waiting, "who asked before has what was asked for")
	b.origin.answer = nil
	require.Contains(t, b.get(t, "/q").Body.String(), "fetched")
}
