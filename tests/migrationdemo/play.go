package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ask calls the migration at its own port.
func (d *demo) ask(ctx context.Context, method, path string, in, out any) error {
	if err := d.shop.Reload(); err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	status, b, err := call(ctx, method, fmt.Sprintf("http://127.0.0.1:%d/v1/migration%s", d.shop.Of("migration")[0].Port, path), body, map[string]string{"dapr-api-token": d.token})
	switch {
	case err != nil:
		return err
	case status >= http.StatusMultipleChoices:
		return fmt.Errorf("%s %s: %d %s", method, path, status, b)
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

// call makes a request with a JSON body, or none.
func call(ctx context.Context, method, url string, body io.Reader, header map[string]string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// play moves the shop: m begins to trade in the new one once the catalog is there.
func (d *demo) play(ctx context.Context, m *merchant, selling context.Context) error {
	var preflight struct {
		Status   string `json:"status"`
		Findings []any  `json:"findings"`
	}
	if err := d.ask(ctx, http.MethodGet, "/preflight", nil, &preflight); err != nil {
		return err
	}
	d.say("preflight: %s, %d findings", preflight.Status, len(preflight.Findings))
	if err := d.ask(ctx, http.MethodPost, "/start", nil, nil); err != nil {
		return err
	}
	if err := d.follow(ctx); err != nil {
		return err
	}
	if err := d.verify(ctx); err != nil {
		return err
	}
	if err := m.start(selling); err != nil {
		return err
	}
	watching, blind := context.WithCancel(ctx)
	defer blind()
	go d.watch(watching)
	for _, s := range story {
		time.Sleep(d.between) // people go on
		if err := d.change(ctx, s); err != nil {
			return err
		}
		if s.then != nil {
			if err := s.then(d, ctx); err != nil {
				return err
			}
		}
	}
	time.Sleep(d.between)
	return nil
}

// status is the part of the migration's status that is shown.
type status struct {
	Phase   string  `json:"phase"`
	Reason  string  `json:"reason"`
	Lag     float64 `json:"lag_seconds"`
	Rejects int     `json:"rejects"`
	Changes int     `json:"changes"`
	Kinds   []struct {
		Kind   string  `json:"kind"`
		Rows   int     `json:"rows"`
		Copied int     `json:"copied"`
		Rate   float64 `json:"rate"`
		Stray  int     `json:"stray"`
		Key    string  `json:"stray_key"`
	} `json:"kinds"`
}

// strays gives how many writes went past the gateway, and the key of one.
func (s status) strays() (n int, key string) {
	for _, k := range s.Kinds {
		if n += k.Stray; k.Stray > 0 {
			key = k.Key
		}
	}
	return n, key
}

func (d *demo) follow(ctx context.Context) error {
	for range 300 {
		var s status
		if err := d.ask(ctx, http.MethodGet, "", nil, &s); err != nil {
			return err
		}
		rows, copied := 0, 0
		for _, k := range s.Kinds {
			rows, copied = rows+k.Rows, copied+k.Copied
		}
		d.say("%s: %d of %d rows, lag %.2f s, %d changes, %d rejects, %d writes of customers", s.Phase, copied, rows, s.Lag, s.Changes, s.Rejects, d.door.Old.Counts().Acknowledged)
		switch s.Phase {
		case "following":
			for _, k := range s.Kinds {
				d.say("  %-12s %6d rows, %.0f a second", k.Kind, k.Copied, k.Rate)
			}
			return nil
		case "stopped", "failed":
			return errors.New(s.Reason)
		}
		time.Sleep(500 * time.Millisecond)
	}
	return errors.New("it does not come to follow")
}

func (d *demo) verify(ctx context.Context) error {
	if err := d.ask(ctx, http.MethodPost, "/verify", nil, nil); err != nil {
		return err
	}
	for range 300 {
		var r struct {
			Running  bool   `json:"running"`
			Equal    bool   `json:"equal"`
			Error    string `json:"error"`
			Compared int    `json:"compared"`
		}
		if err := d.ask(ctx, http.MethodGet, "/verify", nil, &r); err != nil {
			return err
		}
		if !r.Running {
			d.say("verified while both sides go on: %d documents compared, equal: %t", r.Compared, r.Equal)
			if !r.Equal {
				return fmt.Errorf("the sides are not equal: %s", r.Error)
			}
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return errors.New("the verification does not end")
}
