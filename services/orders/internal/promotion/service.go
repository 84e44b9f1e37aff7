package promotion

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Store keeps promotions and their uses.
type Store interface {
	Book(ctx context.Context) (*Book, error)
	// Change runs fn over the book and writes it. fn may run more than once.
	Change(ctx context.Context, fn func(*Book) error) error
	// Ledger runs fn over the uses of promotions, of users, and the orders, all read
	// in one call, and writes what changed. fn may run more than once.
	Ledger(ctx context.Context, promotions []string, users []UserKey, orders []string, fn func(*Ledger) error) error
	// Uses gives the uses of promotions.
	Uses(ctx context.Context, promotions ...string) (map[string]*Uses, error)
}

// Service is what staff does with promotions, and how orders use them.
type Service struct {
	store Store
	now   func() time.Time

	mu     sync.Mutex
	queues map[string][]*waiter // by the promotions that are wanted; there while they are being written
	next   map[string]int       // of the open uses of a promotion, the one that is looked at next
}

// NewService gives the service over its store.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: func() time.Time { return now().UTC() }, queues: map[string][]*waiter{}, next: map[string]int{}}
}

// List gives all promotions, the newest first.
func (s *Service) List(ctx context.Context) ([]Promotion, error) {
	b, err := s.store.Book(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(b.Promotions)
	return b.Promotions, nil
}

// Get gives a promotion and how often it was used; 0 for one without limits.
func (s *Service) Get(ctx context.Context, id string) (Promotion, int, error) {
	b, err := s.store.Book(ctx)
	if err != nil {
		return Promotion{}, 0, err
	}
	p, err := b.Find(id)
	if err != nil || !p.Limited() {
		if err != nil {
			return Promotion{}, 0, err
		}
		return *p, 0, nil
	}
	uses, err := s.store.Uses(ctx, id)
	if err != nil {
		return Promotion{}, 0, err
	}
	return *p, uses[id].Count(), nil
}

// Create adds a promotion.
func (s *Service) Create(ctx context.Context, r Rule) (Promotion, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Promotion{}, err
	}
	return s.change(ctx, func(b *Book) (Promotion, error) { return b.Add(id.String(), r, s.now()) })
}

// Update replaces the rule of a promotion.
func (s *Service) Update(ctx context.Context, id string, r Rule, version int64) (Promotion, error) {
	return s.change(ctx, func(b *Book) (Promotion, error) { return b.Change(id, r, version, s.now()) })
}

// End ends a promotion.
func (s *Service) End(ctx context.Context, id string, version int64) (Promotion, error) {
	return s.change(ctx, func(b *Book) (Promotion, error) { return b.End(id, version, s.now()) })
}

func (s *Service) change(ctx context.Context, fn func(*Book) (Promotion, error)) (p Promotion, err error) {
	err = s.store.Change(ctx, func(b *Book) (err error) {
		p, err = fn(b)
		return err
	})
	return p, err
}

// Bounds of taking uses together.
const (
	batchSize  = 64
	batchLimit = 6 * time.Second
)

var errBatch = errors.New("promotion: a batch was not finished")

type waiter struct {
	ask  Ask
	err  error
	lead chan []*waiter // gets the batch that this one has to do
	done chan error
}

// Take uses promotions for a pending order, all or none: a *Refusal says which one is
// used up. State: 1 bulk get, 1 transaction, whatever the number of promotions.
// Orders of this replica that want the same promotions at the same time share them,
// so that a promotion that everybody wants does not become a lottery of ETags.
func (s *Service) Take(ctx context.Context, a Ask) error {
	w := &waiter{ask: a, err: errBatch, lead: make(chan []*waiter, 1), done: make(chan error, 1)}
	key := ""
	for _, p := range a.Promotions {
		key += p.ID + " "
	}
	s.mu.Lock()
	if q, busy := s.queues[key]; busy {
		s.queues[key] = append(q, w)
	} else {
		s.queues[key] = nil
		w.lead <- []*waiter{w}
	}
	s.mu.Unlock()
	select {
	case b := <-w.lead:
		s.run(ctx, key, b)
		return <-w.done
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(s.queues[key], w)
	if i >= 0 {
		s.queues[key] = slices.Delete(s.queues[key], i, i+1)
	}
	s.mu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	select { // it is in a batch: what becomes of that counts
	case b := <-w.lead:
		s.run(ctx, key, b)
		return <-w.done
	case err := <-w.done:
		return err
	}
}

// run does a batch and hands those who wait to the first of them.
func (s *Service) run(ctx context.Context, key string, batch []*waiter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchLimit)
	defer cancel()
	err := s.takeAll(ctx, batch)
	for _, w := range batch {
		if err != nil {
			w.err = err
		}
		w.done <- w.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[key]
	if len(q) == 0 {
		delete(s.queues, key)
		return
	}
	n := min(len(q), batchSize)
	s.queues[key] = slices.Clone(q[n:])
	q[0].lead <- slices.Clone(q[:n])
}

func (s *Service) takeAll(ctx context.Context, batch []*waiter) error {
	var promotions, orders []string
	var users []UserKey
	for _, p := range batch[0].ask.Promotions {
		promotions = append(promotions, p.ID)
	}
	for _, w := range batch {
		orders = append(orders, w.ask.Order)
		for _, p := range w.ask.Promotions {
			if p.PerUser > 0 {
				users = append(users, UserKey{p.ID, w.ask.User})
			}
		}
	}
	return s.store.Ledger(ctx, promotions, users, orders, func(l *Ledger) error {
		for _, w := range batch {
			w.err = l.Take(w.ask, s.now())
		}
		return nil
	})
}

// Bounds of a turn of Sweep.
const (
	sweepStep = 100             // uses of a promotion
	sweepAge  = 5 * time.Second // of the youngest
)

// Sweep gives back and folds uses, some of each promotion in turn. It is what ends
// the uses of orders that were refused, cancelled, or left by a process that died.
// State: 1 bulk get for each promotion with such uses, and 1 transaction where
// something has changed. Replicas may do it at once.
func (s *Service) Sweep(ctx context.Context, known map[string]*Uses) error {
	var errs []error
	for id, u := range known {
		if ids, users := s.turn(id, u); len(ids) > 0 {
			errs = append(errs, s.store.Ledger(ctx, []string{id}, users, ids, func(l *Ledger) error {
				return l.Settle(id, ids, s.now())
			}))
		}
	}
	return errors.Join(errs...)
}

// turn gives the uses of a promotion to look at now.
func (s *Service) turn(id string, u *Uses) (ids []string, users []UserKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next[id] >= len(u.Open) {
		s.next[id] = 0
	}
	at := s.next[id]
	step := u.Open[at:min(at+sweepStep, len(u.Open))]
	s.next[id] = at + len(step)
	for _, use := range step {
		if s.now().Sub(time.Unix(use.At, 0)) < sweepAge {
			continue
		}
		ids = append(ids, use.Order)
		if use.User != "" {
			users = append(users, UserKey{id, use.User})
		}
	}
	return ids, users
}
