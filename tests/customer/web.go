// Package customer is what programs have that play the customers and the staff of a shop: how
// they ask, what they make of an answer, and what they read of an order.
package customer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"tienda/tests/history"
)

// Web sends requests to one address and counts them.
type Web struct {
	Base  string
	HTTP  *http.Client
	Limit time.Duration // how long an answer is waited for; 0: as long as the context is good

	Sent, In, Out atomic.Int64 // requests, bytes of bodies of answers and requests
}

// Answer is what came back: a status, or an error.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Code   string // of a problem document
	Err    error
}

// Send sends a request; body may be nil, lines of JSON as bytes, or what becomes JSON.
// headers are pairs; those with an empty value are left out.
func (w *Web) Send(ctx context.Context, method, path string, body any, headers ...string) Answer {
	if w.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Limit)
		defer cancel()
	}
	raw, kind := []byte(nil), "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		raw, kind = b, "application/x-ndjson"
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return Answer{Err: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, w.Base+path, bytes.NewReader(raw))
	if err != nil {
		return Answer{Err: err}
	}
	if raw != nil {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	w.Sent.Add(1)
	w.Out.Add(int64(len(raw)))
	resp, err := w.HTTP.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, a.Err = io.ReadAll(resp.Body)
	w.In.Add(int64(len(a.Body)))
	if a.Err == nil && a.Status >= http.StatusBadRequest {
		var p struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(a.Body, &p) // what is no problem document has no code
		a.Code = p.Code
	}
	return a
}

// Outcome is what a good client makes of the answer, and the checker is told.
func (a Answer) Outcome() history.Outcome {
	switch {
	case a.Err != nil || a.Status >= http.StatusInternalServerError:
		return history.Unknown
	case a.Status == http.StatusAccepted: // a checkout that waits for the payment provider
		return history.Later
	case a.Status < http.StatusBadRequest:
		return history.Done
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusUnauthorized, // its token has expired
		a.Code == "checkout_in_progress", a.Code == "too_many_open_checkouts":
		return history.Later
	default:
		return history.Refused
	}
}

// String gives the status and the code, or the error.
func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return strconv.Itoa(a.Status) + " " + a.Code
}

// Into reads the body of an answer. A body that cannot be read is no answer.
func (a *Answer) Into(v any) {
	if a.Err == nil && a.Status < http.StatusBadRequest {
		if err := json.Unmarshal(a.Body, v); err != nil {
			a.Err = errors.Join(errors.New("an answer that is none"), err)
		}
	}
}

// Got gives a header of the answer; "" where there is none.
func (a Answer) Got(name string) string {
	if a.Header == nil {
		return ""
	}
	return a.Header.Get(name)
}
