package sidecar

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
)

// fake plays the sidecar.
func fake(t *testing.T, h http.HandlerFunc) *Sidecar {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	s, err := Connect(Config{HTTPPort: port, GRPCPort: 1, APIToken: "secret"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func away(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, `{"errorCode":"ERR_DIRECT_INVOKE","message":"connection refused"}`)
}

func TestWhatACallCarries(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		require.JSONEq(t, `{"sku":"A"}`, string(body))
		require.Equal(t, "POST /internal/v1/reservations?x=1", r.Method+" "+r.RequestURI)
		for name, want := range map[string]string{
			"Dapr-App-Id": "catalog", "Dapr-Api-Token": "secret", "Content-Type": "application/json", "Tienda-User": "u1", "X-Request-Id": "request-1", "X-Own": "a",
		} {
			require.Equal(t, want, r.Header.Get(name))
		}
		_, _ = io.WriteString(w, `{"id":"7"}`)
	})
	ctx := caller.With(trace.With(t.Context(), trace.Trace{RequestID: "request-1"}), caller.Caller{UserID: "u1"})
	var out struct{ ID string }
	require.NoError(t, s.Invoke(ctx, Call{
		App: "catalog", Method: http.MethodPost, Path: "/internal/v1/reservations?x=1", In: map[string]string{"sku": "A"}, Out: &out, Header: http.Header{"X-Own": {"a"}},
	}))
	require.Equal(t, "7", out.ID)
}

// TestAReplicaThatIsAway: half of the tries, and by bad luck many in a row,
// meet the killed replica.
func TestAReplicaThatIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		call      Call
		fails     int32
		wantTries int32
		want      bool
	}{
		"a read":                       {Call{Method: http.MethodGet}, 9, 10, true},
		"a write that may be repeated": {Call{Method: http.MethodPost, Idempotent: true}, 9, 10, true},
		"a write that may not":         {Call{Method: http.MethodPost}, 1, 1, false},
		"no replica at all":            {Call{Method: http.MethodGet}, 1000, maxTries, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) <= c.fails {
					away(w)
				}
			})
			c.call.App, c.call.Path = "catalog", "/x"
			err := s.Invoke(t.Context(), c.call)
			require.Equal(t, c.wantTries, tries.Load())
			if c.want {
				require.NoError(t, err)
				return
			}
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
		})
	}
}

// An answer that is too large is said to be, and not taken for a broken one.
func TestAnAnswerThatIsTooLarge(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a":"`+strings.Repeat("x", maxAnswer)+`"}`)
	})
	var out struct{ A string }
	err := s.Invoke(t.Context(), Call{App: "catalog", Method: http.MethodGet, Path: "/x", Out: &out})
	require.ErrorContains(t, err, "more than 8388608 bytes")
}

func TestTheTriesEndWithTheContext(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, _ *http.Request) { away(w) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Invoke(ctx, Call{App: "catalog", Method: http.MethodGet, Path: "/x"})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAnswersOfTheApp(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		media, body string
		kind        fault.Kind
		code        string
	}{
		"a problem":         {409, "application/problem+json", `{"status":409,"code":"out_of_stock"}`, fault.Conflict, "out_of_stock"},
		"its own 503":       {503, "application/problem+json", `{"status":503,"code":"busy","errorCode":"x"}`, fault.Unavailable, "busy"},
		"something else":    {404, "text/plain", "no", fault.Internal, ""},
		"no JSON as answer": {200, "text/plain", "no", fault.Internal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Content-Type", c.media)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			var out struct{}
			err := s.Invoke(t.Context(), Call{App: "catalog", Method: http.MethodGet, Path: "/x", Out: &out})
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			if c.code != "" {
				require.Equal(t, c.code, fault.CodeOf(err))
			}
			require.EqualValues(t, 1, tries.Load(), "the app was reached")
		})
	}
}
