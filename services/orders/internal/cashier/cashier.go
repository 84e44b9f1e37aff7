// Package cashier deals with the payment provider for orders. What is to be done
// stands in the order's document; the cashier does it, as often as it takes until
// the outcome is known, and writes the outcome there.
package cashier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
)

const (
	askLimit  = 4 * time.Second // of one question to the provider
	lookLimit = 2 * time.Second // of one look-up
	turnLimit = 20 * time.Second
	atOnce    = 16  // orders that a replica works on at a time
	maxQueue  = 512 // orders that wait for that; more are listed for the recovery
	maxLeft   = 10_000

	// lateness is how long after an order's end its authorisation may still reach the
	// provider: longer than a checkout drives, and a call may be under way.
	lateness = 30 * time.Second
)

// ErrUnknown says that the provider has not told what it has done, or not decided.
var ErrUnknown = errors.New("the outcome of a payment is not known yet")

// Orders keeps orders.
type Orders interface {
	Get(ctx context.Context, id string) (*order.Order, error)
	Update(ctx context.Context, id string, fn func(*order.Order) error) (*order.Order, error)
	// Finished says that this replica has nothing more to do for an order, as it was in a
	// version; what a later one owes is not meant.
	Finished(orderID string, version int64)
	// MarkUnsettled lists an order for the recovery.
	MarkUnsettled(ctx context.Context, orderID string) error
	// InTrace does something for an order as a part of what has begun it.
	InTrace(ctx context.Context, orderID, what string, do func(context.Context) error) error
}

// Service does what orders owe. Safe for concurrent use.
type Service struct {
	orders   Orders
	provider payment.Provider
	now      func() time.Time
	due      chan string

	mu   sync.Mutex
	left map[string]bool // orders that could not be listed for the recovery yet
}

// NewService gives the service over the orders and a provider.
func NewService(orders Orders, provider payment.Provider, now func() time.Time) *Service {
	return &Service{orders: orders, provider: provider, now: now, due: make(chan string, maxQueue), left: map[string]bool{}}
}

// Authorise has an amount held on the card of a pending order, and says what the
// provider says, ErrUnknown where it does not. fresh: nobody can have asked before.
// Sidecar: 1 call; of an order that was taken up, or after an answer that was lost, 1
// look-up more.
func (s *Service) Authorise(ctx context.Context, o *order.Order, amount int64, fresh bool) (payment.Outcome, error) {
	first := o.Payment.Card.Authorisation()
	if first.Status != payment.Open { // a callback was faster
		return payment.Outcome{Status: first.Status, Amount: first.Amount, Currency: o.Currency, Code: first.Code, Reference: first.Reference}, nil
	}
	return s.ask(ctx, first.Key, fresh, func(ctx context.Context) (payment.Outcome, error) {
		return s.provider.Authorise(ctx, first.Key, amount, o.Currency, o.Payment.Card.Token)
	})
}

