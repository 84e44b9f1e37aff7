package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// secretName is the secret that callbacks are signed with.
const secretName = "payment-callbacks-sandbox"

// Times of callbacks.
const (
	callTimeout = 5 * time.Second
	callPause   = 500 * time.Millisecond // between two looks at what is due
)

// caller makes the callbacks of the ledger, again and again until the shop takes
// them: an answer 2xx, or a 4xx which a repeat would only get again.
type caller struct {
	ledger *ledger
	url    string // of the shop; "": nobody is called
	secret string // file
	wake   chan struct{}
	say    func(string, ...any)
}

// run makes callbacks until ctx ends.
func (c *caller) run(ctx context.Context) {
	if c.url == "" {
		return
	}
	tick := time.NewTicker(callPause)
	defer tick.Stop()
	for {
		for _, r := range c.ledger.all() {
			if r.Calls > 0 && !r.CallsDone && !c.ledger.now().Before(r.DecidesAt) && ctx.Err() == nil {
				c.one(ctx, r)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.wake:
		}
	}
}

// one makes the callbacks of a record, with the same event.
func (c *caller) one(ctx context.Context, r record) {
	for range r.Calls {
		status, err := c.call(ctx, r)
		if err != nil {
			c.say("sandbox: callback of %s: %v", r.Key, err)
			return
		}
		if status/100 != 2 && status/100 != 4 || status == http.StatusTooManyRequests {
			c.say("sandbox: callback of %s: status %d", r.Key, status)
			return
		}
	}
	if err := c.ledger.called(r.Key); err != nil {
		c.say("sandbox: %v", err)
	}
}

func (c *caller) call(ctx context.Context, r record) (status int, err error) {
	secret, err := readSecret(c.secret)
	if err != nil {
		return 0, err
	}
	now := c.ledger.now()
	b, err := json.Marshal(map[string]any{"id": "evt_" + r.ID, "created_at": now.UTC(), "operation": r.at(now)})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Payment-Signature", sign(secret, b, now))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, nil
}

// sign gives "t=<Unix seconds>,v1=<hex>": the HMAC-SHA256 of "<Unix seconds>.<body>".
func sign(secret string, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// readSecret reads the file that is the shop's secret store on one machine.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // where the user says
	if err != nil {
		return "", fmt.Errorf("the secret of the callbacks: %w", err)
	}
	all := map[string]string{}
	if err := json.Unmarshal(b, &all); err != nil || all[secretName] == "" {
		return "", fmt.Errorf("%s has no %s", path, secretName)
	}
	return all[secretName], nil
}
