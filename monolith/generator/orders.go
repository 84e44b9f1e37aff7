package generator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Status codes of orders.
const (
	statusNew       = 10
	statusPacked    = 15
	statusShipped   = 20
	statusDelivered = 30
	statusCancelled = 90
)

// linesEach and maxLines: the IDs of an order's lines have room for so many.
const (
	linesEach = 8
	maxLines  = 5
)

type order struct {
	id                            int64
	customer                      customer // without an ID: a guest
	email, currency               string
	status                        int
	goods, shipping, discount     int64 // cents; discount as it is written
	tax, gross                    int64
	coupon                        string
	lines                         []line
	to                            *address // nil: fetched in the shop
	placed                        time.Time
	shipped, delivered, cancelled any // time.Time or nil
	method, state                 string
	paid, refunded                int64
	back                          *giveBack
	tracking, note                any
	exported                      bool
}

type line struct {
	variant
	qty         int64
	unit, total int64 // cents
}

// giveBack is a return of one of the order's lines.
type giveBack struct {
	line   int
	qty    int64
	state  string
	refund int64 // cents; 0: none yet
}

func (g *generator) orderCount() int64 { return 4 * int64(g.Size) }

func (g *generator) order(id int64) order {
	r := g.rand("orders", id)
	o := order{id: id, currency: "EUR", exported: id%3 == 0}
	if chance(r, 85) {
		o.customer = g.customer(1 + r.Int64N(int64(g.Size)))
		o.email = o.customer.email
		if len(o.customer.addresses) > 0 {
			o.to = &o.customer.addresses[0]
		}
	} else {
		o.email = fmt.Sprintf("guest.%d@example.net", id)
		o.to = &address{recipient: pick(r, firstNames) + " " + pick(r, lastNames), street: fmt.Sprintf("%s, %d", pick(r, streets), 1+r.IntN(200)), town: pick(r, towns)}
	}
	if chance(r, 2) {
		o.to = nil
	}
	if chance(r, 3) {
		o.currency = "GBP" // when there was a shop in London
	}
	if chance(r, 8) {
		o.note = pick(r, []string{"Llamar antes de entregar, por favor.", "It's a gift: no invoice in the box.", "Dejar en portería;\n2º B"})
	}
	g.fill(&o, r)
	o.charge(r)
	o.travel(r, float64(id)/float64(g.orderCount()+1))
	o.pay(r)
	return o
}

// fill puts up to maxLines different variants into the order.
func (g *generator) fill(o *order, r *rand.Rand) {
	taken := map[int64]bool{}
	for range 1 + r.IntN(maxLines) {
		v := g.variants[r.IntN(len(g.variants))]
		if v.unsold || taken[v.id] {
			continue
		}
		taken[v.id] = true
		o.add(v, r)
	}
	if len(o.lines) == 0 { // product 1 is sold
		o.add(g.variants[0], r)
	}
}

func (o *order) add(v variant, r *rand.Rand) {
	l := line{variant: v, qty: 1 + r.Int64N(3), unit: v.price}
	if chance(r, 20) { // it has cost more since, or less
		l.unit = max(50, l.unit+r.Int64N(401)-200)
	}
	l.total = l.qty * l.unit
	if l.qty == 3 && chance(r, 20) { // three for two
		l.total = 2 * l.unit
	}
	o.lines = append(o.lines, l)
	o.goods += l.total
}

// charge sets the totals, which are what the shop charged: a cent off where it once
// rounded each line, or less where somebody was obliging on the telephone.
func (o *order) charge(r *rand.Rand) {
	if chance(r, 5) {
		o.goods += 1 - 2*r.Int64N(2)
	}
	if chance(r, 12) {
		o.coupon, o.discount = pick(r, []string{"VERANO10", "HOLA", "BLACKFRIDAY"}), o.goods/10
	}
	if o.goods < 5000 {
		o.shipping = 495
	}
	o.gross = o.goods - o.discount + o.shipping
	if o.gross > 1000 && chance(r, 2) {
		o.gross -= 500
	}
	o.tax = o.gross - (o.gross*100+60)/121
}

// travel sets when the order was placed, between the first and today, and what has
// become of it.
func (o *order) travel(r *rand.Rand, age float64) {
	o.placed = between(custom, today, age)
	o.status = statusDelivered
	switch n := r.IntN(100); {
	case n < 7:
		o.status = statusCancelled
	case age > 0.97:
		o.status = []int{statusNew, statusNew, statusPacked, statusShipped}[r.IntN(4)]
	case n < 10:
		o.status = statusShipped
	}
	hours := func(n int) time.Time { return o.placed.Add(time.Duration(1+r.IntN(n)) * time.Hour) }
	if o.status == statusCancelled {
		o.cancelled = hours(20)
	}
	if o.status == statusShipped || o.status == statusDelivered {
		o.shipped = hours(48)
		o.tracking = fmt.Sprintf("ES%010dC", r.Int64N(10_000_000_000))
	}
	if o.status == statusDelivered {
		o.delivered = o.placed.Add(time.Duration(50+r.IntN(100)) * time.Hour)
	}
}

