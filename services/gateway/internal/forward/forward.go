// Package forward sends a request through the gateway's sidecar to an app, by
// app ID, or to a server that stands in for the app, and the answer back.
//
// Only headers that are listed pass, in either direction: what an app or a
// sidecar says to another is nobody else's business, and nobody outside may
// speak for them.
package forward

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

// A body has bodyGrace, and then as long as a client takes who sends
// slowestBody bytes a second.
const (
	bodyGrace   = 5 * time.Second
	slowestBody = 10 << 10
)

// firstBuffer is what a body gets before any of it has come, in bytes: a length
// that is only announced must not cost memory.
const firstBuffer = 4 << 10

// largestError bounds an answer in bytes that is read to see whose error it is.
const largestError = 64 << 10

// ErrGone says that the client went away before it had its answer.
var ErrGone = errors.New("the client is gone")

var (
	errInternal = fault.New(fault.Internal, "internal", "Something failed on our side. The request ID helps us to find it.")
	errSlow     = fault.BadField("", "the body came too slowly")
	errTimedOut = fault.New(fault.TimedOut, "timed_out", "The answer took too long. Look whether your request was carried out before you send it again.")
)

func unavailable(app string) *fault.Error {
	return fault.New(fault.Unavailable, app+"_unavailable", "A part of the shop that this needs does not answer. Try again.")
}

// Config says where the sidecar is.
type Config struct {
	Base      *url.URL // of the sidecar's HTTP API
	APIToken  string   // "": the sidecar asks for none
	Transport http.RoundTripper
	Upstreams http.RoundTripper // to servers that are no apps
	HTTPS     bool              // clients come by HTTPS, to what ends TLS before the gateway
}

// Forwarder sends requests through one sidecar.
type Forwarder struct {
	cfg      Config
	breakers sidecar.Breakers
}

// Breakers says how the breaker of each app stands, by app ID (sidecar.Breakers).
func (f *Forwarder) Breakers() map[string]float64 { return f.breakers.States() }

// New gives a forwarder.
func New(cfg Config) *Forwarder { return &Forwarder{cfg: cfg} }

// UpstreamTransport is the pooled transport to servers that are no apps.
func UpstreamTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns:        512, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second,
		DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
}

// Forward sends r to the route's app on behalf of who, and writes the answer
// to w. An error means that nothing was written: a *fault.Error for the
// client, or ErrGone.
func (f *Forwarder) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	body, err := readBody(w, r, to.MaxBody)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), to.Timeout)
	defer cancel()
	resp, err := f.send(ctx, r, body, to, who, t)
	if err != nil {
		if r.Context().Err() != nil {
			return ErrGone
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	f.answer(w, resp, to, t)
	return nil
}

// send makes the app's request of the client's, and gives the app's answer.
func (f *Forwarder) send(ctx context.Context, r *http.Request, body []byte, to *route.Route, who caller.Caller, t trace.Trace) (resp *http.Response, err error) {
	ctx, span := trace.Start(ctx, trace.Client, r.Method, to.App)
	if span.On() {
		t = trace.From(ctx)
		span.Request(r.Method, to.Path, r.URL.Path)
		defer func() { sent(span, resp, err) }()
	}
	header, err := f.header(r, to, who, t)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // contracts know no HEAD; the server leaves the body out
	}
	out := outgoing{
		method: method, url: &url.URL{Scheme: f.cfg.Base.Scheme, Host: f.cfg.Base.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery},
		header: header, body: body, to: to,
	}
	if up := to.Upstream; up != nil {
		out.url.Scheme, out.url.Host, out.url.Path = up.Base.Scheme, up.Base.Host, up.Base.Path+r.URL.Path
	}
	resp, err = f.reach(ctx, out)
	if err != nil && ctx.Err() != nil {
		return nil, errTimedOut.Because(err)
	}
	return resp, err
}

// sent ends the span of a call, with its answer's head.
func sent(span trace.Span, resp *http.Response, err error) {
	if resp != nil {
		span.Answered(resp.StatusCode, false)
	}
	span.EndWith(err)
}

// outgoing is a request that can be sent several times.
type outgoing struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	to     *route.Route
}

// target is who the breaker is for.
func (o outgoing) target() string {
	if o.to.Upstream != nil {
		return "upstream " + o.to.Upstream.Name
	}
	return o.to.App
}

