package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tienda/tests/customer"
	"tienda/tests/history"
)

// What buyers do, in percent.
const (
	guests        = 50
	doubleSubmits = 15
	impatient     = 5 // of all calls: the client hangs up early and repeats
	cancelled     = 30
	contested     = 6  // cancelled by the buyer while an agent ships
	reduced       = 15 // of which some pieces are cancelled first
	shipped       = 40 // the others stay confirmed
	delivered     = 70 // of those that were shipped
	returned      = 60 // of those that were delivered to a customer
	worn          = 20 // of what came back
	exchanged     = 40 // of what is sent back: wanted is another piece, or one of the same
	inParts       = 40 // of those that are more than one piece
	closedShort   = 30 // of those: the rest never comes
	byCard        = 50 // of all checkouts
)

const (
	answerLimit = 25 * time.Second // longer than any of the gateway's
	thinkTime   = 4 * time.Second  // at most, between two purchases
)

// market is what all buyers share.
type market struct {
	web      *customer.Web
	agent    *customer.Account
	goods    []history.Good
	record   *history.Record
	recovery *recovery
	closing  chan struct{} // closed when nobody is to begin anything new

	mu    sync.Mutex
	carts map[string]shopper // by filling, for the last look
}

// shopper is who asks: a customer, or a guest by the token of a cart.
type shopper struct {
	account *customer.Account
	token   string
}

// buyer buys until the market closes. Giving up is a matter of ctx.
type buyer struct {
	*market
	name    string
	account *customer.Account // nil: always a guest
	r       *rand.Rand
}

func (b *buyer) percent(n int) bool { return b.r.IntN(100) < n }

func (b *buyer) shop(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-b.closing:
			return
		default:
		}
		who := shopper{account: b.account}
		if b.percent(guests) {
			who.account = nil
		}
		cart := uuid.NewString()
		lines := b.wants()
		if b.fill(ctx, &who, cart, lines) {
			b.mu.Lock()
			b.carts[cart] = who
			b.mu.Unlock()
			if o := b.checkout(ctx, who, cart, lines); o != nil {
				b.afterSale(ctx, who, *o)
			}
		}
		_ = sleep(ctx, time.Duration(b.r.Int64N(int64(thinkTime))))
	}
}

// wants picks one to three SKUs.
func (b *buyer) wants() []history.Item {
	var out []history.Item
	for _, n := range b.r.Perm(len(b.goods))[:1+b.r.IntN(3)] {
		out = append(out, history.Item{SKU: b.goods[n].SKU, Quantity: 1 + b.r.IntN(3)})
	}
	return out
}

// repeat sends a request until its answer is final, as a good client does, and
// keeps every try. finish completes the call from the answer, which it may also
// find to be none.
func (b *buyer) repeat(ctx context.Context, c history.Call, send func(ctx context.Context) customer.Answer, finish func(*customer.Answer, *history.Call)) history.Call {
	c.Buyer = b.name
	for {
		c.Begin = b.record.Now()
		limit := answerLimit
		if rand.IntN(100) < impatient {
			limit = 50*time.Millisecond + rand.N(time.Second)
		}
		try, cancel := context.WithTimeout(ctx, limit)
		a := send(try)
		cancel()
		done := c
		if a.Outcome() == history.Done {
			finish(&a, &done)
		}
		done.End, done.Outcome, done.Answer, done.Code = b.record.Now(), a.Outcome(), a.String(), a.Code
		b.record.Add(done)
		if done.Outcome == history.Done || done.Outcome == history.Refused {
			return done
		}
		if sleep(ctx, 200*time.Millisecond+rand.N(600*time.Millisecond)) != nil {
			return done
		}
	}
}

func (b *buyer) headers(ctx context.Context, who shopper, more ...string) []string {
	return append(more, "Authorization", who.account.Bearer(ctx), "Cart-Token", who.token)
}

// fill makes the cart hold exactly the lines; a guest gets a new one.
func (b *buyer) fill(ctx context.Context, who *shopper, cart string, lines []history.Item) bool {
	if who.account == nil {
		return b.fillNew(ctx, who, cart, lines)
	}
	c := b.repeat(ctx, history.Call{Op: history.FillCart, Key: cart}, func(ctx context.Context) customer.Answer {
		return b.fillOwn(ctx, *who, lines)
	}, func(*customer.Answer, *history.Call) {})
	return c.Outcome == history.Done
}

func (b *buyer) fillNew(ctx context.Context, who *shopper, cart string, lines []history.Item) bool {
	for _, l := range lines {
		c := b.repeat(ctx, history.Call{Op: history.FillCart, Key: cart + " " + l.SKU}, func(ctx context.Context) customer.Answer {
			return b.web.Send(ctx, http.MethodPut, "/v1/cart/items/"+l.SKU, map[string]int{"quantity": l.Quantity}, b.headers(ctx, *who)...)
		}, func(a *customer.Answer, _ *history.Call) {
			if who.token == "" {
				who.token = a.Header.Get("Cart-Token")
			}
		})
		if c.Outcome != history.Done {
			return false
		}
	}
	return true
}

