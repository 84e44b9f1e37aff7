package httpapi

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/trace"
)

// HeaderAppToken is where a sidecar proves itself to its app.
const HeaderAppToken = "Dapr-Api-Token"

// Options are what a service's router needs.
type Options struct {
	Contract *contract.Contract
	Routes   []Route
	AppToken string // what the sidecar must send; "" only where the app allows it (package app)
	Log      *slog.Logger
	Tracer   *trace.Tracer // makes a span of each request but probes; nil: none
	Observe  Observer      // nil: nobody counts
}

// Observer counts requests, probes apart.
type Observer interface {
	Begin()
	// End is told the route as the contract has it.
	End(route, method string, status int, took time.Duration)
}

// New gives the service's handler. It fails if the routes and the contract
// differ, in either direction, or in which apps may call.
func New(o Options) (http.Handler, error) {
	if err := agree(o.Contract, o.Routes); err != nil {
		return nil, err
	}
	m := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, r := range o.Routes {
		op, _ := o.Contract.Operation(r.Method, r.Path)
		m.Handle(r.Path, &endpoint{route: r, op: op, token: []byte(o.AppToken), log: o.Log, tracer: o.Tracer, name: r.Method + " " + r.Path, observe: o.Observe}).Methods(r.Method)
	}
	m.NotFoundHandler = failing(o.Log, fault.New(fault.NotFound, "no_such_route", "There is no such route."))
	m.MethodNotAllowedHandler = failing(o.Log, fault.New(fault.MethodNotAllowed, "method_not_allowed", "The route does not take this method."))
	return m, nil
}

func agree(c *contract.Contract, routes []Route) error {
	var errs []error
	seen := map[string]bool{}
	for _, r := range routes {
		if seen[r.Method+" "+r.Path] {
			errs = append(errs, fmt.Errorf("route %s %s stands twice", r.Method, r.Path))
		}
		seen[r.Method+" "+r.Path] = true
		op, ok := c.Operation(r.Method, r.Path)
		if !ok {
			errs = append(errs, fmt.Errorf("route %s %s is not in the contract", r.Method, r.Path))
			continue
		}
		if said, meant := slices.Sorted(slices.Values(op.Callers)), slices.Sorted(slices.Values(r.Who.apps)); !slices.Equal(said, meant) {
			errs = append(errs, fmt.Errorf("route %s %s is for the apps %v, x-callers of the contract names %v", r.Method, r.Path, meant, said))
		}
	}
	for _, op := range c.Operations() {
		if !seen[op.Method+" "+op.Path] {
			errs = append(errs, fmt.Errorf("operation %s %s has no route", op.Method, op.Path))
		}
	}
	return errors.Join(errs...)
}

type endpoint struct {
	route Route
	op    *contract.Operation
	token []byte
	log   *slog.Logger

	tracer  *trace.Tracer
	name    string   // of its spans
	observe Observer // nil: nobody
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := caller.FromHeader(r.Header)
	ctx, span, t := e.begin(r)
	ctx = caller.With(ctx, c)
	r = r.WithContext(ctx)
	out := &recorder{ResponseWriter: w}
	if e.observe != nil && !e.route.Who.probe {
		e.observe.Begin()
		defer func() { e.observe.End(e.route.Path, e.route.Method, out.status, time.Since(start)) }()
	}
	defer func() {
		if span.On() {
			defer e.end(span, out, c)
		}
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a panic's value, which nobody wraps
				panic(p) // the answer has begun, and its reader has to see that it is not whole
			}
			e.log.ErrorContext(ctx, "panic", "request_id", t.RequestID, "panic", p, "stack", string(debug.Stack()))
			if out.status == 0 {
				problem.Write(out, errors.New("panic"), t.RequestID)
			}
		}
		if e.log.Enabled(ctx, slog.LevelDebug) {
			e.log.DebugContext(ctx, "request", "method", r.Method, "path", r.URL.Path, "status", out.status,
				"duration", time.Since(start), "request_id", t.RequestID, "user", c.UserID, "caller", c.App)
		}
	}()
	err := e.serve(out, r, c)
	switch {
	case err == nil:
	case e.route.Who.probe: // who probes is told why, the log is not filled with it
		e.log.DebugContext(ctx, "not ready", "path", r.URL.Path, "error", err)
		problem.Write(out, err, t.RequestID)
	default:
		err = known(err)
		if span.On() {
			span.Say("tienda.problem", problem.From(err).Code)
		}
		writeError(out, err, t.RequestID, e.log, r)
	}
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request, c caller.Caller) error {
	if !e.route.Who.probe && len(e.token) > 0 &&
		subtle.ConstantTimeCompare([]byte(r.Header.Get(HeaderAppToken)), e.token) != 1 {
		return errApp
	}
	if e.route.Who.own && len(e.token) == 0 {
		return errApp
	}
	if err := e.route.Who.check(c); err != nil {
		return err
	}
	if e.op.Streams() {
		if err := e.op.Check(r, mux.Vars(r), nil); err != nil {
			return err
		}
		r.Body = http.MaxBytesReader(w, r.Body, e.op.MaxBody)
		return e.route.Handle(w, r)
	}
	body, err := readBody(r, e.op.MaxBody)
	if err != nil {
		return err
	}
	if body, err = e.op.FromForm(r, body); err != nil {
		return err
	}
	if err := e.op.Check(r, mux.Vars(r), body); err != nil {
		return err
	}
	r.Body = newBody(body)
	return e.route.Handle(w, r)
}

// maxAhead is how many bytes of a body get their memory before they have come.
const maxAhead = 32 << 10

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var b bytes.Buffer
	b.Grow(int(min(max(r.ContentLength, 0), limit, maxAhead)) + bytes.MinRead) // what is only promised takes little memory
	if _, err := b.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return nil, fault.BadField("", "the body could not be read").Because(err)
	}
	body := b.Bytes()
	if int64(len(body)) > limit {
		return nil, fault.New(fault.TooLarge, "body_too_large", fmt.Sprintf("The body may have %d bytes at most.", limit))
	}
	return body, nil
}

func failing(log *slog.Logger, err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, known(err), trace.FromHeader(r.Header).RequestID, log, r)
	})
}

// known makes of net/http's error of a body that is too large one of ours.
func known(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return fault.New(fault.TooLarge, "body_too_large", fmt.Sprintf("The body may have %d bytes at most.", big.Limit))
	}
	return err
}

// writeError answers with a problem document and logs, once, what is ours.
func writeError(w http.ResponseWriter, err error, requestID string, log *slog.Logger, r *http.Request) {
	switch fault.KindOf(err) {
	case fault.Internal:
		log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "request_id", requestID, "error", err)
	case fault.Unavailable:
		log.WarnContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "request_id", requestID, "error", err)
	default:
	}
	problem.Write(w, err, requestID)
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
