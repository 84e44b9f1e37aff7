package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tienda/internal/trace"
)

// Queue keeps the letters that are not sent yet. A letter is in the memory of
// the replica that committed it, and noted in that replica's journal; one that
// it cannot send at once is listed, for all replicas.
type Queue interface {
	// Claim reads a letter to be sent now. One that is listed is not due for others
	// until the time given; false, if it is not due for this one. ErrGone where
	// there is no such letter.
	Claim(ctx context.Context, id string, now, until time.Time) (Letter, bool, error)
	// Done forgets a letter.
	Done(ctx context.Context, id string) error
	// Postpone stores a letter that could not be sent, and lists it.
	Postpone(ctx context.Context, l Letter, due time.Time) error
	// List lists letters that are due. ErrFull where too many wait.
	List(ctx context.Context, ids ...string) error
	// Due gives up to limit listed letters that are due, the longest due first,
	// and how many are listed in all.
	Due(ctx context.Context, now time.Time, limit int) (ids []string, listed int, err error)
}

// ErrGone is what Claim answers where there is no letter.
var ErrGone = errors.New("mail: there is no such letter")

// Composer puts a letter into words, at the time when it is sent. ErrMoot where
// it is not to be sent.
type Composer interface {
	Compose(ctx context.Context, l Letter) (Message, error)
}

// Mailer sends a message. nil means that the server has taken it; after an error
// it may have, too.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// How the Sender works.
const (
	HoldTime = time.Minute      // how long a claimed letter is left alone by others
	sendTime = 20 * time.Second // of one try
	turns    = 5 * time.Second  // between two looks at the list
	gather   = time.Millisecond // those of one commit are taken together
	atOnce   = 100              // letters of one look; more than these in memory are listed
	stopTime = 3 * time.Second  // to list what is left when the app stops
	// Between a failure and the next try of whatever letter, so that a server
	// that is away is not asked for each; twice as long after each.
	firstRest   = time.Second
	longestRest = 15 * time.Second
)

// Stats are the figures of a Sender.
type Stats struct {
	Waiting int   // letters in this replica's memory
	Listed  int   // letters that all replicas see, at the last look
	Sent    int64 // since the start, as the others
	Failed  int64 // tries
	GivenUp int64 // letters that could not be sent in time
	Dropped int64 // letters that were not to be sent any more
}

// Sender sends letters, one at a time: the SMTP binding of Dapr, to which there
// is one connection for each replica, mixes up the recipients of two at once.
type Sender struct {
	queue    Queue
	composer Composer
	mailer   Mailer
	now      func() time.Time
	log      *slog.Logger
	wake     chan struct{}
	tracer   *trace.Tracer // nil: no spans

	mu      sync.Mutex
	fresh   []string // letters of this replica
	stopped bool
	stats   Stats

	// Of Part's goroutine only.
	sent  map[string]bool // but still in the queue
	rest  time.Duration
	quiet time.Time // nothing is tried before
}

// NewSender gives a sender of the letters of a queue.
func NewSender(q Queue, c Composer, m Mailer, now func() time.Time, log *slog.Logger) *Sender {
	return &Sender{
		queue: q, composer: c, mailer: m, now: now, log: log,
		wake: make(chan struct{}, 1), sent: map[string]bool{},
	}
}

// Trace has a span made of each letter that is sent. Call it before Part.
func (s *Sender) Trace(t *trace.Tracer) { s.tracer = t }

// Stats gives the figures of now.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting = len(s.fresh)
	return st
}

// Skip counts letters that were given up before they were written.
func (s *Sender) Skip(n int) { s.count(func(st *Stats) { st.GivenUp += int64(n) }) }

// Wake tells of letters that this replica has committed. It does not wait for
// the sending. Of a commit that got no answer the journal tells in its time.
func (s *Sender) Wake(ctx context.Context, ids ...string) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		s.list(ctx, ids)
		return
	}
	s.fresh = append(s.fresh, ids...)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Part sends until ctx ends, then lists what is left, for another replica or the
// next start.
func (s *Sender) Part(ctx context.Context) error {
	t := time.NewTicker(turns)
	defer t.Stop()
	for look := true; ; {
		s.turn(ctx, look)
		look = false
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-t.C:
			look = true
		}
		if ctx.Err() != nil {
			s.stop(ctx)
			return nil
		}
		time.Sleep(gather)
		select { // what has come together is done together
		case <-t.C:
			look = true
		default:
		}
		select {
		case <-s.wake:
		default:
		}
	}
}

// turn tries the letters in memory, and those of the list when look says so.
func (s *Sender) turn(ctx context.Context, look bool) {
	for _, id := range s.waiting() {
		if ctx.Err() != nil {
			return
		}
		if s.resting() {
			break
		}
		s.deliver(ctx, id)
	}
	s.relieve(ctx)
	if !look || ctx.Err() != nil {
		return
	}
	ids, listed, err := s.queue.Due(ctx, s.now(), atOnce)
	if err != nil {
		s.log.Warn("the list of unsent mail cannot be read, will be tried again", "error", err)
		return
	}
	s.count(func(st *Stats) { st.Listed = listed })
	for _, id := range ids {
		if ctx.Err() != nil || s.resting() {
			return
		}
		s.deliver(ctx, id)
	}
}

