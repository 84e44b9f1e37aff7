// Package edge is the gateway's HTTP handler: for each request it sets the
// request ID and the security headers, answers CORS, finds the route, checks
// the token and the access, hands over to the forwarder, and writes one line
// to the access log.
package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// Verifier gives the user that an access token stands for.
type Verifier interface {
	Verify(ctx context.Context, token string) (caller.Caller, error)
}

// Forwarder sends a request to the app of its route and writes the answer; an
// error means that nothing was written.
type Forwarder interface {
	Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error
}

// Options are what the edge is made of.
type Options struct {
	Table   *route.Table
	Tokens  Verifier
	Forward Forwarder
	Origins Origins
	Own     http.Handler // the gateway's own routes, of the table or not, and 404
	Log     *slog.Logger
}

// Edge is the handler.
type Edge struct {
	o      Options
	router *mux.Router
}

// New gives the handler. The table is asked before the gateway's own routes.
func New(o Options) *Edge {
	e := &Edge{o: o, router: mux.NewRouter().SkipClean(true).UseEncodedPath()}
	e.router.MatcherFunc(e.match)
	e.router.NotFoundHandler = o.Own
	return e
}

// statusGone is the status in the log for a client that did not wait.
const statusGone = 499

// exchange is one request and what the log says about it. It is the
// ResponseWriter as well, to know the status.
type exchange struct {
	http.ResponseWriter
	status int
	bytes  int64
	trace  trace.Trace
	user   string
	app    string
}

// ServeHTTP answers a request.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{ResponseWriter: w, trace: trace.FromHeader(r.Header).Complete()}
	defer e.end(x, r, start)
	secure(w.Header(), x.trace.RequestID)
	if e.o.Origins.answer(x, r, e.o.Table) {
		return
	}
	caller.Strip(r.Header) // nobody outside says who he is, to the gateway's own routes neither
	// The apps' own edge (package httpapi) takes the request ID from here, as
	// the gateway's own routes do.
	x.trace.SetHeader(r.Header)
	e.router.ServeHTTP(x, r)
}

// end is deferred: it turns a panic into a 500 and writes the access log.
func (e *Edge) end(x *exchange, r *http.Request, start time.Time) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value that net/http compares with
		e.o.Log.ErrorContext(r.Context(), "panic", "request_id", x.trace.RequestID, "panic", p, "stack", string(debug.Stack()))
		if x.status == 0 {
			problem.Write(x, errors.New("panic"), x.trace.RequestID)
		}
		p = nil
	}
	e.access(r, x, time.Since(start))
	if p != nil {
		panic(p)
	}
}

// match finds the route of the table for the router; what is not in the table
// is left to the gateway's own routes.
func (e *Edge) match(r *http.Request, m *mux.RouteMatch) bool {
	if r.URL.RawPath != "" { // an encoding that hides something
		return false
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	to, allowed := e.o.Table.Match(method, r.URL.Path)
	switch {
	case to != nil:
		m.Handler = e.to(to)
	case len(allowed) > 0:
		m.Handler = e.notAllowed(allowed)
	default:
		return false
	}
	return true
}

func (e *Edge) to(to *route.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, _ := w.(*exchange)
		x.app = to.App
		who, err := e.identify(r)
		if err == nil {
			x.user = who.UserID
			err = to.Access.Allow(who)
		}
		switch {
		case err != nil:
		case to.App == route.Own:
			who.SetHeader(r.Header)
			e.o.Own.ServeHTTP(x, r)
		default:
			err = e.o.Forward.Forward(x, r, to, who, x.trace)
		}
		if err != nil {
			e.fail(x, r, err)
		}
	})
}

var (
	errScheme = fault.New(fault.Unauthenticated, "invalid_token", "The Authorization header must be: Bearer, a space, and the access token.")
	errMethod = fault.New(fault.MethodNotAllowed, "method_not_allowed", "The route does not take this method.")
)

// identify gives who asks: nobody without a token. A token that is there must
// hold, on public routes as well: else an expired one would silently turn a
// user into a guest.
func (e *Edge) identify(r *http.Request) (caller.Caller, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return caller.Caller{}, nil
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return caller.Caller{}, errScheme
	}
	return e.o.Tokens.Verify(r.Context(), token)
}

func (e *Edge) notAllowed(methods []string) http.Handler {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		x, _ := w.(*exchange)
		e.fail(x, r, errMethod)
	})
}

// fail answers with a problem document and logs, once, what is ours.
func (e *Edge) fail(x *exchange, r *http.Request, err error) {
	if errors.Is(err, forward.ErrGone) {
		x.status = statusGone
		return
	}
	level := slog.LevelDebug
	switch fault.KindOf(err) {
	case fault.Internal:
		level = slog.LevelError
	case fault.Unavailable, fault.TimedOut:
		level = slog.LevelWarn
	default:
	}
	e.o.Log.LogAttrs(r.Context(), level, "request failed", slog.String("request_id", x.trace.RequestID),
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	problem.Write(x, err, x.trace.RequestID)
}

// access writes the line of the access log. Probes come every few seconds and
// would drown the rest.
func (e *Edge) access(r *http.Request, x *exchange, took time.Duration) {
	level := slog.LevelInfo
	if x.app == "" && (x.status < http.StatusBadRequest || r.URL.Path == "/healthz" || r.URL.Path == "/readyz") {
		level = slog.LevelDebug
	}
	if !e.o.Log.Enabled(r.Context(), level) {
		return
	}
	e.o.Log.LogAttrs(r.Context(), level, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes), slog.Duration("duration", took), slog.String("to", x.app),
		slog.String("user", x.user), slog.String("request_id", x.trace.RequestID))
}
