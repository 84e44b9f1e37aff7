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

// errUnreached marks the error of a call that did not reach its app, although
// its caller waited for all the tries.
var errUnreached = errors.New("not reached")

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
			IsSuccessful: func(err error) bool { return !errors.Is(err, errUnreached) },
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
