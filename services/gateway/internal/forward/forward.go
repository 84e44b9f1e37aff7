// Package forward sends a request through the gateway's sidecar to an app, by
// app ID, and the answer back.
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
	"strings"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

// largestError bounds an answer in bytes that is read to see whose error it is.
const largestError = 64 << 10

// ErrGone says that the client went away before it had its answer.
var ErrGone = errors.New("the client is gone")

var (
	errInternal = fault.New(fault.Internal, "internal", "Something failed on our side. The request ID helps us to find it.")
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
	HTTPS     bool // clients come by HTTPS, to what ends TLS before the gateway
}

// Forwarder sends requests through one sidecar.
type Forwarder struct {
	cfg Config
}

// New gives a forwarder.
func New(cfg Config) *Forwarder { return &Forwarder{cfg: cfg} }

// Forward sends r to the route's app on behalf of who, and writes the answer
// to w. An error means that nothing was written: a *fault.Error for the
// client, or ErrGone.
func (f *Forwarder) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	body, err := readBody(r, to.MaxBody)
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
	f.answer(w, resp, t)
	return nil
}

// send makes the app's request of the client's, and gives the app's answer.
func (f *Forwarder) send(ctx context.Context, r *http.Request, body []byte, to *route.Route, who caller.Caller, t trace.Trace) (*http.Response, error) {
	header, err := f.header(r, to.App, who, t)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // contracts know no HEAD; the server leaves the body out
	}
	out := outgoing{
		method: method, url: &url.URL{Scheme: f.cfg.Base.Scheme, Host: f.cfg.Base.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery},
		header: header, body: body,
	}
	resp, err := f.reach(ctx, out, to.App)
	if err != nil && ctx.Err() != nil {
		return nil, errTimedOut.Because(err)
	}
	return resp, err
}

// outgoing is a request that can be sent several times.
type outgoing struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
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

// reach sends the request until the app has answered it.
func (f *Forwarder) reach(ctx context.Context, out outgoing, app string) (*http.Response, error) {
	safe := out.method == http.MethodGet
	var pauses sidecar.Pauses
	for {
		resp, err := f.once(ctx, out)
		if err == nil {
			return resp, nil
		}
		var e *fault.Error
		if errors.As(err, &e) || ctx.Err() != nil {
			return nil, err
		}
		if again := safe || notSent(err); !again || !pauses.Wait(ctx) {
			return nil, unavailable(app).Because(fmt.Errorf("%s not reached in %d tries: %w", app, pauses.Tries(), err))
		}
	}
}

// once sends the request. The error is a *fault.Error when another try would
// be of no use, any other when the app was not reached.
func (f *Forwarder) once(ctx context.Context, out outgoing) (*http.Response, error) {
	resp, err := f.cfg.Transport.RoundTrip(out.request(ctx))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < http.StatusBadRequest {
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
	if bytes.Contains(body, []byte(`"errorCode"`)) {
		said := fmt.Errorf("the sidecar answers %s: %.300s", resp.Status, body)
		switch {
		case sidecar.Unreached(resp.StatusCode, resp.Header.Get("Content-Type"), body):
			return nil, said
		case mediaType(resp) != problem.ContentType:
			return nil, errInternal.Because(said)
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
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

// notSent says that no connection to the sidecar was made, so that nothing can
// have been done.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func mediaType(resp *http.Response) string {
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return media
}

// readBody reads the whole body, which repeats need, and refuses early what is
// over the limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	tooLarge := fault.New(fault.TooLarge, "body_too_large", fmt.Sprintf("The body may have %d bytes at most.", limit))
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, nil
	case r.ContentLength > limit:
		return nil, tooLarge
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		if r.Context().Err() != nil {
			return nil, ErrGone
		}
		return nil, fault.BadField("", "the body could not be read").Because(err)
	}
	if int64(buf.Len()) > limit {
		return nil, tooLarge
	}
	return buf.Bytes(), nil
}
