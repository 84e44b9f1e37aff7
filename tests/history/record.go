package history

import (
	"slices"
	"sync"
	"time"
)

// Record keeps the calls of a run while they are made, by many at once.
type Record struct {
	began time.Time

	mu    sync.Mutex
	calls []Call
}

// NewRecord begins a record.
func NewRecord() *Record { return &Record{began: time.Now()} }

// Add keeps a call.
func (r *Record) Add(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// Began is when the record was begun.
func (r *Record) Began() time.Time { return r.began }

// Now is the time since then, in which calls are told.
func (r *Record) Now() time.Duration { return time.Since(r.began) }

// All gives the calls so far.
func (r *Record) All() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}
