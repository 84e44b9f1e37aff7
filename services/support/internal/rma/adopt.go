package rma

import (
	"slices"

	"tienda/internal/money"
)

// coarse is what another system may have for a status of here, for want of a word.
var coarse = map[Status]Status{PartiallyReceived: Approved, RefundFailed: Received}

// usual are the reasons that another system may be expected to have; it calls others Other.
var usual = []Reason{Damaged, WrongItem, Unwanted, Other}

// adopt keeps of a return as it is here what a moved one has no word for: what stands beside
// its lines, its label, a closer word for its status, and its parcels with what was refunded
// for each, under the IDs by which orders knows them. So nothing is refunded twice, whoever
// has begun it. Parcels that the moved one contradicts go: more came than it wants back, or it
// counts the pieces itself.
func (r *Return) adopt(was Return, m Moved) {
	u := r.Unsaid
	r.Automatic, r.OpenedBy = was.Automatic, was.OpenedBy
	keep := func(is, kept *string, here string) {
		if *is == "" {
			*is, *kept = here, here
		}
	}
	keep(&r.Carrier, &u.Carrier, was.Carrier)
	keep(&r.Label, &u.Label, was.Label)
	if r.Status == Rejected {
		keep(&r.Rejection, &u.Rejection, was.Rejection)
	}
	if u.UpdatedAt != nil && was.UpdatedAt.After(*u.UpdatedAt) {
		r.UpdatedAt, u.UpdatedAt = was.UpdatedAt, &was.UpdatedAt
	}
	for i := range r.Lines {
		if j := slices.IndexFunc(was.Lines, func(l Line) bool { return l.SKU == r.Lines[i].SKU }); j >= 0 {
			r.adoptLine(&r.Lines[i], was.Lines[j])
		}
	}
	if len(was.Receipts) > 0 && !m.tells() && covers(r.Lines, was.Receipts) {
		r.adoptReceipts(was)
	}
}

func (r *Return) adoptLine(l *Line, was Line) {
	u := r.Unsaid
	l.Exchange = was.Exchange
	if l.Note == "" && was.Note != "" {
		if u.Notes == nil {
			u.Notes = map[string]string{}
		}
		l.Note, u.Notes[l.SKU] = was.Note, was.Note
	}
	if l.Reason == Other && !slices.Contains(usual, was.Reason) {
		if u.Reasons == nil {
			u.Reasons = map[string]Reason{}
		}
		l.Reason, u.Reasons[l.SKU] = was.Reason, Other
	}
}

// adoptReceipts keeps the parcels. What has come back in the other system since is one more.
// If that has refunded the return, it has refunded what nothing was refunded for here.
func (r *Return) adoptReceipts(was Return) {
	u := r.Unsaid
	r.Before = was.Before
	receipts := slices.Clone(was.Receipts)
	lines := counted(r.Lines, receipts)
	if left := rest(lines); r.Status.Back() && !was.Status.Back() && len(left) > 0 && len(r.Receipts) > 0 {
		p := r.Receipts[0]
		p.Lines, p.Refund = left, nil
		if i := slices.IndexFunc(receipts, func(o Receipt) bool { return o.ID == p.ID }); i >= 0 {
			receipts[i].Lines = together(append(slices.Clone(receipts[i].Lines), left...))
		} else {
			receipts = append(receipts, p)
		}
		lines = counted(r.Lines, receipts)
	}
	r.Receipts, r.Lines = receipts, lines
	if !slices.ContainsFunc(receipts, func(p Receipt) bool { return p.Moved }) {
		u.ReceivedAt = nil
	}
	for _, l := range lines {
		u.Received[l.SKU], u.Restocked[l.SKU] = l.Received, l.Restocked
	}
	switch {
	case r.Status == Refunded:
		r.settleThere()
	case coarse[was.Status] == r.Status:
		r.Status, u.Status, r.Failure = was.Status, r.Status, was.Failure
	case r.Status == Approved:
		r.Status, u.Status = PartiallyReceived, Approved
	}
	if r.Refund == nil {
		r.Refund, u.Refund = was.Refund, was.Refund
	}
}

// settleThere notes of the parcels that wait for a refund that the other system has made it:
// what it has refunded in all less what was refunded for the others.
func (r *Return) settleThere() {
	left := *r.Refund
	for _, m := range r.refunds() {
		if m != nil {
			left.Amount -= m.Amount
		}
	}
	left.Amount = max(left.Amount, 0)
	for i := range r.Receipts {
		if p := &r.Receipts[i]; p.Refund == nil {
			share := left
			p.Refund, p.Failure, left.Amount = &share, "", 0
		}
	}
}

// refunds gives all that was refunded of a return; nil: not yet.
func (r *Return) refunds() []*money.Money {
	all := []*money.Money{r.Before}
	for _, p := range r.Receipts {
		all = append(all, p.Refund)
		if p.Exchange != nil {
			all = append(all, p.Exchange.Refund)
		}
	}
	return all
}

// tells says whether the moved return counts by itself the pieces that came back.
func (m Moved) tells() bool {
	return m.ReceivedAt != nil || slices.ContainsFunc(m.Lines, func(l MovedLine) bool { return l.Received != nil || l.Restocked != nil })
}

// covers says whether parcels fit the lines of a return.
func covers(lines []Line, receipts []Receipt) bool {
	for _, p := range receipts {
		for _, c := range p.Lines {
			if !slices.ContainsFunc(lines, func(l Line) bool { return l.SKU == c.SKU }) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(counted(lines, receipts), func(l Line) bool { return l.Received > l.Quantity })
}

// leaveKept leaves out what was kept, and is still the same.
func (u *Unsaid) leaveKept(m *Moved) {
	if u.Status != "" && coarse[m.Status] == u.Status {
		m.Status = u.Status
	}
	if m.Status == RefundFailed { // which nobody else has a word for
		m.Status = Received
	}
	leave := func(is *string, kept string) {
		if *is == kept {
			*is = ""
		}
	}
	leave(&m.Carrier, u.Carrier)
	leave(&m.Label, u.Label)
	leave(&m.Rejection, u.Rejection)
	if u.Refund != nil && m.Refund != nil && *u.Refund == *m.Refund {
		m.Refund = nil
	}
}

func (u *Unsaid) reason(l Line) Reason {
	if said := u.Reasons[l.SKU]; said != "" && !slices.Contains(usual, l.Reason) {
		return said
	}
	return l.Reason
}

func (u *Unsaid) note(l Line) string {
	if u.Notes[l.SKU] == l.Note {
		return ""
	}
	return l.Note
}
