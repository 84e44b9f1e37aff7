package rma

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
)

// Moved is a return as the system has it from which it is moved in: all that is taken
// over of it, and all that is compared with it afterwards.
type Moved struct {
	OrderID    string      `json:"order_id"`
	CustomerID string      `json:"customer_id,omitempty"` // "": a guest's order
	TicketID   string      `json:"ticket_id,omitempty"`
	Status     Status      `json:"status"`
	Lines      []MovedLine `json:"lines"`
	Carrier    string      `json:"carrier,omitempty"`
	Label      string      `json:"label,omitempty"`
	Rejection  string      `json:"rejection,omitempty"`
	// Refund is what was refunded there: of what has come back, or, where nothing has, of
	// the whole return.
	Refund     *money.Money `json:"refund,omitempty"`
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  *time.Time   `json:"updated_at,omitempty"`  // nil: ReceivedAt, else CreatedAt
	ReceivedAt *time.Time   `json:"received_at,omitempty"` // nil: UpdatedAt, else CreatedAt
}

// MovedLine is a line of it.
type MovedLine struct {
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"`
	Reason    Reason `json:"reason"`
	Note      string `json:"note,omitempty"`
	Received  *int   `json:"received,omitempty"`  // nil: all of a return that is received or refunded, else none
	Restocked *int   `json:"restocked,omitempty"` // nil: all that was received
}

// Unsaid is what was filled in for what a moved return did not say, or was kept of what was
// here.
type Unsaid struct {
	Received   map[string]int `json:"received,omitempty"` // by SKU
	Restocked  map[string]int `json:"restocked,omitempty"`
	UpdatedAt  *time.Time     `json:"updated_at,omitempty"`
	ReceivedAt *time.Time     `json:"received_at,omitempty"`

	// Of one that was made here.
	Status    Status            `json:"status,omitempty"`  // that was said instead of a closer word
	Reasons   map[string]Reason `json:"reasons,omitempty"` // the same, by SKU
	Notes     map[string]string `json:"notes,omitempty"`   // by SKU
	Carrier   string            `json:"carrier,omitempty"`
	Label     string            `json:"label,omitempty"`
	Rejection string            `json:"rejection,omitempty"`
	Refund    *money.Money      `json:"refund,omitempty"`
}

// ErrMadeHere answers one that has the ID of a return that was made here.
var ErrMadeHere = fault.New(fault.Conflict, "made_here", "A return with this ID was made here.")

// paidBefore is what customers read of pieces that nothing more is refunded for.
const paidBefore = "Refunded before it came back."

// Held gives the source of a return; nil: there is none, or it was made here.
func (o *OfOrder) Held(id string) *origin.Source {
	if r, err := o.find(id); err == nil {
		return r.Origin
	}
	return nil
}

// MoveIn keeps a return as another system has it, in the place of what is here of it.
// Nothing of that stays, neither parcels that were received here. It is announced to
// nobody, and no refund is made of it until it is changed here.
//
// One that was made here is taken over if adopts says so, and is of the same customer; of
// that everything stays for which another system has no word, see adopt.
func (o *OfOrder) MoveIn(id string, m Moved, from origin.Source, adopts bool) error {
	i := slices.IndexFunc(o.Returns, func(r Return) bool { return r.ID == id })
	switch {
	case i >= 0 && o.Returns[i].Origin == nil && (!adopts || o.Returns[i].CustomerID != m.CustomerID):
		return ErrMadeHere
	case i < 0 && len(o.Returns) >= MaxPerOrder:
		return ErrTooMany
	}
	r, err := m.asReturn(id, from)
	if err != nil {
		return err
	}
	if i < 0 {
		o.Returns = append(o.Returns, r)
		return nil
	}
	was := o.Returns[i]
	if adopts {
		r.adopt(was, m)
	}
	r.MadeHere = (was.MadeHere || was.Origin == nil) && r.CustomerID == was.CustomerID
	r.Version = was.Version + 1
	o.Returns[i] = r
	return nil
}

// MoveOut takes a return away that was moved in; false: there is none.
func (o *OfOrder) MoveOut(id string) bool {
	before := len(o.Returns)
	o.Returns = slices.DeleteFunc(o.Returns, func(r Return) bool { return r.ID == id && r.Origin != nil })
	return len(o.Returns) < before
}

func (m Moved) asReturn(id string, from origin.Source) (Return, error) {
	r := Return{
		ID: id, OrderID: m.OrderID, CustomerID: m.CustomerID, TicketID: m.TicketID, Status: m.Status, Carrier: m.Carrier,
		Label: m.Label, Rejection: m.Rejection, Refund: m.Refund, OpenedBy: m.CustomerID, CreatedAt: m.CreatedAt,
		Version: 1, Origin: &from, Unsaid: &Unsaid{Received: map[string]int{}, Restocked: map[string]int{}},
		Lines: make([]Line, len(m.Lines)),
	}
	var bad refusal
	came := m.lines(&r, &bad)
	if err := bad.error(); err != nil {
		return Return{}, err
	}
	received := m.times(&r)
	switch {
	case len(came) > 0:
		receipt := movedReceipt(id)
		r.Receipts = []Receipt{{ID: receipt, RefundID: refundID(id, receipt), Lines: came, Refund: m.Refund, ReceivedAt: received, Moved: true}}
	case m.Refund != nil:
		r.Before = m.Refund
	}
	return r, nil
}

