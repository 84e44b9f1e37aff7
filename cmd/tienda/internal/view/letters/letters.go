// Package letters shows, replays and discards dead letters through the gateway, as an
// admin whose account the runner knows.
package letters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	patience  = 12 * time.Second // for one answer: a replay is as long as a delivery
	mostBytes = 4 << 20
	rest      = time.Minute // after a sign-in that was refused: guesses slow an account down
)

// Account is the admin's. Without an e-mail there is none.
type Account struct{ Email, Password string }

// Answer is what the gateway said, or what stands for it.
type Answer struct {
	Status int
	Body   json.RawMessage
}

// Desk is where dead letters are dealt with.
type Desk struct {
	gateway string // URL
	as      Account
	parent  string // traceparent of what is only looked at
	client  *http.Client

	mu      sync.Mutex
	token   string
	refused error
	again   time.Time // not to be signed in before
}

// New gives a desk. Requests that only look are sent with parent, a traceparent, which
// the gateway links their traces to.
func New(gateway string, as Account, parent string) *Desk {
	return &Desk{gateway: gateway, as: as, parent: parent, client: &http.Client{Timeout: patience, Transport: &http.Transport{IdleConnTimeout: 20 * time.Second}}}
}

// ErrNobody says that there is no account to do it as.
var ErrNobody = errors.New("the runner knows no admin: the demo accounts were not loaded")

// List gives the newest letters that wait, of all apps. One request, the first time two.
func (d *Desk) List(ctx context.Context) (Answer, error) {
	return d.do(ctx, http.MethodGet, "/v1/ops/dead-letters?state=waiting&limit=50")
}

// One gives a letter with its event.
func (d *Desk) One(ctx context.Context, app, id string) (Answer, error) {
	return d.do(ctx, http.MethodGet, "/v1/ops/dead-letters/"+app+"/"+id)
}

// Settle replays or discards a letter.
func (d *Desk) Settle(ctx context.Context, app, id, what string) (Answer, error) {
	return d.do(ctx, http.MethodPost, "/v1/ops/dead-letters/"+app+"/"+id+"/"+what)
}

// do asks the gateway, and once more with a new token where the old one has ended.
func (d *Desk) do(ctx context.Context, method, path string) (Answer, error) {
	for last := false; ; last = true {
		token, err := d.signedIn(ctx)
		if err != nil {
			return Answer{}, err
		}
		a, err := d.send(ctx, method, path, token, nil)
		if err != nil || a.Status != http.StatusUnauthorized || last {
			return a, err
		}
		d.mu.Lock()
		if d.token == token {
			d.token = ""
		}
		d.mu.Unlock()
	}
}

// signedIn gives a token of the admin.
func (d *Desk) signedIn(ctx context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.token != "" {
		return d.token, nil
	}
	if d.as.Email == "" {
		return "", ErrNobody
	}
	if time.Now().Before(d.again) {
		return "", d.refused
	}
	body, err := json.Marshal(map[string]string{"grant_type": "password", "email": d.as.Email, "password": d.as.Password})
	if err != nil {
		return "", err
	}
	a, err := d.send(ctx, http.MethodPost, "/v1/auth/token", "", body)
	if err != nil {
		return "", err
	}
	var in struct {
		Token string `json:"access_token"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &in) != nil || in.Token == "" {
		d.refused, d.again = fmt.Errorf("%s cannot sign in: the gateway answers with %d", d.as.Email, a.Status), time.Now().Add(rest)
		return "", d.refused
	}
	d.token = in.Token
	return d.token, nil
}

func (d *Desk) send(ctx context.Context, method, path, token string, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.gateway+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if method == http.MethodGet || token == "" {
		req.Header.Set("Traceparent", d.parent)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return Answer{}, errors.New("the gateway does not answer")
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostBytes))
	if err != nil || !json.Valid(b) {
		return Answer{}, errors.New("the gateway's answer is not whole")
	}
	return Answer{resp.StatusCode, b}, nil
}
