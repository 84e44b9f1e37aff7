package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tienda/tests/history"
)

// What of the stored documents is judged.
type (
	orderDoc struct {
		ID     string         `json:"id"`
		Status history.Status `json:"status"`
		Note   string         `json:"note"` // the key and the cart that it came from
		Lines  []struct {
			SKU       string       `json:"sku"`
			Quantity  int          `json:"quantity"`
			UnitPrice *amountThere `json:"unit_price"`
			Charge    struct {
				Discounts []amountThere `json:"discounts"`
				Total     int64         `json:"total"`
			} `json:"charge"`
		} `json:"lines"`
		Replaces string    `json:"replaces"`
		Redeemed []string  `json:"redeemed"`
		Total    int64     `json:"total"`
		Refusal  *struct{} `json:"refusal"`
		Payment  struct {
			Refunded int64 `json:"refunded"`
		} `json:"payment"`
		Refunds []struct {
			ReturnID string               `json:"return_id"`
			Amount   int64                `json:"amount"`
			Lines    []history.RefundLine `json:"lines"`
			Exchange *exchangeDoc         `json:"exchange"`
		} `json:"refunds"`
		Shipments     []history.Shipment     `json:"shipments"`
		Cancellations []history.Cancellation `json:"cancellations"`
		Returns       []struct {
			ID     string               `json:"id"`
			Status history.ReturnStatus `json:"status"`
		} `json:"returns"`
	}
	exchangeDoc struct {
		OrderID  string                 `json:"order_id"`
		Status   history.ExchangeStatus `json:"status"`
		Value    int64                  `json:"value"`
		Refunded int64                  `json:"refunded"`
	}
	stockDoc struct {
		SKU    string `json:"sku"`
		OnHand int    `json:"on_hand"`
		Sold   int    `json:"sold"`
		Open   string `json:"open"`   // "<order ID> <quantity> <amount> <currency> <time> <marks>[ <from>[ <waiting> ...]];"
		Ledger string `json:"ledger"` // "<time> <kind> <location> <delta> <on hand> ...\n"
		Pages  int    `json:"ledger_pages"`
	}
	usesDoc struct {
		Folded int `json:"folded"`
		Open   []struct {
			Order string `json:"o"`
		} `json:"open"`
	}
	returnsDoc struct {
		Returns []struct {
			ID      string               `json:"id"`
			OrderID string               `json:"order_id"`
			Status  history.ReturnStatus `json:"status"`
			Refund  *amountThere         `json:"refund"`

			Receipts []struct {
				ID       string               `json:"id"`
				RefundID string               `json:"refund_id"`
				Refund   *amountThere         `json:"refund"`
				Exchange *exchangeDoc         `json:"exchange"`
				Lines    []history.RefundLine `json:"lines"`
			} `json:"receipts"`
		} `json:"returns"`
	}
	returnNews struct {
		ReturnID   string `json:"return_id"`
		ReceiptID  string `json:"receipt_id"`
		ShipmentID string `json:"shipment_id"`
		Cancelled  string `json:"cancellation_id"`
	}
)

// final looks at what is there in the end, in the stores and the broker.
func (w *world) final() history.Final {
	f := history.Final{At: time.Since(w.began)}
	for _, k := range w.apps["orders"].store.keys("order:") {
		var d orderDoc
		// Without lines it is what a key keeps of a cart that was empty: no order.
		if w.apps["orders"].store.document(k, &d) && (d.Refusal == nil || len(d.Lines) > 0) {
			f.Orders = append(f.Orders, orderOf(d))
		}
	}
	for _, k := range w.apps["catalog"].store.keys("stock:") {
		var d stockDoc
		if w.apps["catalog"].store.document(k, &d) {
			f.Stock = append(f.Stock, stockOf(d))
		}
	}
	for _, k := range w.apps["support"].store.keys("returns-of-order:") {
		var d returnsDoc
		if !w.apps["support"].store.document(k, &d) {
			continue
		}
		for _, r := range d.Returns {
			out := history.Return{ID: r.ID, Order: r.OrderID, Status: r.Status}
			if r.Refund != nil {
				out.Refund = r.Refund.Amount
			}
			for _, p := range r.Receipts {
				out.Receipts = append(out.Receipts, history.Receipt{ID: p.ID, Refund: p.RefundID, Noted: p.Refund != nil, Lines: p.Lines,
					Owed: p.Exchange != nil && p.Exchange.Status == history.ExchangeOwed})
			}
			f.Returns = append(f.Returns, out)
		}
	}
	for _, e := range w.published {
		out := history.Event{ID: e.ID, Type: e.Type, Subject: e.Subject}
		var news returnNews
		switch err := e.Decode(&news); {
		case err == nil && (e.Type == history.OrderRefunded || e.Type == history.OrderExchanged):
			out.Return = news.ReturnID
		case err == nil && e.Type == history.ReturnPart:
			out.Return = news.ReceiptID
		case err == nil && e.Type == history.OrderPartShipped:
			out.Return = news.ShipmentID
		case err == nil && e.Type == history.OrderLinesCancelled:
			out.Return = news.Cancelled
		}
		f.Events = append(f.Events, out)
	}
	return f
}

// sweepTime is how long the uses of orders that came to nothing may outlive them: a
// sweep, every 5 s, leaves those be that are younger than 5 s.
const sweepTime = 15 * time.Second

