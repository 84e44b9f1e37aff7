package checkout

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
)

// maxLeft bounds what a replica remembers; the store's list has the rest.
const maxLeft = 10_000

// leave notes that nobody drives a pending order any more. The note in the
// store is for other replicas and for after a restart; it is written only
// here, so that a checkout that goes well does not pay for it. A replica that
// dies is noted by the one that adopts its journal (Abandoned).
func (s *Service) leave(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	noted := s.store.MarkUnsettled(ctx, id) == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) < maxLeft {
		s.left[id] = s.left[id] || noted
	}
}

// Abandoned notes an order whose replica died while it drove it.
func (s *Service) Abandoned(ctx context.Context, id string) error {
	return s.store.MarkUnsettled(ctx, id)
}

// arrive forgets a settled order that owes nothing, whoever has settled it; version is
// the one in which it did not.
func (s *Service) arrive(ctx context.Context, id string, version int64) {
	s.store.Finished(id, version)
	s.mu.Lock()
	noted := s.left[id]
	delete(s.left, id)
	s.mu.Unlock()
	if noted {
		// If this fails, the recovery finds the order settled and tries again.
		_ = s.store.UnmarkUnsettled(ctx, id)
	}
}

func (s *Service) wasLeft(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.left[id]
	return ok
}

// Recover takes on every order that was left unsettled or owes the payment provider
// something, by this replica or one that noted it. It is run now and then; several replicas may run it at
// once, since each step is safe to repeat.
//
// A provider that does not answer takes all of a turn for a few orders. So the next turn goes
// on where this one was cut off, and what this one did not come to counts as it was last found.
func (s *Service) Recover(ctx context.Context) error {
	noted, err := s.store.Unsettled(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	all := maps.Clone(s.left)
	for _, id := range noted {
		all[id] = true
	}
	from := s.cutOff
	s.cutOff = ""
	maps.DeleteFunc(s.census, func(id string, _ found) bool { _, there := all[id]; return !there })
	s.mu.Unlock()
	ids := slices.Sorted(maps.Keys(all))
	first, _ := slices.BinarySearch(ids, from)
	var errs []error
	for _, id := range slices.Concat(ids[first:], ids[:first]) {
		if ctx.Err() != nil {
			s.mu.Lock()
			s.cutOff = id
			s.mu.Unlock()
			break
		}
		errs = append(errs, s.recoverOne(ctx, id, slices.Contains(noted, id)))
	}
	return errors.Join(errs...)
}

func (s *Service) recoverOne(ctx context.Context, id string, noted bool) error {
	o, gave, err := s.store.Gave(ctx, id)
	s.finds(id, o)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
	case err != nil:
		return err
	case o.Status == order.Pending && s.now().Sub(o.CreatedAt) < abandoned:
		return nil
	}
	return s.store.InTrace(ctx, id, "recover", func(ctx context.Context) error { return s.goOn(ctx, id, o, gave, noted) })
}

// goOn takes an order on, nil for one that is not there.
func (s *Service) goOn(ctx context.Context, id string, o *order.Order, gave, noted bool) error {
	owed := false
	if o != nil && o.Status == order.Pending {
		settled, err := s.drive(ctx, o, start{gave: gave})
		switch {
		case err != nil && !final(err):
			return err
		case settled.Status == order.Pending: // the provider has not told
			return nil
		}
		o = settled
	}
	if o != nil {
		if _, owed = o.OwedExchange(); owed {
			var err error
			if o, err = s.Exchange(ctx, o); err != nil {
				return err
			}
		}
	}
	if o != nil && o.Owes() {
		if err := s.cashier.Run(ctx, id, false); err != nil {
			s.leave(ctx, id) // what this replica has written of it is in its journal, too
			return err
		}
	}
	version := int64(math.MaxInt64)
	if o != nil {
		version = o.Version
	}
	s.arrive(ctx, id, version)
	var err error
	if noted {
		err = s.store.UnmarkUnsettled(ctx, id)
	}
	if owed {
		_, again := s.owesAgain(ctx, id)
		err = errors.Join(err, again)
	}
	return err
}
