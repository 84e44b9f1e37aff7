package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/tests/history"
)

// goods are what is sold. There is little of the first, which everybody wants, and
// of which some more can be promised.
var goods = []history.Good{{SKU: "HOT", Initial: 5, Price: 700, Backorder: 3}, {SKU: "WARM", Initial: 12, Price: 1250}, {SKU: "COLD", Initial: 500, Price: 99}}

// book is the history of what was asked and answered.
type book struct {
	mu    sync.Mutex
	calls []history.Call
}

func (b *book) add(c history.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, c)
}

// person is a client of the shop: a buyer, or staff.
type person struct {
	w      *world
	book   *book
	name   string
	user   string
	role   caller.Role
	rng    *rand.Rand // own, so that what is wanted does not hang on who is faster
	n      int
	leaves bool // goes away when a checkout is not answered, and comes back late
}

func (w *world) person(b *book, name string, role caller.Role, n uint64) *person {
	return &person{
		w: w, book: b, name: name, role: role, user: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(),
		rng: rand.New(rand.NewPCG(w.seed, n+1)),
	}
}

func (p *person) as(name string, role caller.Role) *person {
	q := *p
	q.user, q.role = uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(), role
	return &q
}

// problem is what an answer says besides its status.
type answer struct {
	status int
	code   string
	body   []byte
}

func (a answer) ok() bool { return a.status/100 == 2 }

func (a answer) outcome() history.Outcome {
	switch {
	case a.status == http.StatusAccepted: // the payment provider has not told
		return history.Later
	case a.ok():
		return history.Done
	case a.status == 0 || a.status >= 500:
		return history.Unknown
	case a.code == "checkout_in_progress" || a.status == http.StatusTooManyRequests || a.code == "too_many_open_checkouts":
		return history.Later
	default:
		return history.Refused
	}
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.code) }

// try makes one request.
func (p *person) try(app, method, path string, body any, header http.Header, limit time.Duration) answer {
	p.n++
	var raw []byte
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if body != nil {
		raw, _ = json.Marshal(body)
		h.Set("Content-Type", "application/json")
	}
	caller.Caller{UserID: p.user, Roles: []caller.Role{caller.Customer, p.role}}.SetHeader(h)
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	resp, err := p.w.send(nil, request{
		ctx: ctx, who: p.name, app: app, method: method, path: path, header: h, body: raw,
	})
	if err != nil {
		return answer{code: err.Error()}
	}
	a := answer{status: resp.StatusCode}
	a.body, _ = io.ReadAll(resp.Body)
	var problem struct {
		Code string `json:"code"`
	}
	if !a.ok() && json.Unmarshal(a.body, &problem) == nil {
		a.code = problem.Code
	}
	return a
}

// insist repeats a request until its answer is final, and keeps the history.
func (p *person) insist(c history.Call, app, method, path string, body any, header http.Header, limit time.Duration, got func(answer, *history.Call)) answer {
	c.Buyer = p.name
	for {
		c.Begin = time.Since(p.w.began)
		a := p.try(app, method, path, body, header, limit)
		c.End, c.Outcome, c.Answer = time.Since(p.w.began), a.outcome(), a.String()
		if c.Outcome == history.Done && got != nil {
			got(a, &c)
		}
		p.book.add(c)
		if c.Outcome == history.Done || c.Outcome == history.Refused || ended(p.w.over) {
			return a
		}
		if c.Op == history.Checkout && p.leaves {
			p.leaves = false
			<-p.w.late // what is begun must come to an end without its client
			continue
		}
		p.wait(time.Second)
	}
}

func ended(what <-chan struct{}) bool {
	select {
	case <-what:
		return true
	default:
		return false
	}
}

func (p *person) wait(most time.Duration) {
	time.Sleep(time.Duration(p.rng.Int64N(int64(most))) + 1)
}

