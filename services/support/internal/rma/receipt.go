package rma

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// MaxReceipts is in how many parts a return may come back.
const MaxReceipts = 50

// Came is pieces of one line that came back, and what their inspection has found.
// Pieces of an SKU may stand apart, with findings of their own.
type Came struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Restock  bool   `json:"restock"` // they can be sold again; else they are scrap
	// Deduction is how much of what was paid for them is not refunded, in percent,
	// for the reason that is given with it; the customer sees both.
	Deduction int    `json:"deduction_percent,omitempty"`
	Why       string `json:"deduction_reason,omitempty"`
	// Exchange is the SKU that the customer wants for them, as the return says. Pieces
	// with a deduction are refunded all the same.
	Exchange string `json:"exchange_sku,omitempty"`
}

// Receipt is one parcel of a return, refunded and restocked by itself.
type Receipt struct {
	ID         string       `json:"id"`        // the agent's choice, so that a repeat is none; that of the return for the last one
	RefundID   string       `json:"refund_id"` // what orders and catalog know the refund and the restock by
	Lines      []Came       `json:"lines"`
	Refund     *money.Money `json:"refund,omitempty"`
	Exchange   *Exchange    `json:"exchange,omitempty"` // what is sent for some of it; its value is not in the refund
	Failure    string       `json:"failure,omitempty"`  // why orders refused the refund
	ReceivedAt time.Time    `json:"received_at"`
	// Moved is of what came back in another system: that has restocked it.
	Moved bool `json:"moved,omitempty"`
}

// refundable gives the lines that a refund is asked for. What another system has
// restocked is not restocked again.
func (p Receipt) refundable() []Came {
	if !p.Moved {
		return p.Lines
	}
	out := slices.Clone(p.Lines)
	for i := range out {
		out[i].Restock = false
	}
	return together(out)
}

func (p Receipt) waits() bool { return p.Refund == nil && p.Failure == "" || p.Exchange.owed() }

// refundID is the return's own for a return that came back whole, as it was
// before there were parts; for a part one that nobody can choose.
func refundID(returnID, receiptID string) string {
	if receiptID == returnID {
		return returnID
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(returnID+"/"+receiptID)).String()
}

// Owes says whether the return waits for a refund, or for that being noted. One that
// was moved in waits for nothing here until it is changed here: where it came from may
// refund it.
func (r Return) Owes() bool {
	if r.Origin != nil && !r.Resumed {
		return false
	}
	return r.Status == Received || slices.ContainsFunc(r.Receipts, Receipt.waits)
}

// Take notes a parcel of a return: some of it, more may follow. When all pieces
// are back the return is received. The same receipt again changes nothing,
// with other lines it is ErrReceived; one whose refund failed is tried again,
// with the lines that are given now.
func (o *OfOrder) Take(id, receiptID string, version int64, came []Came, now time.Time) error {
	return o.take(id, receiptID, version, came, false, now)
}

// Receive notes the last parcel: nil means all that is not back yet, fit to be
// sold again. What does not come can be asked for again. A repeat changes
// nothing, unless it tells of other lines: ErrReceived. A return whose refund
// failed is received once more, with the lines that are given now; nil then
// means those that it had.
func (o *OfOrder) Receive(id string, version int64, came []Came, now time.Time) error {
	return o.take(id, id, version, came, true, now)
}

// CloseShort says that no more comes of a return of which some came.
func (o *OfOrder) CloseShort(id string, version int64, now time.Time) error {
	r, err := o.find(id)
	if err != nil {
		return err
	}
	switch {
	case r.Status.Back():
		return nil
	case r.Status != PartiallyReceived:
		return ErrStatus
	case version != 0 && version != r.Version:
		return ErrVersion
	}
	o.record(r, Change{}, Received, now)
	return nil
}

func (o *OfOrder) take(id, receiptID string, version int64, came []Came, last bool, now time.Time) error {
	r, err := o.find(id)
	if err != nil {
		return err
	}
	came = r.prepaid(r.swaps(came))
	i := slices.IndexFunc(r.Receipts, func(p Receipt) bool { return p.ID == receiptID })
	again := i >= 0 && r.Receipts[i].Failure != ""
	// Another system has received all of it: from now on its refund is for us to make.
	resumes := !again && last && came == nil && r.Status == Received && r.Origin != nil && !r.Resumed
	switch {
	case i >= 0 && !again && came != nil && !sameLines(r.Receipts[i].Lines, came):
		return ErrReceived
	case i >= 0 && !again && !resumes, i < 0 && last && came == nil && r.Status.Back() && !resumes:
		return nil
	case version != 0 && version != r.Version:
		return ErrVersion
	case resumes:
		o.record(r, Change{Silent: true}, Received, now)
		return nil
	case i < 0 && last && r.Status.Back():
		return ErrReceived
	case i < 0 && r.Status != PartiallyReceived && !r.Status.may(PartiallyReceived):
		return ErrStatus
	case i < 0 && len(r.Receipts) >= MaxReceipts:
		return ErrTooManyReceipts
	}
	p := Receipt{ID: receiptID, RefundID: refundID(id, receiptID), Lines: came, ReceivedAt: now}
	others := slices.Clone(r.Receipts)
	if again {
		others = slices.Delete(others, i, i+1)
		if came == nil {
			p.Lines = r.Receipts[i].Lines
		}
	} else if came == nil {
		p.Lines = r.prepaid(r.swaps(rest(r.Lines)))
	}
	lines := counted(r.Lines, others)
	if err := fits(lines, p.Lines); err != nil {
		return err
	}
	others = append(others, p)
	r.Receipts = others
	r.Lines = counted(r.Lines, r.Receipts)
	to := PartiallyReceived
	if last || r.Status.Back() || len(rest(r.Lines)) == 0 {
		to = Received
	}
	o.record(r, Change{Receipt: &p}, to, now)
	return nil
}

