package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// fact is something that is to be announced, once.
type fact struct{ kind, subject, ret string }

func (f fact) String() string {
	s := f.kind + " of " + f.subject
	if f.ret != "" {
		s += " for " + f.part() + " " + f.ret
	}
	return s
}

// part says what of the subject a fact is about.
func (f fact) part() string {
	switch f.kind {
	case OrderPartShipped:
		return "shipment"
	case OrderLinesCancelled:
		return "cancellation"
	default:
		return "return"
	}
}

// events holds what was announced to what happened.
func (c *checker) events() {
	must, may := c.facts()
	told := map[fact]map[string]bool{} // with the IDs of its events
	for _, e := range c.run.Final.Events {
		if !judged(e.Type) {
			continue
		}
		f := fact{e.Type, e.Subject, e.Return}
		if told[f] == nil {
			told[f] = map[string]bool{}
		}
		told[f][e.ID] = true
	}
	for f := range must {
		if len(told[f]) == 0 {
			c.wrong(EventLost, "%s was not announced", f)
		}
	}
	for f, ids := range told {
		if !must[f] && !may[f] {
			c.wrong(EventFalse, "%s was announced and did not happen", f)
		}
		if len(ids) > 1 {
			c.wrong(EventTwice, "%s was announced as %s", f, strings.Join(slices.Sorted(maps.Keys(ids)), " and "))
		}
	}
}

func judged(kind string) bool {
	switch kind {
	case OrderConfirmed, OrderCancelled, OrderPartShipped, OrderLinesCancelled, OrderShipped, OrderDelivered, OrderRefunded, OrderExchanged:
		return true
	}
	return strings.HasPrefix(kind, returnPrefix)
}

// facts says what must have been announced, and what may have been besides.
func (c *checker) facts() (must, may map[fact]bool) {
	must, may = map[fact]bool{}, map[fact]bool{}
	for _, o := range c.run.Final.Orders {
		switch o.Status {
		case Delivered:
			must[fact{OrderDelivered, o.ID, ""}] = true
			fallthrough
		case Shipped:
			must[fact{OrderShipped, o.ID, ""}] = true
			fallthrough
		case Confirmed, PartiallyShipped:
			must[fact{OrderConfirmed, o.ID, ""}] = true
		case Cancelled:
			must[fact{OrderCancelled, o.ID, ""}] = true
			if !o.Refused {
				must[fact{OrderConfirmed, o.ID, ""}] = true
			}
		case Pending:
		}
		for _, s := range o.sentInPart() {
			must[fact{OrderPartShipped, o.ID, s.ID}] = true
		}
		if n := len(o.Shipments); n > 0 && len(o.Cancellations) > 0 { // after which the rest may have been cancelled
			may[fact{OrderPartShipped, o.ID, o.Shipments[n-1].ID}] = true
		}
		for i, x := range o.Cancellations {
			if !o.ended() || i < len(o.Cancellations)-1 {
				must[fact{OrderLinesCancelled, o.ID, x.ID}] = true
			}
		}
		for _, f := range o.Refunds {
			must[fact{OrderRefunded, o.ID, f.Return}] = true
			if f.Exchange != nil && f.Exchange.Status != ExchangeOwed {
				must[fact{OrderExchanged, o.ID, f.Return}] = true
			}
		}
	}
	for _, r := range c.run.Final.Returns {
		was := []ReturnStatus{ReturnRequested}
		switch r.Status {
		case ReturnRequested:
		case ReturnApproved, ReturnRejected:
			was = append(was, r.Status)
		case ReturnInParts:
			was = append(was, ReturnApproved)
		case ReturnReceived, ReturnFailed:
			was = append(was, ReturnApproved, ReturnReceived, r.Status)
		case ReturnRefunded:
			was = append(was, ReturnApproved, ReturnReceived, r.Status)
			may[fact{returnPrefix + string(ReturnFailed), r.ID, ""}] = true
		}
		for _, p := range r.Receipts {
			if p.ID != r.ID {
				must[fact{ReturnPart, r.ID, p.ID}] = true
			}
		}
		for _, s := range was {
			must[fact{returnPrefix + string(s), r.ID, ""}] = true
		}
	}
	return must, may
}

// heard holds what the consumers have made of the events that show in single
// documents: support notes the refund of a return, orders the status of it.
// What catalog has made of them shows in its ledgers.
func (c *checker) heard() {
	for _, r := range c.run.Final.Returns {
		o := c.byID[r.Order]
		i := slices.IndexFunc(o.Returns, func(n ReturnNews) bool { return n.Return == r.ID })
		if i < 0 {
			o.Returns, i = []ReturnNews{{}}, 0
		}
		known := o.Returns[i].Status
		parts := r.Status == ReturnInParts && slices.ContainsFunc(r.Receipts, func(p Receipt) bool { return c.isDead("orders", ReturnPart, r.ID, p.ID) })
		if known != r.Status && !parts && !c.isDead("orders", returnPrefix+string(r.Status), r.ID, "") {
			c.wrong(NotApplied, "return %s is %s, its order %s has heard %q", r.ID, r.Status, r.Order, cmp.Or(known, "nothing"))
		}
	}
}

// Consumer counts the events that an app hears.
type Consumer struct {
	App                string
	Sent, DeadLettered int // different events
	Repeats            int // announcements of an event that was announced before
}

// hears says which events have an effect in which app.
func hears(app, kind string) bool {
	switch app {
	case "catalog":
		return kind == OrderCancelled || kind == OrderLinesCancelled || kind == OrderShipped || kind == OrderRefunded
	case "support":
		return kind == OrderRefunded || kind == OrderExchanged
	default:
		return strings.HasPrefix(kind, returnPrefix)
	}
}

// Consumers counts what was sent to each consumer. What is no dead letter was
// applied, or Check has said otherwise.
func Consumers(f Final) []Consumer {
	var out []Consumer
	for _, app := range []string{"catalog", "orders", "support"} {
		n := Consumer{App: app}
		seen := map[string]bool{}
		for _, e := range f.Events {
			switch {
			case !hears(app, e.Type):
			case seen[e.ID]:
				n.Repeats++
			default:
				seen[e.ID] = true
				n.Sent++
			}
		}
		letters := map[string]bool{}
		for _, d := range f.DeadLetters {
			if d.App == app {
				letters[d.ID] = true
			}
		}
		n.DeadLettered = len(letters)
		out = append(out, n)
	}
	return out
}