type orderView struct {
	ID    string `json:"id"`
	Lines []struct {
		SKU       string       `json:"sku"`
		Quantity  int          `json:"quantity"`
		UnitPrice *amountThere `json:"unit_price"`
		Discount  amountThere  `json:"discount"`
	} `json:"lines"`
	Totals struct {
		Total amountThere `json:"total"`
	} `json:"totals"`
}

type amountThere struct {
	Amount int64 `json:"amount"`
}

// buy goes through the life of one cart. Each has a user of its own, so that
// what comes late of one does not get into the next.
func (p *person) buy(n int) {
	cart := fmt.Sprintf("%s/%d", p.name, n)
	b := p.as(cart, caller.Customer)
	b.name = cart
	var lines []history.Item
	for i, g := range goods {
		if i == 0 && b.rng.IntN(4) > 0 || i > 0 && b.rng.IntN(3) == 0 || i == len(goods)-1 && len(lines) == 0 {
			lines = append(lines, history.Item{SKU: g.SKU, Quantity: 1 + b.rng.IntN(3)})
		}
	}
	for _, l := range lines {
		// No limit: a request that comes late would change a cart that is done with.
		b.insist(history.Call{Op: history.FillCart, Key: cart + "/" + l.SKU}, "orders", http.MethodPut, "/v1/cart/items/"+l.SKU,
			map[string]int{"quantity": l.Quantity}, nil, 0, nil)
	}
	promotion := ""
	if b.rng.IntN(3) > 0 {
		promotion = few.ID
		b.insist(history.Call{Op: history.FillCart, Key: cart + "/code"}, "orders", http.MethodPut, "/v1/cart/promotions/"+fewCode, nil, nil, 0, nil)
	}
	var wg sync.WaitGroup
	leaves := b.rng.IntN(4) == 0
	won := make([]*history.Order, 2)
	keys := []string{cart + "/key-a", cart + "/key-b"}
	for i, key := range keys[:1+b.rng.IntN(2)] {
		times := 1 + b.rng.IntN(2)
		for k := range times {
			each := b.as(cart, caller.Customer)
			each.name, each.rng = fmt.Sprintf("%s#%d%d", cart, i, k), rand.New(rand.NewPCG(b.rng.Uint64(), 1))
			each.leaves = leaves
			wg.Go(func() {
				each.wait(500 * time.Millisecond)
				if o := each.checkout(key, cart, lines, promotion); o != nil && k == 0 {
					won[i] = o
				}
			})
		}
	}
	wg.Wait()
	for _, o := range won {
		if o != nil && !ended(b.w.late) {
			b.after(*o)
		}
	}
}