// uses gives the uses of each promotion.
func (w *world) uses() (all []history.Uses) {
	for _, k := range w.apps["orders"].store.keys(usesOf) {
		var d usesDoc
		if w.apps["orders"].store.document(k, &d) {
			out := history.Uses{Promotion: strings.TrimPrefix(k, usesOf), Folded: d.Folded}
			for _, u := range d.Open {
				out.Open = append(out.Open, u.Order)
			}
			all = append(all, out)
		}
	}
	return all
}

// unswept says whether uses stand of orders that were cancelled.
func (w *world) unswept() bool {
	return slices.ContainsFunc(w.uses(), func(u history.Uses) bool {
		return slices.ContainsFunc(u.Open, func(id string) bool {
			var d orderDoc
			return w.apps["orders"].store.document("order:"+id, &d) && d.Status == history.Cancelled
		})
	})
}

func stockOf(d stockDoc) history.Stock {
	s := history.Stock{SKU: d.SKU, OnHand: d.OnHand, Available: d.OnHand, Sold: d.Sold, Held: map[string]int{}, Booked: bookedOf(d)}
	for one := range strings.SplitSeq(strings.TrimSuffix(d.Open, ";"), ";") {
		var id string
		var quantity, waiting int
		if n, _ := fmt.Sscanf(one, "%s %d", &id, &quantity); n != 2 {
			continue
		}
		if f := strings.Split(one, " "); len(f) > 7 {
			var err error
			if waiting, err = strconv.Atoi(f[7]); err != nil {
				panic("simulation: a reservation that is not one: " + one)
			}
		}
		s.Held[id] = quantity
		s.Reserved += quantity - waiting
		s.Available -= quantity - waiting
		s.Waiting += waiting
	}
	return s
}

// bookedOf adds up the ledger of a stock; nil where a part of it is elsewhere.
func bookedOf(d stockDoc) *history.Booked {
	if d.Pages > 0 {
		return nil
	}
	b := &history.Booked{All: d.OnHand}
	for i, line := range strings.Split(strings.TrimSuffix(d.Ledger, "\n"), "\n") {
		var at, delta, onHand int
		var kind, location string
		if n, _ := fmt.Sscanf(line, "%d %s %s %d %d", &at, &kind, &location, &delta, &onHand); n != 5 {
			continue
		}
		if i == 0 {
			b.All = onHand - delta
		}
		b.All += delta
		if kind == "sale" {
			b.Sold -= delta
		}
	}
	return b
}

func orderOf(d orderDoc) history.Order {
	o := history.Order{ID: d.ID, Status: d.Status, Refused: d.Refusal != nil, Total: d.Total, Promotions: d.Redeemed, Replaces: d.Replaces, Refunded: d.Payment.Refunded, Shipments: d.Shipments, Cancellations: d.Cancellations}
	o.Key, o.Cart, _ = strings.Cut(d.Note, " ")
	for _, l := range d.Lines {
		line := history.Line{Item: history.Item{SKU: l.SKU, Quantity: l.Quantity}}
		if l.UnitPrice != nil {
			line.Price = l.UnitPrice.Amount
		}
		for _, d := range l.Charge.Discounts {
			line.Off += d.Amount
		}
		if o.Replaces != "" { // the price of a piece is rounded
			line.Off = line.Price*int64(l.Quantity) - l.Charge.Total
		}
		o.Lines = append(o.Lines, line)
	}
	for _, r := range d.Refunds {
		f := history.Refund{Return: r.ReturnID, Amount: r.Amount, Lines: r.Lines}
		if x := r.Exchange; x != nil {
			f.Exchange = &history.Exchange{Order: x.OrderID, Status: x.Status, Value: x.Value, Refunded: x.Refunded}
		}
		o.Refunds = append(o.Refunds, f)
	}
	for _, r := range d.Returns {
		o.Returns = append(o.Returns, history.ReturnNews{Return: r.ID, Status: r.Status})
	}
	return o
}

// forgotten names what should have come to an end by itself while some clients were
// away: no order is pending, no journal has an entry, no outbox a backlog.
func (w *world) forgotten() []string {
	var wrong []string
	for _, o := range w.final().Orders {
		if o.Status == history.Pending {
			wrong = append(wrong, w.plain(fmt.Sprintf("%s: order %s is pending, and its client gone", history.Unsettled, o.ID)))
		}
	}
	for _, s := range services() {
		if !w.mix.rollback && w.faults["write hangs"] > 0 {
			break // the half of a late transaction may be an entry that was dropped before
		}
		for _, k := range w.apps[s.id].store.keys("outbox:entry:") {
			wrong = append(wrong, w.plain(fmt.Sprintf("journal: %s still has %s", s.id, k)))
		}
	}
	for _, r := range w.alive() {
		if n := r.db.OutboxStats().Backlog; n > 0 {
			wrong = append(wrong, fmt.Sprintf("journal: %s counts a backlog of %d", r.name, n))
		}
	}
	return wrong
}

// judge gives all that is wrong with what the clients were told and what is
// there in the end.
func (w *world) judge(b *book) []string {
	calls := slices.Clone(b.calls)
	slices.SortStableFunc(calls, func(a, b history.Call) int { return int(a.End - b.End) })
	end := w.final()
	wrong := append(w.unpaid(), w.unwritten(end.Orders)...)
	// An order that was refused in the last seconds has its use given back by the sweep.
	w.run(sweepTime, func() bool { return !w.unswept() })
	end.Uses = w.uses()
	for _, v := range history.Check(history.Run{Goods: goods, Promotions: []history.Promotion{few}, Calls: calls, LastFault: w.lastFault.Sub(w.began), Final: end}) {
		wrong = append(wrong, w.plain(v.String()))
	}
	return append(wrong, w.miscounted(w.final().Orders)...)
}
