package sidecar

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/problem"
)

// What nobody has begun with is made again, though a repeat of it would do harm; what may
// have been done is not.
func TestWhatWasNotDoneIsMadeAgain(t *testing.T) {
	says := func(message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: catalog, err: `+message+`"}`)
		}
	}
	for name, c := range map[string]struct {
		first http.HandlerFunc
		again bool
	}{
		"a replica that leaves": {func(w http.ResponseWriter, _ *http.Request) {
			problem.Write(w, fault.New(fault.Unavailable, "replica_leaving", "Elsewhere.").Elsewhere(), "")
		}, true},
		"its own 503": {func(w http.ResponseWriter, _ *http.Request) {
			problem.Write(w, fault.New(fault.Unavailable, "busy", "Later."), "")
		}, false},
		"a sidecar whose app is ending": {says("rpc error: code = Internal desc = app is not in a healthy state"), true},
		"an app that has ended":         {says("rpc error: code = Internal desc = dial tcp 127.0.0.1:8082: connect: connection refused"), true},
		"a connection that broke":       {says("rpc error: code = Internal desc = read tcp 127.0.0.1:8082: connection reset by peer"), false},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			s := fake(t, func(w http.ResponseWriter, r *http.Request) {
				if tries.Add(1) == 1 {
					c.first(w, r)
				}
			})
			err := s.Invoke(t.Context(), Call{App: "catalog", Method: http.MethodPost, Path: "/x"})
			if c.again {
				require.NoError(t, err)
				require.EqualValues(t, 2, tries.Load())
				return
			}
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.EqualValues(t, 1, tries.Load())
		})
	}
	require.True(t, NotDone(&net.OpError{Op: "dial", Err: errors.New("refused")}))
	require.False(t, NotDone(&net.OpError{Op: "read", Err: errors.New("reset")}))
}
