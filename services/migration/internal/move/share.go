package move

import (
	"context"
	"slices"
	"sync"
)

// shares parts the chunks that are copied at the same time among the apps that are not
// done. An app takes none of another's: one that does not answer keeps its own, and holds
// up nobody else. Who is done leaves its share to the others.
type shares struct {
	mu    sync.Mutex
	all   int            // one for each app at least
	apps  []string       // that are not done
	taken map[string]int // by app
	more  chan struct{}  // closed when somebody may have one more
}

func newShares(all int, apps []string) *shares {
	return &shares{all: max(all, len(apps)), apps: slices.Clone(apps), taken: map[string]int{}, more: make(chan struct{})}
}

// of gives how many an app may have; the first apps have what is left over. It never
// becomes fewer. mu is held.
func (s *shares) of(app string) int {
	n := len(s.apps)
	return (s.all - slices.Index(s.apps, app) + n - 1) / n
}

// take waits until an app may have one more.
func (s *shares) take(ctx context.Context, app string) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		free, more := s.taken[app] < s.of(app), s.more
		if free {
			s.taken[app]++
		}
		s.mu.Unlock()
		if free {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-more:
		}
	}
	return ctx.Err()
}

// give gives one back.
func (s *shares) give(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[app]--
	s.tell()
}

// done parts what an app had among the others.
func (s *shares) done(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps = slices.DeleteFunc(s.apps, func(a string) bool { return a == app })
	s.tell()
}

// tell wakes whoever waits. mu is held.
func (s *shares) tell() {
	close(s.more)
	s.more = make(chan struct{})
}
