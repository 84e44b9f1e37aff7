package history

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
)

// MaxDays is how many days a look at all customers' orders may span, and
// defaultDays how many it spans when it does not say since when.
const (
	MaxDays     = 366
	defaultDays = 31
)

// DayFormat is how days are written: those of UTC.
const DayFormat = time.DateOnly

const day = 24 * time.Hour

// Filter says which orders are meant; what is empty restricts nothing.
type Filter struct {
	Status order.Status
	Method order.PaymentMethod
	Code   string // of a promotion, in capitals
	Text   string // in a SKU, a name or the order's number, in any case
	Span
}

// Span is days in which orders were made, the first and the last included, at
// midnight UTC. Zero: open.
type Span struct{ From, To time.Time }

// ParseSpan reads days, "" for open ends.
func ParseSpan(from, to string) (s Span, err error) {
	for _, p := range []struct {
		name, text string
		into       *time.Time
	}{{"from", from, &s.From}, {"to", to, &s.To}} {
		if p.text == "" {
			continue
		}
		if *p.into, err = time.Parse(DayFormat, p.text); err != nil {
			return Span{}, fault.BadField(p.name, "is not a day")
		}
	}
	if !s.From.IsZero() && !s.To.IsZero() && s.To.Before(s.From) {
		return Span{}, fault.BadField("to", "is before from")
	}
	return s, nil
}

// closed gives the span with its ends: to today, and from 31 days before.
func (s Span) closed(now time.Time) (Span, error) {
	if s.To.IsZero() {
		s.To = now.UTC().Truncate(day)
		if s.To.Before(s.From) {
			s.To = s.From
		}
	}
	if s.From.IsZero() {
		s.From = s.To.AddDate(0, 0, 1-defaultDays)
	}
	if s.To.Sub(s.From) >= MaxDays*day {
		return Span{}, fault.New(fault.Unprocessable, "span_too_long", "At most 366 days can be looked at together.").At("from", "is too long before to")
	}
	return s, nil
}

// days lists the days of a closed span, newest first.
func (s Span) days() (all []string) {
	for d := s.To; !d.Before(s.From); d = d.AddDate(0, 0, -1) {
		all = append(all, d.Format(DayFormat))
	}
	return all
}

func (s Span) has(t time.Time) bool {
	return (s.From.IsZero() || !t.Before(s.From)) && (s.To.IsZero() || t.Before(s.To.AddDate(0, 0, 1)))
}

// matches says whether a row is meant.
func (f Filter) matches(r Row) bool {
	return f.has(r.At) && (f.Status == "" || f.Status == r.Status) && (f.Method == "" || f.Method == r.Method) &&
		(f.Code == "" || slices.Contains(r.Codes, f.Code)) && f.hasText(r)
}

func (f Filter) hasText(r Row) bool {
	if f.Text == "" {
		return true
	}
	text := strings.ToLower(f.Text)
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return in(cmp.Or(r.Number, order.NumberFor(r.ID))) || slices.ContainsFunc(r.Lines, func(l RowLine) bool { return in(l.SKU) || in(l.Name) })
}
