package inventory

import "context"

// Availability is what the shop shows of a stock.
type Availability struct {
	InStock bool // some are there to be bought
	Low     bool
	Wait    Waitable
}

// Availability says what to show.
func (s *Stock) Availability() Availability {
	now := Availability{InStock: s.free() > 0, Low: s.Low}
	if b := s.Backorder; b != nil && s.promisable() > 0 {
		now.Wait = Waitable{Allowed: true, Pre: b.Pre, Expected: b.Expected}
	}
	return now
}

// Threshold is what the SKU is low at; ofAll is that of those without their own.
func (s *Stock) Threshold(ofAll int) int {
	if s.LowAt != nil {
		return *s.LowAt
	}
	return ofAll
}

// SetThreshold states when the SKU is low; nil: as all are, 0: never.
func (s *Stock) SetThreshold(at *int) {
	s.LowAt, s.changed = at, true
}

// Misjudged says whether the stock is noted as low and is not, or the other way
// round. What is gone is not low.
func (s *Stock) Misjudged(ofAll int) bool {
	at := s.Threshold(ofAll)
	return s.Low != (at > 0 && !s.Gone && s.Available() <= at)
}

// Watch notes whether the stock is low. It is told of when that is stored, with the
// change that made it so.
func (s *Stock) Watch(ofAll int) {
	if (s.changed || s.Version > 0) && s.Misjudged(ofAll) {
		s.Low, s.changed, s.wentBy = !s.Low, true, s.Threshold(ofAll)
	}
}

// WentBy is the threshold by which Watch found that the stock has become low.
func (s *Stock) WentBy() int { return s.wentBy }

// threshold is that of SKUs without their own; false: this replica does not know
// yet, and leaves what it finds as it is.
func (k *known) threshold() (at int, ok bool) {
	if s := k.last.Load(); s != nil {
		return s.LowAt, true
	}
	return 0, false
}

// watch has a stock that was read, and perhaps changed, give what is there to those
// who wait, and note whether it is low.
func (s *Service) watch(stock *Stock) {
	stock.Fill(s.known.preferred())
	if at, ok := s.known.threshold(); ok || stock.LowAt != nil {
		stock.Watch(at)
	}
}

// misjudged says whether watch would change a stock.
func (s *Service) misjudged(stock *Stock) bool {
	at, ok := s.known.threshold()
	return ok && stock.Misjudged(at)
}

// Low gives up to limit SKUs of what is for sale that are low, in their order, from
// a cursor on ("": the first), and the cursor of the next; "": the end. Which they
// are is what this replica shows, at most 2 s behind; how they stand is as stored, so
// that a page may have fewer than limit.
func (s *Service) Low(ctx context.Context, limit int, after string) (out []Stock, next string, err error) {
	skus := s.offers.Low(after, limit)
	if len(skus) == limit {
		next = skus[limit-1]
	}
	all, err := s.store.GetAll(ctx, skus)
	for i := range all {
		if all[i].Low {
			out = append(out, all[i])
		}
	}
	return out, next, err
}
