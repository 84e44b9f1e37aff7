package state

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"sync"
)

// lanes publish beside each other; the events of one document share a lane and
// keep their order.
const lanes = 4

func laneOf(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32() % lanes
}

// job is an event to be published; done is called once it is.
type job struct {
	key   string // of the document that the event is about
	event json.RawMessage
	done  func()
}

// lane is the events that wait to be published, in their order. Its length is
// bounded by the backlog that the outbox admits; it takes memory only for what
// waits.
type lane struct {
	mu   sync.Mutex
	jobs []job
	wake chan struct{} // holds a token while there may be jobs
}

func newLane() *lane { return &lane{wake: make(chan struct{}, 1)} }

// add puts a job at the end, and never waits.
func (l *lane) add(j job) {
	l.mu.Lock()
	l.jobs = append(l.jobs, j)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes the first jobs: at most publishMost, and no two of one document. It
// waits for one; nil: ctx has ended.
func (l *lane) next(ctx context.Context) []job {
	for {
		if batch := l.take(); len(batch) > 0 {
			return batch
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *lane) take() []job {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < min(len(l.jobs), publishMost) && !about(l.jobs[:n], l.jobs[n].key) {
		n++
	}
	batch := l.jobs[:n:n]
	if l.jobs = l.jobs[n:]; len(l.jobs) == 0 {
		l.jobs = nil // and not the memory of the longest backlog that there was
	}
	return batch
}
