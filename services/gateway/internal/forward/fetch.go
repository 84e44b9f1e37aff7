package forward

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"tienda/internal/caller"
	"tienda/internal/problem"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

// Answer is an app's answer, read whole.
type Answer struct {
	Status int
	Header http.Header // what passes to clients
	Body   []byte
}

// ErrLarge says that the body of an answer is over the limit.
var ErrLarge = errors.New("the answer is over the limit")

// Fetch gets what the route's app shows to nobody in particular at the path and
// query of u, in a language (Accept-Language; "": none is asked for). No header of
// a client is sent along, so the answer depends on nothing else. The error is a *fault.Error for the client, or ErrLarge where
// the body has more than limit bytes.
func (f *Forwarder) Fetch(ctx context.Context, to *route.Route, u *url.URL, language string, t trace.Trace, limit int64) (*Answer, error) {
	r := &http.Request{Method: http.MethodGet, URL: u}
	if language != "" {
		r.Header = http.Header{"Accept-Language": {language}}
	}
	return f.Read(ctx, r, to, caller.Caller{}, t, limit)
}

// Read gets what the route's app answers to r, a request without a body, on behalf of
// who. The context of r is not asked; the error is that of Fetch.
func (f *Forwarder) Read(ctx context.Context, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace, limit int64) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, to.Timeout)
	defer cancel()
	resp, err := f.send(ctx, r, nil, to, who, t)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest && mediaType(resp) == problem.ContentType {
		named(resp, t.RequestID)
	}
	a := &Answer{Status: resp.StatusCode, Header: make(http.Header, len(resp.Header))}
	pass(a.Header, resp.Header)
	relative(a.Header, to.Upstream)
	if resp.ContentLength > limit {
		return nil, ErrLarge
	}
	if resp.ContentLength >= 0 {
		a.Body = make([]byte, resp.ContentLength)
		_, err = io.ReadFull(resp.Body, a.Body)
	} else {
		a.Body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errTimedOut.Because(err)
	case err != nil:
		return nil, unavailable(to.App).Because(err)
	case int64(len(a.Body)) > limit:
		return nil, ErrLarge
	}
	return a, nil
}