func (o *order) pay(r *rand.Rand) {
	o.method = []string{"CARD", "CARD", "CARD", "CARD", "CARD", "CARD", "CARD", "TRANSFER", "TRANSFER", "COD"}[r.IntN(10)]
	o.state = "PAID"
	unpaid := o.status < statusShipped || o.status == statusCancelled || chance(r, 3)
	if o.method == "TRANSFER" && unpaid || o.method == "COD" && o.status != statusDelivered {
		o.state = "DUE"
		return
	}
	o.paid = o.gross
	if o.status == statusCancelled {
		o.state, o.refunded = "REFUNDED", o.gross
	}
	if o.status == statusDelivered && o.customer.id != 0 && chance(r, 6) {
		b := &giveBack{line: r.IntN(len(o.lines)), state: pick(r, []string{"asked", "approved", "rejected", "received", "refunded", "refunded"})}
		b.qty = 1 + r.Int64N(o.lines[b.line].qty)
		if b.state == "refunded" {
			b.refund = min(b.qty*o.lines[b.line].total/o.lines[b.line].qty, o.paid)
			o.refunded = b.refund
			if o.refunded == o.paid {
				o.state = "REFUNDED"
			}
		}
		o.back = b
	}
}

// customerID is the column: NULL for a guest.
func (o *order) customerID() any {
	if o.customer.id == 0 {
		return nil
	}
	return o.customer.id
}

func orderNumber(id int64) string { return fmt.Sprintf("W%08d", id) }

var orderColumns = []string{
	"id", "number", "customer_id", "email", "status", "currency", "lang", "goods", "net", "tax", "shipping", "discount", "gross", "coupon",
	"ship_name", "ship_street", "ship_street2", "ship_city", "ship_region", "ship_zip", "ship_country", "ship_phone",
	"tracking", "note", "placed_at", "shipped_at", "delivered_at", "cancelled_at", "ip_address", "exported",
}

func (g *generator) orderRows(yield func([]any) bool) {
	for id := int64(1); id <= g.orderCount(); id++ {
		o := g.order(id)
		language := "es"
		if o.customer.lang == "en" {
			language = "en"
		}
		row := []any{id, orderNumber(id), o.customerID(), o.email, o.status, o.currency, language, money(o.goods), money(o.gross - o.tax), money(o.tax), money(o.shipping), money(o.discount), money(o.gross), or(o.coupon)}
		if o.to == nil {
			row = append(row, nil, nil, nil, nil, nil, nil, nil, nil)
		} else {
			row = append(row, o.to.recipient, o.to.street, or(o.to.street2), o.to.town[0], or(o.to.town[1]), o.to.town[2], o.to.town[3], or(o.to.phone))
		}
		row = append(row, o.tracking, o.note, o.placed, o.shipped, o.delivered, o.cancelled, fmt.Sprintf("192.0.2.%d", id%256), o.exported)
		if !yield(row) {
			return
		}
	}
	g.oddOrders(yield)
}

func (g *generator) orderLines(yield func([]any) bool) {
	for id := int64(1); id <= g.orderCount(); id++ {
		o := g.order(id)
		for i, l := range o.lines {
			if !yield([]any{id*linesEach + int64(i), id, i + 1, l.product, l.variant.id, l.sku, l.title, or(strings.TrimSpace(l.colour + " " + l.size)), l.qty, money(l.unit), money(l.total)}) {
				return
			}
		}
	}
	g.oddOrderLines(yield)
}

func (g *generator) payments(yield func([]any) bool) {
	for id := int64(1); id <= g.orderCount(); id++ {
		o, r := g.order(id), g.rand("payments", id)
		var number, holder, expiry, reference any
		if o.method == "CARD" {
			holder = "GUEST"
			if o.customer.id != 0 {
				holder = strings.ToUpper(o.customer.name)
			}
			number, expiry, reference = card(r.Int64N(1e14)), fmt.Sprintf("%02d/%02d", 1+r.IntN(12), 27+r.IntN(4)), fmt.Sprintf("ch_%016x", r.Uint64())
		}
		if !yield([]any{id, id, o.method, o.state, money(o.gross), money(o.paid), money(o.refunded), number, holder, expiry, reference, o.placed}) {
			return
		}
	}
	g.oddPayments(yield)
}

// card gives a number of sixteen digits with its check digit, as whoever looks for card
// numbers has to find them. No bank has given it out.
func card(n int64) string {
	text, sum := fmt.Sprintf("4%014d", n), 0
	for i, c := range text {
		d := int(c - '0')
		if i%2 == 0 {
			d = d*2%10 + d*2/10
		}
		sum += d
	}
	return fmt.Sprintf("%s%d", text, (10-sum%10)%10)
}
