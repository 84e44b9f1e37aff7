package route

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often the file is looked at. Its content is compared: a
// changed time tells nothing on a volume whose files are links that are swapped.
const lookEvery = time.Second

// Live is a table that can be replaced while requests are served. A request
// keeps the route that it was given.
type Live struct {
	table  atomic.Pointer[Table]
	file   string // "": the table that was built in, for ever
	factor int
	log    *slog.Logger
	old    *Upstream // nil: no monolith is moved in

	mu      sync.Mutex // held while loading
	seen    [sha256.Size]byte
	good    bool // what was seen
	loads   atomic.Int64
	refused atomic.Int64
	bad     atomic.Bool
}

// Stats says what became of changed files.
type Stats struct {
	Loads   int64 // tables taken, the first included
	Refused int64 // files refused
	Bad     bool  // the file as it is now is refused; an older table is in use
}

// Open reads a table from a file, or takes builtIn where file is "".
//
// monolith is where routes go whose data are not moved in yet; nil: there is none.
func Open(file string, builtIn []byte, factor int, monolith *Upstream, log *slog.Logger) (*Live, error) {
	l := &Live{file: file, factor: factor, log: log, old: monolith}
	raw := builtIn
	if file != "" {
		var err error
		if raw, err = os.ReadFile(file); err != nil { //nolint:gosec // the operator names the file
			return nil, err
		}
	}
	if err := l.take(raw); err != nil {
		return nil, err
	}
	return l, nil
}

// Table gives the table as it is now.
func (l *Live) Table() *Table { return l.table.Load() }

// Stats says what became of changed files.
func (l *Live) Stats() Stats {
	return Stats{Loads: l.loads.Load(), Refused: l.refused.Load(), Bad: l.bad.Load()}
}

func (l *Live) take(raw []byte) error {
	t, err := Parse(raw, l.factor)
	l.seen, l.good = sha256.Sum256(raw), err == nil
	if err != nil {
		return err
	}
	if l.old != nil {
		t.towards(l.old)
	}
	l.table.Store(t)
	l.loads.Add(1)
	return nil
}

// Reload takes the file if it has changed, or keeps the table, with an error,
// where the file cannot be used. A file that was refused before is refused
// silently.
func (l *Live) Reload() error {
	if l.file == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	raw, err := os.ReadFile(l.file)
	switch {
	case err != nil:
		if l.bad.Swap(true) {
			return nil
		}
	case sha256.Sum256(raw) == l.seen:
		l.bad.Store(!l.good)
		return nil
	default:
		if err = l.take(raw); err == nil {
			l.bad.Store(false)
			l.log.Info("the route table is replaced", "file", l.file, "routes", len(l.Table().Routes()))
			return nil
		}
		l.bad.Store(true)
	}
	l.refused.Add(1)
	return fmt.Errorf("GATEWAY_ROUTES: %w", err)
}

// Watch looks at the file each second, and at once when told to by now, until
// ctx ends.
func (l *Live) Watch(ctx context.Context, now <-chan os.Signal) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-now:
		}
		if err := l.Reload(); err != nil {
			l.log.Error("the route table is not taken, the old one stays", "error", err)
		}
	}
}
