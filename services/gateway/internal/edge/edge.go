// Package edge is the gateway's HTTP handler: for each request it sets the
// request ID and the security headers, answers CORS, finds the route, counts the
// request against its limits, checks the token and the access, hands over to the
// forwarder, and writes one line to the access log.
package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/client"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/limit"
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

// Observer counts what was answered.
type Observer interface {
	Begin()
	// End is told the route's pattern, or what stands for all that have none.
	End(route, method string, status int, took time.Duration)
	Limited(limit string)
}

// Options are what the edge is made of.
type Options struct {
	Table   func() *route.Table // as it is now
	Tokens  Verifier
	Limits  *limit.Limiter
	Forward Forwarder
	Origins Origins
	Proxies client.Proxies
	HTTPS   bool         // clients come by HTTPS, to what ends TLS before the gateway
	Own     http.Handler // the gateway's own routes, of the table or not, and 404
	Observe Observer
	Log     *slog.Logger
	Tracer  *trace.Tracer // nil: no spans
	Trust   bool          // a client's trace is gone on with, whether it is sampled included
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
	e.router.NotFoundHandler = http.HandlerFunc(e.own)
	return e
}

// statusGone is the status in the log for a client that did not wait.
const statusGone = 499

// exchange is one request and what the log says about it. It is the
// ResponseWriter as well, to know the status.
type exchange struct {
	http.ResponseWriter
	status  int
	bytes   int64
	trace   trace.Trace
	span    trace.Span
	client  limit.Client
	nearest limit.Verdict // of its limits
	app     string
	route   string // the pattern
}

// ServeHTTP answers a request.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{ResponseWriter: w, trace: trace.FromHeader(r.Header)}
	r = e.begin(x, r)
	x.trace = x.trace.Complete()
	x.client.Address = client.Counted(e.o.Proxies.Address(r))
	e.o.Observe.Begin()
	defer e.end(x, r, start)
	secure(w.Header(), x.trace.RequestID, e.o.HTTPS)
	hopByHop(w.Header(), r)
	if len(r.URL.RawQuery) > longestQuery {
		e.fail(x, r, errQuery)
		return
	}
	if e.o.Origins.answer(x, r, e.o.Table()) {
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
	took := time.Since(start)
	e.ended(x, r)
	e.o.Observe.End(x.pattern(r), r.Method, x.status, took)
	e.access(r, x, took)
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
	to, allowed := e.o.Table().Match(method, r.URL.Path)
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
		x.app, x.route = to.App, to.Path
		who, err := e.admit(x, r, to)
		switch {
		case err != nil:
		case to.App == route.Own:
			who.SetHeader(r.Header)
			e.o.Own.ServeHTTP(x, r)
		default:
			to.Languages.Normalise(r.Header)
			err = e.o.Forward.Forward(x, r, to, who, x.trace)
		}
		if err != nil {
			e.fail(x, r, err)
		}
	})
}

// admit says who asks, if he may.
func (e *Edge) admit(x *exchange, r *http.Request, to *route.Route) (caller.Caller, error) {
	if len(r.Header["Authorization"]) == 0 {
		if err := e.count(x, to.PolicyGuest, to.First, to.Then); err != nil {
			return caller.Caller{}, err
		}
		return caller.Caller{Address: text(x.client.Address)}, to.Access.Allow(caller.Caller{})
	}
	if err := e.count(x, to.PolicyGuest, to.First); err != nil {
		return caller.Caller{}, err
	}
	who, err := e.identify(r)
	if err != nil {
		return caller.Caller{}, err
	}
	x.client.User, who.Address = who.UserID, text(x.client.Address)
	if err := e.count(x, to.PolicyUser, to.Then); err != nil {
		return caller.Caller{}, err
	}
	return who, to.Access.Allow(who)
}

// own answers what the table has no route for.
func (e *Edge) own(w http.ResponseWriter, r *http.Request) {
	x, _ := w.(*exchange)
	if !isProbe(r) { // who watches over the gateway is not counted
		rest := e.o.Table().Rest
		if err := e.count(x, rest.PolicyGuest, rest.First); err != nil {
			e.fail(x, r, err)
			return
		}
	}
	e.o.Own.ServeHTTP(w, r)
}

var (
	errScheme = fault.New(fault.Unauthenticated, "invalid_token", "The Authorization header must be: Bearer, a space, and the access token.")
	errQuery  = fault.BadField("query", "is longer than "+strconv.Itoa(longestQuery)+" bytes")
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
		x, _ := w.(*exchange)
		rest := e.o.Table().Rest
		err := e.count(x, rest.PolicyGuest, rest.First)
		if err == nil {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			err = errMethod
		}
		e.fail(x, r, err)
	})
}

// fail answers with a problem document and logs, once, what is ours.
func (e *Edge) fail(x *exchange, r *http.Request, err error) {
	if errors.Is(err, forward.ErrGone) {
		x.WriteHeader(statusGone) // who has closed only one half must not take silence for a 200
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
	if x.span.On() {
		x.span.Say("tienda.problem", problem.From(err).Code)
	}
	problem.Write(x, err, x.trace.RequestID)
}

// access writes the line of the access log. Probes come every few seconds and
// would drown the rest. Of the client it has the user's ID, and the address only
// where somebody was refused: for tracing an abuse that is enough, and whoever
// merely shops leaves none behind.
func (e *Edge) access(r *http.Request, x *exchange, took time.Duration) {
	level := slog.LevelInfo
	if x.app == "" && (x.status < http.StatusBadRequest || isProbe(r)) {
		level = slog.LevelDebug
	}
	if !e.o.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := [9]slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes), slog.Duration("duration", took), slog.String("to", x.app),
		slog.String("user", x.client.User), slog.String("request_id", x.trace.RequestID),
		slog.String("address", text(x.client.Address)),
	}
	n := len(attrs)
	if x.status != http.StatusUnauthorized && x.status != http.StatusForbidden && x.status != http.StatusTooManyRequests {
		n--
	}
	e.o.Log.LogAttrs(r.Context(), level, "request", attrs[:n]...)
}
