// Package contracttest drives a service's handler in tests and holds every
// answer to the service's contract, in both directions: no answer may differ
// from it, and no operation may go untried.
package contracttest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// Server is a service's handler under test.
type Server struct {
	Contract *contract.Contract
	handler  http.Handler
	mu       sync.Mutex
	good     map[string]bool // operations that answered 2xx or 3xx
}

// AppToken is the token that the server asks of the sidecar.
const AppToken = "test-app-token"

// New builds the handler of a service from its routes, its probes and those of
// its dead letters included.
func New(t testing.TB, name string, routes []httpapi.Route) *Server {
	t.Helper()
	c, err := contract.Load(contracts.FS, name)
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	letters := deadletter.New(name, state.Open(statetest.NewMemory(), nil, log), log)
	h, err := letters.Handler(httpapi.Options{
		Contract: c, Routes: append(app.NewHealth().Routes(), routes...), AppToken: AppToken, Log: log,
	})
	require.NoError(t, err)
	return &Server{Contract: c, handler: h, good: map[string]bool{}}
}

// Request is one call; the zero value of each field is a plain choice.
type Request struct {
	Method, Path string
	As           caller.Caller // who asks, as the gateway would pass it on
	Header       http.Header
	Body         any // string and []byte are sent as they are, else as JSON
	ContentType  string
	NoToken      bool // leave out the app token
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the answer's body.
func (a Answer) JSON(t testing.TB, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Body, into), "%s", a.Body)
}

// Problem gives the code of a problem document and its field names.
func (a Answer) Problem(t testing.TB) (code string, fields []string) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a.Body)
	var p struct {
		Code   string `json:"code"`
		Fields []struct {
			Name string `json:"name"`
		} `json:"fields"`
	}
	a.JSON(t, &p)
	for _, f := range p.Fields {
		fields = append(fields, f.Name)
	}
	return p.Code, fields
}

// Do makes the call and checks the answer against the contract.
func (s *Server) Do(t testing.TB, in Request) Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), in.Method, in.Path, body(t, in.Body))
	for k, v := range in.Header {
		r.Header[http.CanonicalHeaderKey(k)] = v
	}
	if in.Body != nil && in.ContentType == "" {
		in.ContentType = "application/json"
	}
	if in.ContentType != "" {
		r.Header.Set("Content-Type", in.ContentType)
	}
	in.As.SetHeader(r.Header)
	if in.As.Address != "" { // which the gateway alone passes on
		r.Header.Set(caller.HeaderAddress, in.As.Address)
	}
	if in.As.App != "" {
		r.Header.Set(caller.HeaderApp, in.As.App)
	}
	if !in.NoToken {
		r.Header.Set(httpapi.HeaderAppToken, AppToken)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if op := s.operation(r); op != nil {
		require.NoError(t, op.CheckResponse(w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()))
		if w.Code < 400 {
			s.mu.Lock()
			s.good[op.Method+" "+op.Path] = true
			s.mu.Unlock()
		}
	}
	return Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
}

// RequireAllTried fails unless every operation of the contract has answered a
// call of this server with success.
func (s *Server) RequireAllTried(t testing.TB) {
	t.Helper()
	var missing []string
	for _, op := range s.Contract.Operations() {
		if k := op.Method + " " + op.Path; !s.good[k] {
			missing = append(missing, k)
		}
	}
	require.Empty(t, missing, "operations that no test has seen succeed (seen: %v)", slices.Sorted(maps.Keys(s.good)))
}

// operation finds the contract's operation for a request; literal path parts
// win over parameters.
func (s *Server) operation(r *http.Request) *contract.Operation {
	return Find(s.Contract, r.Method, r.URL.Path)
}

// Find gives the operation that a method and a concrete path belong to.
func Find(c *contract.Contract, method, path string) *contract.Operation {
	var best *contract.Operation
	bestLiterals := -1
	parts := strings.Split(path, "/")
	for _, op := range c.Operations() {
		want := strings.Split(op.Path, "/")
		if op.Method != method || len(want) != len(parts) {
			continue
		}
		literals, ok := 0, true
		for i := range want {
			switch {
			case strings.HasPrefix(want[i], "{"):
			case want[i] == parts[i]:
				literals++
			default:
				ok = false
			}
		}
		if ok && literals > bestLiterals {
			best, bestLiterals = op, literals
		}
	}
	return best
}

func body(t testing.TB, v any) io.Reader {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(v)
	case []byte:
		return bytes.NewReader(v)
	default:
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return bytes.NewReader(b)
	}
}