// fillOwn makes a customer's cart hold the lines. Each step states the version
// that it has seen, so that an old request that arrives late changes nothing.
func (b *buyer) fillOwn(ctx context.Context, who shopper, lines []history.Item) customer.Answer {
	a := b.web.Send(ctx, http.MethodGet, "/v1/cart", nil, b.headers(ctx, who)...)
	var got struct {
		Lines []history.Item `json:"lines"`
	}
	if a.Into(&got); a.Outcome() != history.Done {
		return a
	}
	version := a.Got("ETag")
	if len(got.Lines) > 0 && !slices.Equal(got.Lines, lines) {
		a = b.web.Send(ctx, http.MethodDelete, "/v1/cart", nil, b.headers(ctx, who, "If-Match", version)...)
		if a.Outcome() == history.Done {
			a.Err = errStarted
		}
		return again(a)
	}
	for _, l := range lines {
		a = b.web.Send(ctx, http.MethodPut, "/v1/cart/items/"+l.SKU, map[string]int{"quantity": l.Quantity}, b.headers(ctx, who, "If-Match", version)...)
		if a.Outcome() != history.Done {
			return again(a)
		}
		version = a.Got("ETag")
	}
	return a
}

var errStarted = fmt.Errorf("the cart was emptied: it is read again")

// again makes a version that has changed a reason to start again.
func again(a customer.Answer) customer.Answer {
	if a.Status == http.StatusPreconditionFailed {
		a.Err = fmt.Errorf("the cart has changed: it is read again")
	}
	return a
}

// checkout submits a cart, sometimes twice at the same time, with the same key
// or another. It gives the order that was acknowledged, if one was.
func (b *buyer) checkout(ctx context.Context, who shopper, cart string, lines []history.Item) *history.Order {
	keys := []string{uuid.NewString()}
	card := b.card()
	if b.percent(doubleSubmits) {
		keys = append(keys, keys[0])
		if b.percent(50) {
			keys[1] = uuid.NewString()
		}
	}
	got := make([]*history.Order, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() { got[i] = b.submit(ctx, who, key, cart, card, lines) })
	}
	wg.Wait()
	for _, o := range got {
		if o != nil {
			return o
		}
	}
	return nil
}

// submit is one checkout with its repeats. The order's note says which.
func (b *buyer) submit(ctx context.Context, who shopper, key, cart, card string, lines []history.Item) *history.Order {
	body := map[string]any{
		"payment_method": "invoice", "email": "buyer@example.com", "currency": "EUR", "note": key,
		"address": map[string]string{"name": "Lucía Pérez", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"},
	}
	if card != "" {
		body["payment_method"], body["payment_token"] = "card", card
	}
	call := history.Call{Op: history.Checkout, Key: key, Cart: cart, Lines: lines, Card: card}
	c := b.repeat(ctx, call, func(ctx context.Context) customer.Answer {
		return b.web.Send(ctx, http.MethodPost, "/v1/orders", body, b.headers(ctx, who, "Idempotency-Key", key)...)
	}, func(a *customer.Answer, c *history.Call) {
		var o customer.Order
		if a.Into(&o); a.Err == nil {
			seen := o.History()
			c.Got = &seen
			b.recovery.sold(b.record.Began().Add(c.Begin))
		}
	})
	return c.Got
}

// afterSale is what becomes of an order: cancelled, shipped, returned, or kept.
func (b *buyer) afterSale(ctx context.Context, who shopper, o history.Order) {
	cancel := func() {
		b.act(ctx, who, history.Cancel, o.ID, "/cancel", map[string]string{"reason": "changed my mind"})
	}
	agent := shopper{account: b.agent}
	ship := func() bool {
		return b.act(ctx, agent, history.Ship, o.ID, "/ship", map[string]string{"tracking": "ES1"})
	}
	if b.percent(reduced) {
		if o.Lines = b.cancelLine(ctx, who, o); len(o.Lines) == 0 { // all of it
			return
		}
	}
	switch n := b.r.IntN(100); {
	case n < cancelled:
		cancel()
	case n < cancelled+contested:
		var wg sync.WaitGroup
		wg.Go(cancel)
		ship()
		wg.Wait()
	case n < cancelled+contested+shipped:
		if !ship() || !b.percent(delivered) || !b.act(ctx, agent, history.Deliver, o.ID, "/deliver", nil) {
			return
		}
		if who.account != nil && b.percent(returned) {
			b.sendBack(ctx, who, o)
		}
	}
}

// cancelLine cancels some pieces of an order, and gives what is left of its lines: of all
// of them, where that was not done.
func (b *buyer) cancelLine(ctx context.Context, who shopper, o history.Order) []history.Line {
	at := b.r.IntN(len(o.Lines))
	gone := history.Item{SKU: o.Lines[at].SKU, Quantity: 1 + b.r.IntN(o.Lines[at].Quantity)}
	body := map[string]any{"lines": []history.Item{gone}, "reason": "too many"}
	c := b.repeat(ctx, history.Call{Op: history.CancelLines, Key: o.ID + " less", Order: o.ID}, func(ctx context.Context) customer.Answer {
		return b.web.Send(ctx, http.MethodPost, "/v1/orders/"+o.ID+"/cancellations", body, b.headers(ctx, who, "Idempotency-Key", "less-of-"+o.ID)...)
	}, func(*customer.Answer, *history.Call) {})
	if c.Outcome != history.Done {
		return o.Lines
	}
	left := slices.Clone(o.Lines)
	if left[at].Quantity -= gone.Quantity; left[at].Quantity == 0 {
		left = slices.Delete(left, at, at+1)
	}
	return left
}

func (b *buyer) act(ctx context.Context, who shopper, op history.Op, order, path string, body any) bool {
	c := b.repeat(ctx, history.Call{Op: op, Key: order, Order: order}, func(ctx context.Context) customer.Answer {
		return b.web.Send(ctx, http.MethodPost, "/v1/orders/"+order+path, body, b.headers(ctx, who)...)
	}, func(*customer.Answer, *history.Call) {})
	return c.Outcome == history.Done
}
