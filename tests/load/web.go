package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"tienda/tests/history"
)

// answerLimit is how long a customer waits for an answer: longer than any of the
// gateway's limits for what is asked here.
const answerLimit = 25 * time.Second

// Class is what an answer counts as.
type Class string

// The classes.
const (
	OK       Class = "ok"        // 2xx, and 304 of a page that has not changed
	Failed   Class = "5xx"       // the shop says that it is at fault
	TimedOut Class = "timeout"   // no answer within answerLimit
	Cut      Class = "no answer" // a connection that was refused or cut
	Limited  Class = "429"       // refused by a rate limit
	SoldOut  Class = "sold out"  // the stock was not enough
	Business Class = "business"  // another refusal by a rule: 409, 412, 422
	Wrong    Class = "4xx"       // a request that should not have been made: an error of this program, or of the shop
	NoCart   Class = "no cart"   // no cart was full when a checkout was due: nothing was sent
)

// classes is their order in reports.
var classes = []Class{OK, SoldOut, Business, Limited, Failed, TimedOut, Cut, Wrong, NoCart}

// web sends requests to one shop and counts them.
type web struct {
	base string
	http *http.Client

	sent, in, out atomic.Int64 // requests, bytes of bodies of answers and requests
}

func newWeb(base string) *web {
	return &web{base: base, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// answer is what came back: a status, or an error.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of a problem document
	err    error
}

// send sends a request within answerLimit; body may be nil, bytes or what becomes
// JSON. headers are pairs; those with an empty value are left out.
func (w *web) send(ctx context.Context, method, path string, body any, headers ...string) answer {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	raw, kind := []byte(nil), "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		raw, kind = b, "application/x-ndjson"
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return answer{err: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, bytes.NewReader(raw)) //nolint:gosec // the shop that the user names
	if err != nil {
		return answer{err: err}
	}
	if raw != nil {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	w.sent.Add(1)
	w.out.Add(int64(len(raw)))
	resp, err := w.http.Do(req) //nolint:gosec // the same
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, a.err = io.ReadAll(resp.Body)
	w.in.Add(int64(len(a.body)))
	if a.err == nil && a.status >= http.StatusBadRequest {
		var p struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(a.body, &p) // what is no problem document has no code
		a.code = p.Code
	}
	return a
}

// class tells the failures apart.
func (a answer) class() Class {
	var late net.Error
	switch {
	case errors.As(a.err, &late) && late.Timeout(), errors.Is(a.err, context.DeadlineExceeded):
		return TimedOut
	case a.err != nil:
		return Cut
	case a.status >= http.StatusInternalServerError:
		return Failed
	case a.status == http.StatusTooManyRequests:
		return Limited
	case a.code == history.OutOfStock:
		return SoldOut
	case a.status == http.StatusConflict, a.status == http.StatusPreconditionFailed, a.status == http.StatusUnprocessableEntity:
		return Business
	case a.status >= http.StatusBadRequest:
		return Wrong
	default:
		return OK
	}
}

// outcome is what the checker is told of the answer to a checkout.
func (a answer) outcome() history.Outcome {
	switch a.class() {
	case OK:
		if a.status == http.StatusAccepted { // it waits for the payment provider
			return history.Later
		}
		return history.Done
	case Failed, TimedOut, Cut:
		return history.Unknown
	case Limited:
		return history.Later
	default:
		if a.status == http.StatusUnauthorized || a.code == "checkout_in_progress" || a.code == "too_many_open_checkouts" {
			return history.Later
		}
		return history.Refused
	}
}

// String gives the status and the code, or the error.
func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return strconv.Itoa(a.status) + " " + a.code
}

// into reads the body of an answer. A body that cannot be read is no answer.
func (a *answer) into(v any) {
	if a.err == nil && a.status < http.StatusBadRequest {
		if err := json.Unmarshal(a.body, v); err != nil {
			a.err = errors.Join(errors.New("an answer that is none"), err)
		}
	}
}