// relieve lists what memory should not hold: all letters while nothing can be
// sent, else what is too much. The journal's note of a letter holds up the
// journal.
func (s *Sender) relieve(ctx context.Context) {
	left := s.waiting()
	if !s.resting() {
		left = left[min(atOnce, len(left)):]
	}
	s.list(ctx, left)
}

func (s *Sender) stop(ctx context.Context) {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	s.list(ctx, s.waiting())
}

// list lists letters and forgets them here; if that fails, they stay.
func (s *Sender) list(ctx context.Context, ids []string) {
	if len(ids) == 0 {
		return
	}
	s.take(ids...)
	if err := s.queue.List(ctx, ids...); err != nil {
		s.log.WarnContext(ctx, "unsent mail cannot be listed yet", "letters", len(ids), "error", err)
		s.keep(ids...)
	}
}

func (s *Sender) waiting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.fresh))
}

// take takes letters out of memory while they are being dealt with: what Wake tells of
// an ID meanwhile is another letter, such as one whose event came again just when the
// first was sent and done. It is dealt with next.
func (s *Sender) take(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = slices.DeleteFunc(s.fresh, func(id string) bool { return slices.Contains(ids, id) })
}

// keep puts letters that were taken back.
func (s *Sender) keep(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = append(s.fresh, ids...)
}

func (s *Sender) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}

func (s *Sender) resting() bool { return s.now().Before(s.quiet) }

// failed makes a pause before the next try of any letter.
func (s *Sender) failed(refused bool) {
	pause := firstRest
	if !refused {
		s.rest = min(max(2*s.rest, firstRest), longestRest)
		pause = s.rest
	}
	s.quiet = s.now().Add(pause)
}

// deliver tries one letter. What it says is for the log: no address, no token.
func (s *Sender) deliver(ctx context.Context, id string) {
	s.take(id)
	if s.sent[id] {
		s.done(ctx, id)
		return
	}
	now := s.now()
	l, mine, err := s.queue.Claim(ctx, id, now, now.Add(HoldTime))
	switch {
	case errors.Is(err, ErrGone): // but perhaps a line of the list
		s.done(ctx, id)
		return
	case err != nil:
		s.log.WarnContext(ctx, "a letter cannot be read yet", "letter", id, "error", err)
		s.failed(false) // of the store, not the server; the pause does as well
		s.keep(id)
		return
	case !mine: // it is listed, for another or for later
		return
	case l.Expired(now):
		s.log.WarnContext(ctx, "a letter could not be sent in time and is given up", "letter", id, "kind", l.Kind, "tries", l.Tries)
		s.count(func(st *Stats) { st.GivenUp++ })
		s.done(ctx, id)
		return
	}
	if s.tracer != nil { // in the trace of the change that it is about
		var span trace.Span
		ctx, span = s.tracer.Begin(ctx, "mail "+string(l.Kind), trace.Internal, trace.Keep(l.Trace, ""))
		defer span.End()
	}
	switch err := s.send(ctx, l); {
	case err == nil:
		s.rest = 0
		s.count(func(st *Stats) { st.Sent++ })
		s.done(ctx, id)
	case errors.Is(err, ErrMoot):
		s.count(func(st *Stats) { st.Dropped++ })
		s.done(ctx, id)
	default:
		s.count(func(st *Stats) { st.Failed++ })
		s.failed(errors.Is(err, ErrRefused))
		due := l.Failed(s.now())
		s.log.WarnContext(ctx, "a letter could not be sent, will be tried again", "letter", id, "kind", l.Kind, "tries", l.Tries, "due", due, "error", err)
		if err := s.queue.Postpone(context.WithoutCancel(ctx), l, due); err != nil {
			s.log.WarnContext(ctx, "when a letter is due again cannot be stored", "letter", id, "error", err)
			s.keep(id)
		}
	}
}

// send writes and sends a letter. A stop does not cut it off: then nobody would
// know whether it was sent.
func (s *Sender) send(ctx context.Context, l Letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	m, err := s.composer.Compose(ctx, l)
	if err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	if err := s.mailer.Send(ctx, m); err != nil {
		return fmt.Errorf("mail: send: %w", err)
	}
	return nil
}

// done forgets a letter for good. One that cannot be forgotten now is not sent
// again by this replica.
func (s *Sender) done(ctx context.Context, id string) {
	if err := s.queue.Done(context.WithoutCancel(ctx), id); err != nil {
		s.log.WarnContext(ctx, "a letter that is done cannot be forgotten yet", "letter", id, "error", err)
		s.sent[id] = true
		s.failed(false)
		s.keep(id)
		return
	}
	delete(s.sent, id)
}
