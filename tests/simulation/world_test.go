// Package simulation runs the real services over a simulated world: store,
// broker, network and clock. One seed decides everything that can go either
// way, at every step, so that a run can be had again (docs/testing.md).
package simulation

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is one run. Code of the shop runs in goroutines of its own and stops at
// every step: a call to the store, a publish, a request, a delivery, an answer.
// The simulator waits until all have stopped, picks one step, decides its fate,
// lets what it wakes run until that stops as well, and so on. When there is
// nothing to pick, the fake clock goes on.
type world struct {
	seed  uint64
	rng   *rand.Rand
	mix   mix
	bugs  sabotage
	began time.Time

	mu      sync.Mutex // guards parked
	showing sync.Mutex // guards lines
	naming  sync.Mutex // guards names
	parked  []*step
	wake    chan struct{}

	trace   hash.Hash64
	lines   []string // of the trace, if they are wanted
	verbose bool
	steps   int
	names   map[string]string // of random IDs, in the order in which they come up

	seen map[string]bool // by a sabotage

	apps      map[string]*application
	all       []*replica // every process that there ever was
	serial    map[string]int
	published []published
	mails     map[string]int // sent, by subject
	ledger    *ledger        // of the payment provider
	calm      bool           // no faults any more
	lastFault time.Time
	faults    map[string]int
	t         *testing.T
	late      chan struct{} // closed when those who have left come back
	over      chan struct{} // closed when the run ends
}

// step is something that is about to happen.
type step struct {
	label string   // what it is, the same in every run of the seed
	from  *replica // the process that takes it; nil: the world outside
	sent  bool     // it has left the process, and happens whatever becomes of that
	kept  bool     // it happens even if the process dies
	after time.Time
	do    func()
}

func newWorld(seed uint64, bugs sabotage, verbose bool) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 0x7469656e6461)), bugs: bugs, began: time.Now(),
		wake: make(chan struct{}, 1), trace: fnv.New64a(), verbose: verbose, names: map[string]string{},
		seen: map[string]bool{}, mails: map[string]int{}, ledger: newLedger(), apps: map[string]*application{}, serial: map[string]int{}, faults: map[string]int{}, late: make(chan struct{}), over: make(chan struct{}),
	}
	w.mix = newMix(w.rng)
	w.lastFault = w.began
	return w
}

// park adds a step. It is called by the code of the shop.
func (w *world) park(s *step) {
	if s.from != nil && s.from.dead.Load() && !s.kept {
		return
	}
	w.mu.Lock()
	w.parked = append(w.parked, s)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// later adds a step of the simulator's own.
func (w *world) later(s *step, in time.Duration) {
	s.after = time.Now().Add(in)
	w.park(s)
}

// run simulates until done says so, for at most limit of fake time.
func (w *world) run(limit time.Duration, done func() bool) bool {
	end := time.Now().Add(limit)
	for {
		synctest.Wait()
		if done() {
			return true
		}
		now := time.Now()
		if !now.Before(end) {
			return false
		}
		s, next := w.pick(now)
		if s == nil {
			wait := end.Sub(now)
			if !next.IsZero() {
				wait = min(wait, next.Sub(now))
			}
			t := time.NewTimer(wait)
			select {
			case <-w.wake:
			case <-t.C:
			}
			t.Stop()
			continue
		}
		time.Sleep(w.latency())
		synctest.Wait()
		w.steps++
		w.note("%s", s.label)
		s.do()
		if !w.calm {
			w.misfortune()
		}
	}
}

// latency is what a step takes. The odd nanoseconds keep timers apart.
func (w *world) latency() time.Duration {
	d := time.Duration(w.rng.Int64N(int64(w.mix.latency))) + 1
	if w.rng.IntN(50) == 0 {
		d *= 20
	}
	return d
}

// pick takes one of the steps whose time has come; with none, it says when
// there will be one.
func (w *world) pick(now time.Time) (*step, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Steps come in an order that says nothing; what they are does.
	slices.SortStableFunc(w.parked, func(a, b *step) int { return cmp.Compare(a.label, b.label) })
	var next time.Time
	var ready []int
	for i, s := range w.parked {
		at := s.after
		if s.from != nil && !s.sent && s.from.pausedUntil.After(at) {
			at = s.from.pausedUntil
		}
		if !at.After(now) {
			ready = append(ready, i)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if len(ready) == 0 {
		return nil, next
	}
	i := ready[w.rng.IntN(len(ready))]
	s := w.parked[i]
	w.parked = slices.Delete(w.parked, i, i+1)
	return s, next
}

// note adds a line to the trace.
func (w *world) note(format string, args ...any) {
	line := w.plain(fmt.Sprintf(format, args...))
	line = fmt.Sprintf("%13d %s", time.Since(w.began).Microseconds(), line)
	_, _ = w.trace.Write([]byte(line))
	if w.verbose {
		w.show(line)
	}
}

// show adds a line to what is printed of a run: of the trace, or of a log.
func (w *world) show(line string) {
	w.showing.Lock()
	w.lines = append(w.lines, line)
	w.showing.Unlock()
}

// plain gives random IDs short names. Those of UUIDs that carry the time would
// differ from run to run of one process.
func (w *world) plain(s string) string {
	w.naming.Lock()
	defer w.naming.Unlock()
	const size = 36
	var b strings.Builder
	for i := 0; i < len(s); {
		if i+size <= len(s) && isUUID(s[i:i+size]) {
			id := s[i : i+size]
			if w.names[id] == "" {
				w.names[id] = fmt.Sprintf("<%d>", len(w.names)+1)
			}
			b.WriteString(w.names[id])
			i += size
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

func isUUID(s string) bool {
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	_, err := hex.DecodeString(s[:8])
	return err == nil
}

// fault counts a fault and remembers when its effect ends.
func (w *world) fault(kind string, lasts time.Duration) {
	w.faults[kind]++
	w.note("fault: %s", kind)
	if at := time.Now().Add(lasts); at.After(w.lastFault) {
		w.lastFault = at
	}
}

var errGone = errors.New("simulation: the process is gone")

// ask makes the caller wait for a step: do is run by the simulator and answers,
// now or later, or never.
func ask[T any](ctx context.Context, w *world, from *replica, label string, do func(answer func(T, error))) (T, error) {
	type reply struct {
		value T
		err   error
	}
	var zero T
	died := w.over
	if from != nil {
		died = from.died
	}
	select {
	case <-died:
		return zero, errGone
	default:
	}
	done := make(chan reply, 1)
	w.park(&step{label: label, from: from, do: func() {
		do(func(v T, err error) {
			// A process that stands still hears of it when it goes on.
			if from != nil && from.pausedUntil.After(time.Now()) {
				w.park(&step{label: label + " answers", from: from, do: func() { trySend(done, reply{v, err}) }})
				return
			}
			trySend(done, reply{v, err})
		})
	}})
	var r reply
	select {
	case r = <-done:
	case <-ctx.Done():
		r.err = ctx.Err()
	case <-died:
	}
	select {
	case <-died: // whatever else has come at the same instant
		return zero, errGone
	default:
		return r.value, r.err
	}
}

// trySend answers once: what comes a second time finds nobody.
func trySend[T any](to chan T, v T) {
	select {
	case to <- v:
	default:
	}
}

type whoKey struct{}

// by names who is behind what is done in a context.
func by(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, whoKey{}, who)
}

func behind(ctx context.Context) string {
	who, _ := ctx.Value(whoKey{}).(string)
	return cmp.Or(who, "-")
}