// ask does one step under a key. What may have been asked before is looked up first,
// and what gets no answer afterwards.
func (s *Service) ask(ctx context.Context, key string, fresh bool, do func(context.Context) (payment.Outcome, error)) (payment.Outcome, error) {
	if !fresh {
		if out, err := s.look(ctx, key); err != nil || out.Status != payment.Missing {
			return out, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	out, err := do(limited)
	cancel()
	if err != nil {
		looked, failed := s.look(ctx, key)
		if failed != nil || looked.Status == payment.Missing { // it may be on its way
			return payment.Outcome{}, fmt.Errorf("%w: %s: %w", ErrUnknown, key, err)
		}
		return looked, nil
	}
	if out.Status == payment.Pending {
		return out, fmt.Errorf("%w: %s: the provider has not decided", ErrUnknown, key)
	}
	return out, nil
}

// look asks what became of a key. What is not decided is ErrUnknown.
func (s *Service) look(ctx context.Context, key string) (payment.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	out, err := s.provider.Lookup(ctx, key)
	switch {
	case err != nil:
		return out, fmt.Errorf("%w: %s: %w", ErrUnknown, key, err)
	case out.Status == payment.Pending:
		return out, fmt.Errorf("%w: %s: the provider has not decided", ErrUnknown, key)
	}
	return out, nil
}

// Run does all that an order owes, ErrUnknown if something is left. Any replica may
// run it at any time, since every step is safe to repeat. State: 1 get; for each step
// 1 get and 1 save, and 1 to 3 calls to the provider.
func (s *Service) Run(ctx context.Context, id string, fresh bool) error {
	o, err := s.orders.Get(ctx, id)
	if err != nil {
		return err
	}
	ours := false
	for o.Owes() {
		next, _ := o.Payment.Card.Next()
		key, out, err := s.do(ctx, o, next, fresh)
		if err != nil {
			return err
		}
		if o, err = s.orders.Update(ctx, id, func(o *order.Order) error { return o.NotePayment(key, out, s.now()) }); err != nil {
			return err
		}
		ours = o.Changed()
	}
	if ours && !o.Owing() {
		return nil
	}
	// Another replica was faster, or it owes something in exchange.
	if o.Owing() {
		return s.orders.MarkUnsettled(ctx, id)
	}
	s.orders.Finished(id, o.Version)
	return nil
}

// do does one attempt and says of which key the outcome is.
func (s *Service) do(ctx context.Context, o *order.Order, a payment.Attempt, fresh bool) (key string, out payment.Outcome, err error) {
	first := o.Payment.Card.Authorisation()
	step := func(do func(context.Context) (payment.Outcome, error)) (string, payment.Outcome, error) {
		out, err := s.ask(ctx, a.Key, fresh, do)
		return a.Key, out, err
	}
	switch a.Step {
	case payment.Capture:
		return step(func(ctx context.Context) (payment.Outcome, error) {
			return s.provider.Capture(ctx, a.Key, first.Reference, a.Amount, o.Currency)
		})
	case payment.Refund:
		return step(func(ctx context.Context) (payment.Outcome, error) {
			return s.provider.Refund(ctx, a.Key, first.Reference, a.Amount, o.Currency)
		})
	case payment.Void:
		if first.Status == payment.Approved {
			return step(func(ctx context.Context) (payment.Outcome, error) {
				return s.provider.Void(ctx, a.Key, first.Reference)
			})
		}
		return s.find(ctx, first, a)
	default:
		return "", out, fmt.Errorf("payment %s: there is no step %s", a.Key, a.Step)
	}
}

// find looks for an authorisation that is to be given up, and of which nobody knows
// whether the provider was ever asked. It can still be on its way for a while.
func (s *Service) find(ctx context.Context, first, void payment.Attempt) (string, payment.Outcome, error) {
	if first.Status == payment.Declined || first.Status == payment.Dropped {
		return void.Key, payment.Outcome{Status: payment.Missing}, nil
	}
	out, err := s.look(ctx, first.Key)
	if err == nil && out.Status == payment.Missing && s.now().Sub(void.At) < lateness {
		err = fmt.Errorf("%w: %s: it may be on its way", ErrUnknown, first.Key)
	}
	return first.Key, out, err
}

// Due has what an order owes done soon, without waiting for it.
func (s *Service) Due(ctx context.Context, id string) {
	select {
	case s.due <- id:
	default:
		_ = s.list(ctx, id)
	}
}

// list leaves an order to the recovery of whichever replica. If that fails, Recover
// tries again, and the journal knows the order if this replica dies before.
func (s *Service) list(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
	defer cancel()
	err := s.orders.MarkUnsettled(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.left, id)
	} else if len(s.left) < maxLeft {
		s.left[id] = true
	}
	return err
}

// Recover lists what could not be listed before. It is run now and then. State: 1 get
// and 1 save for each of those.
func (s *Service) Recover(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.left))
	s.mu.Unlock()
	var errs []error
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, s.list(ctx, id))
	}
	return errors.Join(errs...)
}

// Part works on what is due until ctx ends. What is left then, other replicas are
// told of by the journal.
func (s *Service) Part(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	free := make(chan struct{}, atOnce)
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-s.due:
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			wg.Go(func() {
				defer func() { <-free }()
				turn, cancel := context.WithTimeout(ctx, turnLimit)
				defer cancel()
				err := s.orders.InTrace(turn, id, "pay", func(ctx context.Context) error { return s.Run(ctx, id, true) })
				if err != nil {
					_ = s.list(ctx, id)
				}
			})
		}
	}
}