// rest gives what has not come back yet, as if it could be sold again.
func rest(lines []Line) (out []Came) {
	for _, l := range lines {
		if n := l.Quantity - l.Received; n > 0 {
			out = append(out, Came{SKU: l.SKU, Quantity: n, Restock: true})
		}
	}
	return out
}

// counted gives the lines with what the receipts have brought.
func counted(lines []Line, receipts []Receipt) []Line {
	out := slices.Clone(lines)
	for i := range out {
		out[i].Received, out[i].Restocked = 0, 0
		for _, p := range receipts {
			for _, c := range p.Lines {
				if c.SKU != out[i].SKU {
					continue
				}
				out[i].Received += c.Quantity
				if c.Restock {
					out[i].Restocked += c.Quantity
				}
			}
		}
	}
	return out
}

// fits says whether what came is of the return and not more than is left. The
// pieces of a line may stand more than once, with other findings.
func fits(lines []Line, came []Came) error {
	left, seen := map[string]int{}, map[Came]bool{}
	for _, l := range lines {
		left[l.SKU] = l.Quantity - l.Received
	}
	for n, c := range came {
		bad := func(code, field, reason string) error {
			return fault.New(fault.Unprocessable, code, "The return does not have this.").At(fmt.Sprintf("/lines/%d/%s", n, field), reason)
		}
		was, known := left[c.SKU]
		kind := c
		kind.Quantity = 0
		switch {
		case !known:
			return bad("unknown_sku", "sku", "is not in the return")
		case seen[kind]:
			return bad("duplicate_sku", "sku", "stands twice")
		case c.Quantity > was:
			return bad("quantity_exceeded", "quantity", fmt.Sprintf("is more than the %d that are left of the return", was))
		}
		seen[kind] = true
		left[c.SKU] -= c.Quantity
	}
	return nil
}

// Refunded notes that orders has made a refund; a repeat changes nothing.
func (o *OfOrder) Refunded(refundID string, amount money.Money, now time.Time) error {
	r, p, err := o.behind(refundID)
	if err != nil || p.Refund != nil {
		return err
	}
	p.Refund, p.Failure = &amount, ""
	o.settle(r, now)
	return nil
}

// RefundRefused notes why orders will not make a refund. One that was made
// meanwhile stays so.
func (o *OfOrder) RefundRefused(refundID, why string, now time.Time) error {
	r, p, err := o.behind(refundID)
	if err != nil || p.Refund != nil || p.Failure != "" {
		return err
	}
	p.Failure = why
	o.settle(r, now)
	return nil
}

// Settle moves a received return on when no refund of it is open any more.
func (o *OfOrder) Settle(id string, now time.Time) error {
	r, err := o.find(id)
	if err != nil || r.Status != Received || slices.ContainsFunc(r.Receipts, Receipt.waits) {
		return err
	}
	o.settle(r, now)
	return nil
}

// behind gives the receipt that a refund is of, free to be changed.
func (o *OfOrder) behind(refundID string) (*Return, *Receipt, error) {
	for i := range o.Returns {
		r := &o.Returns[i]
		if j := slices.IndexFunc(r.Receipts, func(p Receipt) bool { return p.RefundID == refundID }); j >= 0 {
			r.Receipts = slices.Clone(r.Receipts)
			return r, &r.Receipts[j], nil
		}
	}
	if _, err := o.find(refundID); err != nil {
		return nil, nil, err
	}
	return nil, nil, ErrStatus
}

// settle enters the status that the refunds of a return leave it in. While
// more is expected the refund of a part is announced by orders alone.
func (o *OfOrder) settle(r *Return, now time.Time) {
	r.Refund, r.Failure = nil, ""
	open := false
	add := func(m *money.Money) {
		if m != nil && r.Refund == nil {
			r.Refund = &money.Money{Currency: m.Currency}
		}
		if m != nil {
			r.Refund.Amount += m.Amount
		}
	}
	add(r.Before)
	for _, p := range r.Receipts {
		open = open || p.waits()
		if p.Failure != "" {
			r.Failure = p.Failure
			continue
		}
		add(p.Refund)
		if p.Exchange != nil {
			add(p.Exchange.Refund)
		}
	}
	switch {
	case !r.Status.Back():
		o.record(r, Change{Silent: true}, r.Status, now)
	case open:
		o.record(r, Change{Silent: r.Status == Received}, Received, now)
	case r.Failure != "":
		o.record(r, Change{Silent: r.Status == RefundFailed}, RefundFailed, now)
	default:
		o.record(r, Change{}, Refunded, now)
	}
}

func sameLines(a, b []Came) bool {
	order := func(x, y Came) int {
		fit := 0
		if x.Restock != y.Restock {
			fit = 1
			if x.Restock {
				fit = -1
			}
		}
		return cmp.Or(cmp.Compare(x.SKU, y.SKU), fit, cmp.Compare(x.Deduction, y.Deduction),
			cmp.Compare(x.Why, y.Why), cmp.Compare(x.Quantity, y.Quantity))
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
