package rma

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// Automatic is which returns need no agent's approval.
type Automatic struct {
	Reasons []Reason `json:"reasons"` // for which
	// UpTo is what all returns of an order may be worth together, the new one
	// included; in a currency that is not there none is approved.
	UpTo []money.Money `json:"up_to"`
}

// Rules are how products may be returned.
type Rules struct {
	// WindowDays is how long after its delivery customers can ask for an order's
	// return, in days of 24 hours; 0: never. Agents can at any time.
	WindowDays int        `json:"window_days"`
	Automatic  *Automatic `json:"automatic,omitempty"` // nil: agents approve all of them
}

// CategoryRules are the rules of the products of one category. What is below it
// in the tree has rules of its own, or the default.
type CategoryRules struct {
	Category string `json:"category"` // its slug
	Rules
}

// Policies are the shop's rules for returns.
type Policies struct {
	Reasons    []Reason        `json:"reasons"` // that a return may have
	Default    Rules           `json:"default"`
	Categories []CategoryRules `json:"categories"`
	Version    int64           `json:"-"` // 1: the defaults, which nobody has changed
}

// ErrPoliciesVersion answers a write that demands another version than the stored.
var ErrPoliciesVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
	"The policies have changed since you read them. Read them again.").At("If-Match", "is not the current version")

// DefaultPolicies are those until an admin makes others: 30 days, and an agent
// looks at each return.
func DefaultPolicies() Policies {
	return Policies{
		Reasons: []Reason{Damaged, WrongItem, Unwanted, Other},
		Default: Rules{WindowDays: 30}, Categories: []CategoryRules{}, Version: 1,
	}
}

// refusal gathers the fields that a request is refused for.
type refusal struct{ err *fault.Error }

// refuse names one more field; code and detail are those of the first.
func (r *refusal) refuse(code, detail, field, reason string) {
	if r.err == nil {
		r.err = fault.New(fault.Unprocessable, code, detail)
	}
	r.err = r.err.At(field, reason)
}

// error gives the refusal as an error; nil: nothing was refused.
func (r *refusal) error() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Check gives fault.Unprocessable naming what does not fit together: each category
// stands once, each currency of a limit too, and what is approved for a reason
// has one of the shop's.
func (p Policies) Check() error {
	var bad refusal
	refuse := func(at, why string) {
		bad.refuse("policies_refused", "The policies do not fit together.", at, why)
	}
	check := func(at string, a *Automatic) {
		if a == nil {
			return
		}
		for i, r := range a.Reasons {
			if !slices.Contains(p.Reasons, r) {
				refuse(fmt.Sprintf("%s/automatic/reasons/%d", at, i), "is not one of the reasons")
			}
		}
		seen := map[string]bool{}
		for i, m := range a.UpTo {
			if seen[m.Currency] {
				refuse(fmt.Sprintf("%s/automatic/up_to/%d/currency", at, i), "stands twice")
			}
			seen[m.Currency] = true
		}
	}
	check("/default", p.Default.Automatic)
	seen := map[string]bool{}
	for i, c := range p.Categories {
		at := fmt.Sprintf("/categories/%d", i)
		if seen[c.Category] {
			refuse(at+"/category", "stands twice")
		}
		seen[c.Category] = true
		check(at, c.Automatic)
	}
	return bad.error()
}

// of gives the rules of a category.
func (p Policies) of(category string) Rules {
	for _, c := range p.Categories {
		if c.Category == category {
			return c.Rules
		}
	}
	return p.Default
}

// until gives when the window of an order ends. An order whose delivery has no
// time is from before there was one: its window is open.
func (r Rules) until(o Order) time.Time {
	return o.DeliveredAt.Add(time.Duration(r.WindowDays) * 24 * time.Hour)
}

func (r Rules) open(o Order, now time.Time) bool {
	return r.WindowDays > 0 && (o.DeliveredAt.IsZero() || now.Before(r.until(o)))
}

// check refuses what the shop does not take back of a customer; an agent may
// ask for it at any time. The errors name the lines.
func (p Policies) check(lines []Line, o Order, agent bool, now time.Time) error {
	var bad refusal
	for i, l := range lines {
		rules := p.of(o.Sold[l.SKU].Category)
		at := fmt.Sprintf("/lines/%d/", i)
		switch {
		case !slices.Contains(p.Reasons, l.Reason):
			bad.refuse("reason_unknown", "The shop has no such reason.", at+"reason", "is not one of the reasons")
		case agent || o.Bought[l.SKU] == 0 || rules.open(o, now):
		case rules.WindowDays == 0:
			bad.refuse("not_returnable", "The shop does not take this back.", at+"sku", "cannot be sent back")
		default:
			end := rules.until(o).UTC().Format(time.RFC3339)
			bad.refuse("return_window_over", "This could be sent back until "+end+".", at+"sku", "could be sent back until "+end)
		}
	}
	return bad.error()
}

// automatic says whether a return of an order needs no agent: each line has a
// reason for which its rules approve, the window is open, and all returns of the
// order, those that were approved before included, are not worth more than the
// rules allow. So nobody gets around the limit with many small returns.
func (p Policies) automatic(all []Return, r Return, o Order, now time.Time) bool {
	worth, ok := o.worth(append(slices.Clone(all), r))
	if !ok {
		return false
	}
	for _, l := range r.Lines {
		rules := p.of(o.Sold[l.SKU].Category)
		if rules.Automatic == nil || !rules.open(o, now) || !slices.Contains(rules.Automatic.Reasons, l.Reason) {
			return false
		}
		under := func(limit money.Money) bool { return limit.Currency == o.Currency && worth <= limit.Amount }
		if !slices.ContainsFunc(rules.Automatic.UpTo, under) {
			return false
		}
	}
	return true
}

// worth gives what was paid for the pieces of returns, in minor units, each
// line rounded up; false: it is not known.
func (o Order) worth(all []Return) (sum int64, ok bool) {
	pieces := map[string]int{}
	for _, r := range all {
		for _, l := range r.Lines {
			pieces[l.SKU] += r.claims(l)
		}
	}
	for sku, n := range pieces {
		line, known := o.Sold[sku]
		of := int64(o.Bought[sku])
		if !known || of == 0 {
			return 0, false
		}
		each, rest := line.Paid/of, line.Paid%of
		sum += each*int64(n) + (rest*int64(n)+of-1)/of
	}
	return sum, true
}

// Open adds a return that somebody asks for under the shop's policies. It is
// approved where they say so, else it waits for an agent. Like Request it
// changes nothing where the return is there.
func (o *OfOrder) Open(r Return, order Order, p Policies, agent bool, now time.Time) error {
	if _, err := o.find(r.ID); err == nil {
		return nil
	}
	if err := p.check(r.Lines, order, agent, now); err != nil {
		return err
	}
	status := Requested
	if p.automatic(o.Returns, r, order, now) {
		status, r.Automatic = Approved, true
	}
	return o.add(r, order.Bought, status)
}
