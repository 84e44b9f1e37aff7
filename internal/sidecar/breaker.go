package sidecar

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// After so many calls in a row that did not reach an app, each with all of its
// tries, calls to it fail at once for a while; then some are let through again.
// Dapr's own breaker would count an app's 4xx answers as failures
// (dapr/resiliency.yaml); here only an app that is not there counts.
const (
	breakAfter = 5
	breakTime  = time.Second
	probes     = 4 // calls that see whether the app is back; while they are under way, others fail
)

// ErrUnreached marks the error of a call that did not reach its app, although
// its caller waited for all the tries.
var ErrUnreached = errors.New("not reached")

// breakers are one for each app that is called.
type breakers struct {
	mu    sync.Mutex
	byApp map[string]*gobreaker.CircuitBreaker[struct{}]
}

func (b *breakers) of(app string) *gobreaker.CircuitBreaker[struct{}] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byApp == nil {
		b.byApp = map[string]*gobreaker.CircuitBreaker[struct{}]{}
	}
	if b.byApp[app] == nil {
		b.byApp[app] = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Name: app, MaxRequests: probes, Timeout: breakTime,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
			IsSuccessful: func(err error) bool { return !errors.Is(err, ErrUnreached) },
		})
	}
	return b.byApp[app]
}

// guard makes a call unless the app is known to be away.
func (b *breakers) guard(c Call, call func() error) error {
	_, err := b.of(c.App).Execute(func() (struct{}, error) { return struct{}{}, call() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return unreachable(c, fmt.Errorf("not tried: %w", err))
	}
	return err
}

// Breakers are for who makes the calls to apps himself: the gateway. They work
// as those of Invoke. The zero value is ready.
type Breakers struct{ b breakers }

// ErrOpen says that a call was not made, because its app is known to be away.
var ErrOpen = errors.New("not tried, the calls before did not reach the app")

// Do makes a call unless the app is known to be away. The error of a call that
// did not reach the app is to be marked with ErrUnreached; no other counts.
func (b *Breakers) Do(app string, call func() error) error {
	_, err := b.b.of(app).Execute(func() (struct{}, error) { return struct{}{}, call() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ErrOpen
	}
	return err
}

// Open says whether calls to an app are not made at the moment. It is for calls
// that are tried once: a try that has met a dead replica says nothing of the
// others, and counts for nothing.
func (b *Breakers) Open(app string) bool { return b.b.of(app).State() == gobreaker.StateOpen }

// States gives 0 (closed), 0.5 (half open) or 1 (open) for each app that was called.
func (b *Breakers) States() map[string]float64 { return b.b.states() }

// Breakers says how the breaker of each app stands that Invoke has called, as
// Breakers.States does.
func (s *Sidecar) Breakers() map[string]float64 { return s.breakers.states() }

func (b *breakers) states() map[string]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]float64{}
	for app, cb := range b.byApp {
		switch cb.State() {
		case gobreaker.StateOpen:
			out[app] = 1
		case gobreaker.StateHalfOpen:
			out[app] = 0.5
		default:
			out[app] = 0
		}
	}
	return out
}