// movedReceipt is the ID of the receipt of what came back in another system.
func movedReceipt(returnID string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(returnID+"/moved")).String()
}

// lines fills the lines of the return, and gives what has come back.
func (m Moved) lines(r *Return, bad *refusal) (came []Came) {
	seen := map[string]bool{}
	for i, l := range m.Lines {
		refuse := func(code, field, reason string) {
			bad.refuse(code, "The return does not fit together.", fmt.Sprintf("/lines/%d/%s", i, field), reason)
		}
		received, restocked := m.counts(l, r.Unsaid)
		switch {
		case seen[l.SKU]:
			refuse("duplicate_sku", "sku", "stands twice")
		case received > l.Quantity:
			refuse("quantity_exceeded", "received", "is more than the quantity")
		case restocked > received:
			refuse("quantity_exceeded", "restocked", "is more than was received")
		case received > 0 && !m.Status.Back() && m.Status != PartiallyReceived:
			refuse("return_status", "received", "is more than 0, and the status says that nothing is back")
		}
		seen[l.SKU] = true
		r.Lines[i] = Line{SKU: l.SKU, Quantity: l.Quantity, Reason: l.Reason, Note: l.Note, Received: received, Restocked: restocked}
		if restocked > 0 {
			came = append(came, Came{SKU: l.SKU, Quantity: restocked, Restock: true})
		}
		if scrap := received - restocked; scrap > 0 {
			came = append(came, Came{SKU: l.SKU, Quantity: scrap})
		}
	}
	const detail = "The return does not fit together."
	if len(came) == 0 && (m.Status == PartiallyReceived || m.Status == Received) {
		bad.refuse("return_status", detail, "/lines", "say that nothing is back")
	}
	if len(came) == 0 && m.ReceivedAt != nil {
		bad.refuse("return_status", detail, "/received_at", "is when nothing came back")
	}
	if m.Refund == nil && m.Status == Refunded {
		bad.refuse("return_status", detail, "/refund", "is required")
	}
	return came
}

// counts gives how many pieces of a line came back, and were restocked.
func (m Moved) counts(l MovedLine, u *Unsaid) (received, restocked int) {
	switch {
	case l.Received != nil:
		received = *l.Received
	case m.Status.Back():
		received = l.Quantity
	}
	restocked = received
	if l.Restocked != nil {
		restocked = *l.Restocked
	}
	if l.Received == nil {
		u.Received[l.SKU] = received
	}
	if l.Restocked == nil {
		u.Restocked[l.SKU] = restocked
	}
	return received, restocked
}

// times fills when the return changed last, and gives when it was received.
func (m Moved) times(r *Return) time.Time {
	at := m.CreatedAt
	for _, said := range []*time.Time{m.ReceivedAt, m.UpdatedAt} {
		if said != nil {
			at = *said
		}
	}
	received := at
	if m.ReceivedAt != nil {
		received = *m.ReceivedAt
	} else {
		r.Unsaid.ReceivedAt = &received
	}
	r.UpdatedAt = at
	if m.UpdatedAt == nil {
		r.Unsaid.UpdatedAt = &at
	}
	return received
}

// Moved gives what the return says now of what was moved. What was filled in is left
// out, unless it is something else by now.
func (r Return) Moved() Moved {
	u := r.Unsaid
	if u == nil {
		u = &Unsaid{}
	}
	m := Moved{
		OrderID: r.OrderID, CustomerID: r.CustomerID, TicketID: r.TicketID, Status: r.Status, Carrier: r.Carrier, Label: r.Label,
		Rejection: r.Rejection, Refund: r.Refund, CreatedAt: r.CreatedAt, Lines: make([]MovedLine, len(r.Lines)),
	}
	u.leaveKept(&m)
	if u.UpdatedAt == nil || !u.UpdatedAt.Equal(r.UpdatedAt) {
		m.UpdatedAt = &r.UpdatedAt
	}
	for i := range r.Receipts {
		if p := &r.Receipts[i]; p.Moved && (u.ReceivedAt == nil || !u.ReceivedAt.Equal(p.ReceivedAt)) {
			m.ReceivedAt = &p.ReceivedAt
		}
	}
	said := func(filled map[string]int, sku string, n int) *int {
		if was, ok := filled[sku]; ok && was == n {
			return nil
		}
		return &n
	}
	for i, l := range r.Lines {
		m.Lines[i] = MovedLine{
			SKU: l.SKU, Quantity: l.Quantity, Reason: u.reason(l), Note: u.note(l),
			Received: said(u.Received, l.SKU, l.Received), Restocked: said(u.Restocked, l.SKU, l.Restocked),
		}
	}
	return m
}

// prepaid says of what came back that nothing of it is refunded, where another system
// has refunded the return before anything came: so it is restocked, and not paid twice.
func (r *Return) prepaid(came []Came) []Came {
	if r.Before == nil {
		return came
	}
	out := slices.Clone(came)
	for i := range out {
		out[i].Deduction, out[i].Why, out[i].Exchange = 100, paidBefore, ""
	}
	return together(out)
}

// together adds up the pieces of a line of which the same was found.
func together(came []Came) (out []Came) {
	for _, c := range came {
		i := slices.IndexFunc(out, func(o Came) bool {
			o.Quantity = c.Quantity
			return o == c
		})
		if i < 0 {
			out = append(out, c)
		} else {
			out[i].Quantity += c.Quantity
		}
	}
	return out
}
