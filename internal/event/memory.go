package event

import (
	"context"
	"slices"
	"sync"
)

// Memory keeps what was published, for tests.
type Memory struct {
	mu     sync.Mutex
	events []Event
}

// Publish implements the publisher of package state.
func (m *Memory) Publish(_ context.Context, events ...Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, events...)
}

// Events gives what was published so far.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// Types gives the types of what was published so far, in order.
func (m *Memory) Types() []string {
	var out []string
	for _, e := range m.Events() {
		out = append(out, e.Type)
	}
	return out
}