func (p *person) checkout(key, cart string, lines []history.Item, promotion string) *history.Order {
	in := map[string]any{
		"currency": "EUR", "email": "buyer@example.com", "payment_method": "cash_on_delivery", "note": key + " " + cart,
		"address": map[string]string{"name": "B", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"},
	}
	if token := p.w.card(cart); token != "" {
		in["payment_method"], in["payment_token"] = "card", token
	}
	var got *history.Order
	p.insist(history.Call{Op: history.Checkout, Key: key, Cart: cart, Lines: lines, Promotion: promotion}, "orders", http.MethodPost, "/v1/orders", in,
		http.Header{"Idempotency-Key": {key}}, callLimit, func(a answer, c *history.Call) {
			var v orderView
			if err := json.Unmarshal(a.body, &v); err != nil {
				panic(err)
			}
			o := history.Order{ID: v.ID, Key: key, Cart: cart, Total: v.Totals.Total.Amount}
			for _, l := range v.Lines {
				o.Lines = append(o.Lines, history.Line{Item: history.Item{SKU: l.SKU, Quantity: l.Quantity}, Price: l.UnitPrice.Amount, Off: l.Discount.Amount})
			}
			got, c.Got = &o, &o
		})
	return got
}

// after is what becomes of an order.
func (p *person) after(o history.Order) {
	p.wait(2 * time.Second)
	agent := p.as("agent", caller.SupportAgent)
	agent.name = p.name + " agent"
	cancel := func() {
		p.move(history.Cancel, "orders", o.ID, "/v1/orders/"+o.ID+"/cancel", map[string]string{"reason": "no"})
	}
	less, changed := o, p.rng.IntN(4) == 0
	if changed {
		if less = p.cancelLine(o); len(less.Lines) == 0 {
			return // all of it
		}
	}
	ship := func() bool {
		if agent.rng.IntN(3) == 0 && !agent.shipPart(less) {
			return false
		}
		return agent.rng.IntN(8) > 0 && agent.move(history.Ship, "orders", o.ID, "/v1/orders/"+o.ID+"/ship", map[string]string{}).ok()
	}
	switch p.rng.IntN(6) {
	case 0, 1:
		cancel()
	case 2: // at the same time
		agent.rng = rand.New(rand.NewPCG(p.rng.Uint64(), 2))
		if !changed && p.rng.IntN(2) == 0 {
			cancel = func() { p.cancelLine(o) }
		}
		var wg sync.WaitGroup
		wg.Go(cancel)
		wg.Go(func() { ship() })
		wg.Wait()
	case 3, 4:
		if ship() && agent.move(history.Deliver, "orders", o.ID, "/v1/orders/"+o.ID+"/deliver", nil).ok() && p.rng.IntN(4) > 0 {
			p.sendBack(agent, less)
		}
	}
}

func (p *person) move(op history.Op, app, orderID, path string, body any) answer {
	return p.insist(history.Call{Op: op, Key: orderID, Order: orderID}, app, http.MethodPost, path, body, nil, callLimit, nil)
}

// cancelLine cancels some pieces of an order, and gives what is left of it.
func (p *person) cancelLine(o history.Order) history.Order {
	at := p.rng.IntN(len(o.Lines))
	gone := history.Item{SKU: o.Lines[at].SKU, Quantity: 1 + p.rng.IntN(o.Lines[at].Quantity)}
	in := map[string]any{"lines": []history.Item{gone}, "reason": "too many"}
	c := history.Call{Op: history.CancelLines, Key: o.ID + " less", Order: o.ID}
	var wg sync.WaitGroup
	for range 1 + p.rng.IntN(2) { // perhaps a second time at once
		each := *p
		each.rng = rand.New(rand.NewPCG(p.rng.Uint64(), 3))
		wg.Go(func() {
			each.insist(c, "orders", http.MethodPost, "/v1/orders/"+o.ID+"/cancellations", in, http.Header{"Idempotency-Key": {"less-of-" + o.ID}}, callLimit, nil)
		})
	}
	wg.Wait()
	left := o
	left.Lines = slices.Clone(o.Lines)
	if left.Lines[at].Quantity -= gone.Quantity; left.Lines[at].Quantity == 0 {
		left.Lines = slices.Delete(left.Lines, at, at+1)
	}
	return left
}

// shipPart sends one piece of an order, which may be all of it.
func (p *person) shipPart(o history.Order) bool {
	in := map[string]any{"lines": []history.Item{{SKU: o.Lines[0].SKU, Quantity: 1}}, "tracking": "ES1"}
	c := history.Call{Op: history.ShipPart, Key: o.ID + " part", Order: o.ID}
	return p.insist(c, "orders", http.MethodPost, "/v1/orders/"+o.ID+"/shipments", in, http.Header{"Idempotency-Key": {c.Order}}, callLimit, nil).ok()
}

// sendBack returns one line of an order, whole or in two parts, of which the
// second may never come.
func (p *person) sendBack(agent *person, o history.Order) {
	l := o.Lines[p.rng.IntN(len(o.Lines))]
	line := map[string]any{"sku": l.SKU, "quantity": l.Quantity, "reason": "unwanted"}
	if p.rng.IntN(2) == 0 { // of the first there may be none
		line["exchange_sku"] = goods[p.rng.IntN(len(goods))].SKU
	}
	in := map[string]any{"order_id": o.ID, "lines": []any{line}}
	c := history.Call{Buyer: p.name, Op: history.AskReturn, Key: o.ID, Order: o.ID}
	for {
		c.Begin = time.Since(p.w.began)
		a := p.try("support", http.MethodPost, "/v1/returns", in, nil, callLimit)
		c.Outcome, c.Answer = a.outcome(), a.String()
		if a.ok() {
			c.Return = field(a.body, "id")
		} else if found := p.myReturn(); found != "" { // an earlier try has made it
			c.Outcome, c.Return = history.Done, found
		} else if c.Outcome == history.Refused {
			c.Outcome = history.Unknown // what an earlier try makes may not be seen yet
		}
		c.End = time.Since(p.w.began)
		p.book.add(c)
		if c.Outcome == history.Done || ended(p.w.over) {
			break
		}
		p.wait(time.Second)
	}
	if c.Return == "" {
		return
	}
	agent.oneReturn(history.ApproveReturn, c, "approve", nil)
	if l.Quantity > 1 && p.rng.IntN(2) == 0 {
		part := uuid.NewSHA1(uuid.NameSpaceOID, []byte("part of "+c.Return)).String()
		line := map[string]any{"sku": l.SKU, "quantity": 1, "restock": p.rng.IntN(2) == 0}
		if p.rng.IntN(2) == 0 {
			line["deduction_percent"], line["deduction_reason"] = 1+p.rng.IntN(100), "signs of use"
		}
		came := map[string]any{"lines": []any{line}}
		agent.insist(history.Call{Op: history.TakePart, Key: c.Return + " part", Order: c.Order, Return: c.Return, Part: part}, "support", http.MethodPut,
			"/v1/returns/"+c.Return+"/receipts/"+part, came, nil, callLimit, nil)
		if p.rng.IntN(3) == 0 {
			agent.oneReturn(history.CloseReturn, c, "close", nil)
			p.replaced(agent, c.Return)
			return
		}
	}
	agent.oneReturn(history.ReceiveReturn, c, "receive", map[string]any{})
	p.replaced(agent, c.Return)
}

func (p *person) oneReturn(op history.Op, of history.Call, what string, body any) {
	p.insist(history.Call{Op: op, Key: of.Return + " " + what, Order: of.Order, Return: of.Return}, "support", http.MethodPost,
		"/v1/returns/"+of.Return+"/"+what, body, nil, callLimit, nil)
}

func (p *person) myReturn() string {
	a := p.try("support", http.MethodGet, "/v1/returns", nil, nil, callLimit)
	var list struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if !a.ok() || json.Unmarshal(a.body, &list) != nil || len(list.Items) == 0 {
		return ""
	}
	return list.Items[0].ID
}

func field(body []byte, name string) string {
	var m map[string]any
	if json.NewDecoder(bytes.NewReader(body)).Decode(&m) != nil {
		return ""
	}
	s, _ := m[name].(string)
	return s
}

// watchStock reads stock now and then.
func (p *person) watchStock(until <-chan struct{}) {
	for n := 0; ; n++ {
		p.wait(3 * time.Second)
		select {
		case <-until:
			return
		default:
		}
		g := goods[p.rng.IntN(len(goods))]
		c := history.Call{Buyer: p.name, Op: history.ReadStock, Key: strconv.Itoa(n), Begin: time.Since(p.w.began)}
		a := p.try("catalog", http.MethodGet, "/v1/inventory/"+g.SKU, nil, nil, callLimit)
		c.End, c.Outcome, c.Answer = time.Since(p.w.began), a.outcome(), a.String()
		if a.ok() {
			var s history.Stock
			if err := json.Unmarshal(a.body, &s); err != nil {
				panic(err)
			}
			c.Stock = &s
		}
		p.book.add(c)
	}
}
