package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/backoff"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/trace"
)

var reconnect = backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}

// Bounds of a call: an answer's size, the time of one try, and how long after
// the first try another may begin. The last is for tries that hang; those that
// are refused at once end with Pauses.
const (
	maxAnswer = 8 << 20
	tryLimit  = 10 * time.Second
	patience  = 2 * tryLimit
)

// Call is one service invocation.
type Call struct {
	App    string // app ID
	Method string
	Path   string // with query, as the app serves it: "/internal/v1/reservations"
	In     any    // sent as JSON; nil: no body. A json.RawMessage is sent as it is
	Out    any    // JSON read into it; nil: the answer's body is dropped
	Header http.Header
	// Idempotent calls are tried again whenever the app could not be reached: a
	// repeat must not do a second thing. Others are only where nothing was done.
	Idempotent bool
}

// Invoke calls another app through the sidecar, on behalf of the context's
// caller and with its trace. A problem document of the app comes back as the
// *fault.Error it was made of; an app that cannot be reached as
// fault.Unavailable. While the last calls to an app did not reach it, others
// are not tried for a moment (breaker.go).
func (s *Sidecar) Invoke(ctx context.Context, c Call) error {
	body, err := c.body()
	if err != nil {
		return fmt.Errorf("invoke %s %s: %w", c.App, c.Path, err)
	}
	ctx, span := trace.Start(ctx, trace.Client, c.Method, c.App)
	if span.On() {
		path, _, _ := strings.Cut(c.Path, "?")
		span.Say("http.request.method", c.Method)
		span.Say("url.path", path)
		span.Say("server.address", c.App)
	}
	err = s.breakers.guard(c, func() error { return s.invoke(ctx, c, body) })
	span.EndWith(err)
	return err
}

// body is what is sent: encoding/json would read and copy what is JSON already.
func (c Call) body() ([]byte, error) {
	switch in := c.In.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return in, nil
	default:
		return json.Marshal(in)
	}
}

func (s *Sidecar) invoke(ctx context.Context, c Call, body []byte) error {
	mayRepeat := c.Idempotent || c.Method == http.MethodGet
	began := time.Now()
	var pauses Pauses
	for {
		again, err := s.try(ctx, c, body)
		switch {
		case !again:
			return err
		case !mayRepeat && !NotDone(err) || time.Since(began) > patience || !pauses.Wait(ctx):
			if !errors.Is(ctx.Err(), context.Canceled) { // a caller who went away says nothing of the app
				err = errors.Join(ErrUnreached, err)
			}
			return unreachable(c, fmt.Errorf("%d tries: %w", pauses.Tries(), errors.Join(err, ctx.Err())))
		}
	}
}

func unreachable(c Call, cause error) error {
	return fault.New(fault.Unavailable, c.App+"_unavailable", "A part of the shop that this needs does not answer. Try again.").
		Because(fmt.Errorf("invoke %s %s %s: %w", c.App, c.Method, c.Path, cause))
}

// try makes one call; again says that the app was not reached.
func (s *Sidecar) try(ctx context.Context, c Call, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.Method, s.base+c.Path, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("invoke %s: %w", c.App, err)
	}
	for k, v := range c.Header {
		req.Header[k] = v
	}
	req.Header.Set("Dapr-App-Id", c.App)
	if s.token != "" {
		req.Header.Set(HeaderAPIToken, s.token)
	}
	if c.In != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	caller.From(ctx).SetHeader(req.Header)
	trace.From(ctx).SetHeader(req.Header)
	resp, err := s.http.Do(req)
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return true, err
	}
	if len(answer) > maxAnswer {
		return false, fmt.Errorf("invoke %s %s %s: the answer has more than %d bytes", c.App, c.Method, c.Path, maxAnswer)
	}
	if Unreached(resp, answer) {
		return true, Said(resp, answer)
	}
	if resp.StatusCode >= 400 {
		if e, ok := problem.Parse(resp.StatusCode, answer); ok {
			return false, e
		}
		return false, fmt.Errorf("invoke %s %s %s: %s: %.200s", c.App, c.Method, c.Path, resp.Status, answer)
	}
	if c.Out != nil && len(answer) == 0 { // made up by a sidecar whose app died while it answered
		return true, fmt.Errorf("%s with nothing in it", resp.Status)
	}
	if c.Out != nil {
		if err := json.Unmarshal(answer, c.Out); err != nil {
			return false, fmt.Errorf("invoke %s %s %s: answer: %w", c.App, c.Method, c.Path, err)
		}
	}
	return false, nil
}
