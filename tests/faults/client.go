package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tienda/tests/history"
)

// record is the history while it is made.
type record struct {
	began time.Time

	mu    sync.Mutex
	calls []history.Call
}

func (r *record) add(c history.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

func (r *record) now() time.Duration { return time.Since(r.began) }

func (r *record) all() []history.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]history.Call(nil), r.calls...)
}

// web sends requests to one address.
type web struct {
	base string
	http *http.Client
}

func newWeb(base string, connections int) *web {
	return &web{base: base, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: 4 * connections}}}
}

// answer is what came back: a status, or an error.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of a problem document
	err    error
}

// send sends a request; body may be nil. headers are pairs, of which those with
// an empty value are left out.
func (w *web) send(ctx context.Context, method, path string, body any, headers ...string) answer {
	var r io.Reader
	if body != nil {
		js, err := json.Marshal(body)
		if err != nil {
			return answer{err: err}
		}
		r = bytes.NewReader(js)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, r)
	if err != nil {
		return answer{err: err}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, a.err = io.ReadAll(resp.Body); a.err != nil {
		return a
	}
	if a.status >= http.StatusBadRequest {
		var p struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(a.body, &p) // what is no problem document has no code
		a.code = p.Code
	}
	return a
}

// outcome is what a good client makes of the answer.
func (a answer) outcome() history.Outcome {
	switch {
	case a.err != nil || a.status >= http.StatusInternalServerError:
		return history.Unknown
	case a.status == http.StatusAccepted: // a checkout that waits for the payment provider
		return history.Later
	case a.status < http.StatusBadRequest:
		return history.Done
	case a.status == http.StatusTooManyRequests, a.status == http.StatusUnauthorized, // its token has expired
		a.code == "checkout_in_progress", a.code == "too_many_open_checkouts":
		return history.Later
	default:
		return history.Refused
	}
}

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

func (a answer) version() string {
	if a.header == nil {
		return ""
	}
	return a.header.Get("ETag")
}

// session is a signed-in user, who signs in again before the token ends.
type session struct {
	web             *web
	email, password string

	mu    sync.Mutex
	token string
	since time.Time
}

const tokenLife = 7 * time.Minute // of 10

// bearer gives the header's value, and tries to sign in for as long as it takes.
func (s *session) bearer(ctx context.Context) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for (s.token == "" || time.Since(s.since) > tokenLife) && ctx.Err() == nil {
		var got struct {
			AccessToken string `json:"access_token"`
		}
		a := s.web.send(ctx, http.MethodPost, "/v1/auth/token", map[string]string{"grant_type": "password", "email": s.email, "password": s.password})
		if a.into(&got); a.outcome() == history.Done {
			s.token, s.since = got.AccessToken, time.Now()
			break
		}
		_ = sleep(ctx, 300*time.Millisecond)
	}
	return "Bearer " + s.token
}
