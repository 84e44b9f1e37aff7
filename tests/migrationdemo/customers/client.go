package customers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	answerTime = 15 * time.Second // longer than a fence holds a write
	tries      = 3                // of a write without an answer
	pause      = 100 * time.Millisecond
)

// gone is why a write was refused whose address the gateway does not have: the service is
// the monolith's (again).
const gone = "not here"

// client is a browser: it repeats what had no answer, and what is not done yet.
type client struct {
	base  string
	http  *http.Client
	tally *Tally // of writes

	mu     sync.Mutex
	tokens map[string]string // by e-mail
}

// request is what is sent. Who asks is one of token and cart, or neither.
type request struct {
	method, path string
	body         any
	token, cart  string
	key          string // Idempotency-Key
	repeats      bool   // whether a repeat does no harm: it has a key, or says the same again
}

// answer is what came back: status 0 where nothing did.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of a problem document
}

// into reads the body of an acknowledged answer.
func (a answer) into(v any) error { return json.Unmarshal(a.body, v) }

// do sends a request until it is answered, three times at most. An order that waits for the
// card, or for an earlier try of the same, is asked for again for as long as a write may take.
func (c *client) do(ctx context.Context, r request) (a answer, o Outcome, why string) {
	ctx = context.WithoutCancel(ctx) // what has begun is ended
	end := time.Now().Add(answerTime)
	for n := 1; ; n++ {
		began := time.Now()
		a = c.once(ctx, r)
		failed := a.status == 0 || a.status >= http.StatusInternalServerError
		if r.method != http.MethodGet {
			c.tally.waited(time.Since(began), failed)
		}
		later := a.status == http.StatusAccepted || a.code == "checkout_in_progress" || a.code == "too_many_open_checkouts"
		switch {
		case later && time.Now().Before(end):
		case failed && r.repeats && n < tries:
		case failed || later:
			return a, Unknown, ""
		case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed:
			return a, Refused, gone
		case a.status >= http.StatusBadRequest:
			return a, Refused, a.code
		default:
			return a, Acknowledged, ""
		}
		time.Sleep(pause)
	}
}

func (c *client) once(ctx context.Context, r request) answer {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return answer{}
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return answer{}
	}
	for name, value := range map[string]string{"Idempotency-Key": r.key, "Cart-Token": r.cart} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}
	}
	b, err := io.ReadAll(resp.Body)
	if errors.Join(err, resp.Body.Close()) != nil {
		return answer{}
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: b}
	if a.status >= http.StatusBadRequest {
		var p struct {
			Code string `json:"code"`
		}
		if json.Unmarshal(b, &p) != nil || p.Code == "" {
			p.Code = fmt.Sprint(a.status)
		}
		a.code = p.Code
	}
	return a
}

// signIn gives a token of somebody: the one that is there, or one for the password.
func (c *client) signIn(ctx context.Context, email, password string) (token string, o Outcome, why string) {
	email = strings.ToLower(email)
	c.mu.Lock()
	token = c.tokens[email]
	c.mu.Unlock()
	if token != "" {
		return token, Acknowledged, ""
	}
	a, o, why := c.do(ctx, request{
		method: http.MethodPost, path: "/v1/auth/token", repeats: true,
		body: map[string]string{"grant_type": "password", "email": email, "password": password},
	})
	var out struct {
		AccessToken string `json:"access_token"`
	}
	switch {
	case o == Acknowledged && (a.into(&out) != nil || out.AccessToken == ""):
		return "", Unknown, ""
	case o == Refused:
		return "", o, "sign-in: " + why
	case o != Acknowledged:
		return "", o, ""
	}
	c.mu.Lock()
	c.tokens[email] = out.AccessToken
	c.mu.Unlock()
	return out.AccessToken, Acknowledged, ""
}

// pages calls each with the items of a list, page by page.
func pages[T any](ctx context.Context, c *client, path, token string, each func(T)) error {
	for cursor := ""; ; {
		a, o, why := c.do(ctx, request{method: http.MethodGet, path: path + cursor, token: token, repeats: true})
		if o != Acknowledged {
			return fmt.Errorf("%s: %d %s %s", path, a.status, why, a.body)
		}
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next_cursor"`
		}
		if err := a.into(&page); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, item := range page.Items {
			each(item)
		}
		if page.Next == "" {
			return nil
		}
		cursor = "&cursor=" + page.Next
	}
}
