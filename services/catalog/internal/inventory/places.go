package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Main is the location that every shop has. What names no location is there, so
// that a shop with one place need not know that there are places.
const Main = "main"

// Part is what is at one location of a SKU, or of a reservation.
type Part struct {
	Location string
	Quantity int
}

// place is the location that a name means; "": Main.
func place(name string) string { return cmp.Or(name, Main) }

// From says where the goods of a reservation lie, but for those at Main: as
// "<location>:<quantity>" with commas between, "" for nearly all.
type From string

func fromOf(parts []Part) From {
	var b []string
	for _, p := range parts {
		if p.Location != Main && p.Quantity > 0 {
			b = append(b, p.Location+":"+strconv.Itoa(p.Quantity))
		}
	}
	return From(strings.Join(b, ","))
}

// parts reads what fromOf made.
func (f From) parts() (out []Part) {
	for one := range strings.SplitSeq(string(f), ",") {
		if name, n, ok := strings.Cut(one, ":"); ok {
			if quantity, err := strconv.Atoi(n); err == nil {
				out = append(out, Part{name, quantity})
			}
		}
	}
	return out
}

// and adds what another says.
func (f From) and(more From) From {
	if f == "" || more == "" {
		return f + more
	}
	sum := f.parts()
	for _, p := range more.parts() {
		if i := slices.IndexFunc(sum, func(q Part) bool { return q.Location == p.Location }); i >= 0 {
			sum[i].Quantity += p.Quantity
		} else {
			sum = append(sum, p)
		}
	}
	return fromOf(sum)
}

// Parts says where the goods lie that an order holds, Main first. What it waits for
// is nowhere.
func (r Reservation) Parts() []Part {
	if r.From == "" && r.Waiting == 0 {
		return []Part{{Main, r.Quantity}}
	}
	elsewhere, rest := r.From.parts(), r.Quantity-r.Waiting
	for _, p := range elsewhere {
		rest -= p.Quantity
	}
	if rest == 0 {
		return elsewhere
	}
	return append([]Part{{Main, rest}}, elsewhere...)
}

// OnHandAt is what is at a location.
func (s *Stock) OnHandAt(location string) int {
	if location != Main {
		return s.Elsewhere[location]
	}
	n := s.OnHand
	for _, there := range s.Elsewhere {
		n -= there
	}
	return n
}

// ReservedAt is what orders hold of what is at a location.
func (s *Stock) ReservedAt(location string) int {
	s.count()
	if location != Main {
		return s.heldAt[location]
	}
	n := s.reserved
	for _, held := range s.heldAt {
		n -= held
	}
	return n
}

// AvailableAt is what can still be bought of what is at a location.
func (s *Stock) AvailableAt(location string) int {
	return s.OnHandAt(location) - s.ReservedAt(location)
}

// Places are the locations of the SKU, Main first, the others by their names.
func (s *Stock) Places() []string {
	return append([]string{Main}, slices.Sorted(maps.Keys(s.Elsewhere))...)
}

// InOrder gives the locations of the SKU in an order of preference. Those that
// it does not name come last.
func (s *Stock) InOrder(preferred []string) []string {
	has := s.Places()
	out := make([]string, 0, len(has))
	for _, name := range append(slices.Clone(preferred), has...) {
		if slices.Contains(has, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// choose says where the goods of an order come from: all from the first location,
// in the order of preference, that has all of them, so that they travel in one
// parcel; where none has, from one after the other in that order. There must be
// so many available in all.
func (s *Stock) choose(quantity int, preferred []string) From {
	if len(s.Elsewhere) == 0 {
		return ""
	}
	order := s.InOrder(preferred)
	for _, name := range order {
		if s.AvailableAt(name) >= quantity {
			return fromOf([]Part{{name, quantity}})
		}
	}
	var parts []Part
	for _, name := range order {
		n := min(quantity, s.AvailableAt(name))
		parts = append(parts, Part{name, n})
		quantity -= n
	}
	return fromOf(parts)
}

// count adds up what the reservations hold, once for each time that the stock is
// read: a batch asks for it often.
func (s *Stock) count() {
	if s.counted {
		return
	}
	s.counted = true
	for _, r := range s.Reservations {
		s.hold(r, 1)
	}
}

// hold counts a reservation in (1) or out (-1).
func (s *Stock) hold(r Reservation, sign int) {
	s.reserved += sign * (r.Quantity - r.Waiting)
	if !r.Withdrawn {
		s.waiting += sign * r.Waiting
	}
	if r.From == "" {
		return
	}
	if s.heldAt == nil {
		s.heldAt = map[string]int{}
	}
	for _, p := range r.From.parts() {
		s.heldAt[p.Location] += sign * p.Quantity
	}
}

// put changes what is at a location.
func (s *Stock) put(location string, delta int) {
	s.OnHand += delta
	if location == Main {
		return
	}
	s.Elsewhere = maps.Clone(s.Elsewhere)
	if s.Elsewhere == nil {
		s.Elsewhere = map[string]int{}
	}
	if s.Elsewhere[location] += delta; s.Elsewhere[location] == 0 {
		delete(s.Elsewhere, location)
	}
}