func (o outgoing) request(ctx context.Context) *http.Request {
	r := &http.Request{
		Method: o.method, URL: o.url, Host: o.url.Host, Header: o.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(o.body) > 0 {
		r.ContentLength = int64(len(o.body))
		// With GetBody the transport itself moves on from a connection that
		// the sidecar closed before anything was written.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
		r.Body, _ = r.GetBody()
	}
	return r.WithContext(ctx)
}

// reach sends the request until the app has answered it. While the last calls
// to the app did not reach it, others are not tried for a moment.
func (f *Forwarder) reach(ctx context.Context, out outgoing) (resp *http.Response, err error) {
	if out.method == http.MethodGet {
		err = f.breakers.Do(out.target(), func() error {
			resp, err = f.tries(ctx, out) //nolint:bodyclose // it is given to the caller
			return err
		})
	} else if err = sidecar.ErrOpen; !f.breakers.Open(out.target()) {
		resp, err = f.tries(ctx, out)
	}
	var e *fault.Error
	if err == nil || errors.As(err, &e) {
		return resp, err
	}
	return nil, unavailable(out.to.App).Because(fmt.Errorf("%s: %w", out.target(), err))
}

func (f *Forwarder) tries(ctx context.Context, out outgoing) (*http.Response, error) {
	safe := out.method == http.MethodGet
	var pauses sidecar.Pauses
	for {
		resp, err := f.once(ctx, out)
		if err == nil {
			return resp, nil
		}
		var e *fault.Error
		if errors.As(err, &e) {
			return nil, err
		}
		if ctx.Err() != nil {
			// The time is over. Only a try before this one can tell that the app is away.
			if pauses.Tries() > 1 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				err = errors.Join(sidecar.ErrUnreached, err)
			}
			return nil, err
		}
		if again := safe || sidecar.NotDone(err); !again || !pauses.Wait(ctx) {
			err = fmt.Errorf("not reached in %d tries: %w", pauses.Tries(), err)
			if !errors.Is(ctx.Err(), context.Canceled) { // a client who went away says nothing of the app
				err = errors.Join(sidecar.ErrUnreached, err)
			}
			return nil, err
		}
	}
}

// once sends the request. The error is a *fault.Error when another try would
// be of no use, any other when the app was not reached.
func (f *Forwarder) once(ctx context.Context, out outgoing) (*http.Response, error) {
	through := f.cfg.Transport
	if out.to.Upstream != nil {
		through = f.cfg.Upstreams
	}
	resp, err := through.RoundTrip(out.request(ctx))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode < http.StatusBadRequest && out.to.Upstream != nil:
		return resp, nil
	case resp.StatusCode < http.StatusBadRequest:
		return notEmpty(resp)
	}
	// An error is the app's own, or the sidecar's. It is small, and read whole
	// to tell them apart.
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestError+1))
	_ = resp.Body.Close()
	switch {
	case err != nil:
		return nil, err
	case len(body) > largestError:
		return nil, errInternal.Because(fmt.Errorf("%s with a body over %d bytes", resp.Status, largestError))
	}
	if err := f.theirs(resp, body, out.to); err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// theirs gives nil for an error that is the app's own word to the client. What
// a sidecar says is for us; so is a failure that is no problem document: it may
// show how the server is made.
func (f *Forwarder) theirs(resp *http.Response, body []byte, to *route.Route) error {
	said := fmt.Errorf("the answer is %s: %.300s", resp.Status, body)
	isProblem := mediaType(resp) == problem.ContentType
	switch {
	case to.Upstream == nil && sidecar.Unreached(resp, body):
		return sidecar.Said(resp, body)
	case isProblem:
		return nil
	case to.Upstream == nil && bytes.Contains(body, []byte(`"errorCode"`)):
		return errInternal.Because(said)
	case resp.StatusCode == http.StatusServiceUnavailable:
		return unavailable(to.App).Because(said)
	case resp.StatusCode >= http.StatusInternalServerError:
		return errInternal.Because(said)
	}
	return nil
}

var errEmpty = errors.New("the sidecar answers 200 with nothing in it: the app has died")

// notEmpty refuses a success without a body, which a sidecar makes up when the
// app dies while it answers. Every 200 and 201 of a contract has a body.
func notEmpty(resp *http.Response) (*http.Response, error) {
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return resp, nil
	}
	body := bufio.NewReader(resp.Body)
	if _, err := body.Peek(1); err != nil {
		_ = resp.Body.Close()
		if errors.Is(err, io.EOF) {
			err = errEmpty
		}
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{body, resp.Body}
	return resp, nil
}

func mediaType(resp *http.Response) string {
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return media
}

// whole is a body that was read already.
type whole struct {
	io.Reader
	body []byte
}

// Close does nothing.
func (*whole) Close() error { return nil }

// ReadBody reads the body of r whole, of limit bytes at most, and leaves it in r for
// Forward. The error is one of Forward's.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) (size int, err error) {
	body, err := readBody(w, r, limit)
	if err != nil {
		return 0, err
	}
	r.Body = &whole{bytes.NewReader(body), body}
	return len(body), nil
}

// readBody reads the whole body, which repeats need, and refuses early what is
// over the limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := fault.New(fault.TooLarge, "body_too_large", fmt.Sprintf("The body may have %d bytes at most.", limit))
	if read, ok := r.Body.(*whole); ok {
		return read.body, nil
	}
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, nil
	case r.ContentLength > limit:
		return nil, tooLarge
	}
	var buf bytes.Buffer
	size := limit
	if r.ContentLength > 0 {
		size = r.ContentLength
		buf.Grow(int(min(size, firstBuffer)) + bytes.MinRead) // the rest when it comes
	}
	// Who sends slower than this holds a connection for nothing. The deadline
	// must not outlast the body: the server would take its passing for the
	// client going away.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyGrace + time.Duration(size)*time.Second/slowestBody)) // no connection in some tests
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) { // first: it ends the context, too
			return nil, errSlow
		}
		if r.Context().Err() != nil {
			return nil, ErrGone
		}
		return nil, fault.BadField("", "the body could not be read").Because(err)
	}
	if int64(buf.Len()) > limit {
		return nil, tooLarge
	}
	_ = connection.SetReadDeadline(time.Time{})
	return buf.Bytes(), nil
}
