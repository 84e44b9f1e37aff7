package customers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is something that is not as it was acknowledged.
type Fault struct {
	What Sort
	Text string
}

// Sort is what is wrong.
type Sort string

// The sorts of fault.
const (
	Lost    Sort = "lost"
	Doubled Sort = "doubled"
	Changed Sort = "changed"
)

// Seen is what is there, in one of the shops. A nil map was not looked at.
type Seen struct {
	Orders   map[string][]SeenOrder // by note; those without one are left out
	People   map[string][]SeenPerson
	Tickets  map[string]int // by subject
	Messages map[string]int // by subject and text, with a line between
	Returns  map[string]int // "W17 A-1 2"
}

// SeenOrder is an order that is there.
type SeenOrder struct {
	Number, Status string
	Total          int64
	Lines          []string
}

// SeenPerson is an account that is there.
type SeenPerson struct {
	Name     string
	Address  *Address  // nil: there is none
	Settings *Settings // nil: there are none
}

// Check compares what was acknowledged with what is there: what is lost, there twice, or
// other than it was acknowledged. An outcome that is not known may be there once.
func Check(e Entries, s Seen) []Fault {
	c := &checker{e: e, s: s}
	if s.Orders != nil {
		c.orders()
	}
	if s.People != nil {
		c.people()
	}
	if s.Tickets != nil {
		for _, t := range e.Tickets {
			c.once(t.Outcome, s.Tickets[t.Subject], "ticket "+t.Subject)
		}
		for _, m := range e.Messages {
			c.once(m.Outcome, s.Messages[m.Subject+"\n"+m.Text], "message "+m.Text)
		}
	}
	if s.Returns != nil {
		c.returns()
	}
	return c.found
}

type checker struct {
	e     Entries
	s     Seen
	found []Fault
}

func (c *checker) fault(what Sort, format string, args ...any) {
	c.found = append(c.found, Fault{what, fmt.Sprintf(format, args...)})
}

// once says whether something is there once, and what is wrong where it should be.
func (c *checker) once(o Outcome, n int, what string) bool {
	switch {
	case n > 1:
		c.fault(Doubled, "%s: there %d times", what, n)
	case n == 0 && o == Acknowledged:
		c.fault(Lost, "%s: not there", what)
	}
	return n == 1
}

func (c *checker) orders() {
	left := maps.Clone(c.s.Orders)
	for _, o := range c.e.Orders {
		found := left[o.Note]
		delete(left, o.Note)
		if !c.once(o.Outcome, len(found), "order "+o.Note) || o.Outcome != Acknowledged {
			continue
		}
		f := found[0]
		// One that bears a number twice has some of its ID behind it in the monolith.
		if f.Total != o.Total || !strings.HasPrefix(f.Number, o.Number) || !slices.Equal(f.Lines, o.Lines) {
			c.fault(Changed, "order %s: %+v, acknowledged %s of %d with %v", o.Note, f, o.Number, o.Total, o.Lines)
		} else if !o.may(f.Status) {
			c.fault(Changed, "order %s: it is %s, acknowledged %s", o.Note, f.Status, o.Status)
		}
	}
	for note, found := range left {
		if strings.HasPrefix(note, Prefix) {
			c.fault(Doubled, "order %s: there %d times, and nobody ordered it", note, len(found))
		}
	}
	for number, step := range c.e.Moved {
		for _, found := range c.s.Orders {
			if f := found[0]; f.Number == number && step.Status != "" && !step.may(f.Status) {
				c.fault(Changed, "order %s: it is %s, acknowledged %s", number, f.Status, step.Status)
			}
		}
	}
}

func (s Step) may(status string) bool { return status == s.Status || slices.Contains(s.Maybe, status) }

func (c *checker) people() {
	for email, p := range c.e.People {
		found := c.s.People[email]
		o := p.Registered
		if o == "" {
			o = Acknowledged // it was there before
		}
		if !c.once(o, len(found), "account "+email) || o != Acknowledged {
			continue
		}
		f := found[0]
		if p.Name != nil && *p.Name != f.Name && !slices.Contains(p.Names, f.Name) {
			c.fault(Changed, "account %s: the name is %s, acknowledged %s", email, f.Name, *p.Name)
		}
		if p.Address != nil && (f.Address == nil || *p.Address != *f.Address && !slices.Contains(p.Addresses, *f.Address)) {
			c.fault(Changed, "account %s: the address is %+v, acknowledged %+v", email, f.Address, *p.Address)
		}
		if p.Settings != nil && (f.Settings == nil || *p.Settings != *f.Settings && !slices.Contains(p.MaybeSet, *f.Settings)) {
			c.fault(Changed, "account %s: the preferences are %+v, acknowledged %+v", email, f.Settings, *p.Settings)
		}
	}
}

// returns counts those that are the same: of one order somebody may send back a piece twice.
func (c *checker) returns() {
	sure, most := map[string]int{}, map[string]int{}
	for _, r := range c.e.Returns {
		what := fmt.Sprintf("%s %s %d", r.Number, r.SKU, r.Quantity)
		most[what]++
		if r.Outcome == Acknowledged {
			sure[what]++
		}
	}
	for what, n := range most {
		switch is := c.s.Returns[what]; {
		case is < sure[what]:
			c.fault(Lost, "return of %s: there %d times, acknowledged %d times", what, is, sure[what])
		case is > n:
			c.fault(Doubled, "return of %s: there %d times, asked for %d times", what, is, n)
		}
	}
}

// Stock is what there is of each SKU, and what is sold of it.
type Stock struct {
	Left map[string]int64
	// Kept says of a cancelled one whether its goods have not come back.
	Kept func(note string, o SeenOrder) bool
}

// CheckStock holds what is left of each SKU to what there was and what was sold in both
// shops: what is not cancelled of the orders that are there.
func CheckStock(before map[string]int64, orders map[string][]SeenOrder, now Stock) (found []Fault) {
	sold := map[string]int64{}
	for note, all := range orders {
		for _, o := range all {
			free := o.Status == "cancelled" && !now.Kept(note, o)
			for _, line := range o.Lines {
				sku, quantity, _ := strings.Cut(line, " ")
				if sold[sku] += 0; !free {
					sold[sku] += number(quantity)
				}
			}
		}
	}
	after := now.Left
	for _, sku := range slices.Sorted(maps.Keys(sold)) {
		switch is, there := after[sku]; {
		case !there:
			found = append(found, Fault{Lost, fmt.Sprintf("stock of %s: not there", sku)})
		case is != before[sku]-sold[sku]:
			found = append(found, Fault{Changed, fmt.Sprintf("stock of %s: %d are left of %d, and %d were sold", sku, is, before[sku], sold[sku])})
		}
	}
	return found
}
