package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"tienda/tests/customer"
	"tienda/tests/history"
)

const (
	fullCart   = 3   // lines, as 15 lines to 5 checkouts come to
	mostLines  = 10  // of a session of the Online Marketplace benchmark
	mostPieces = 10  // of such a line
	mostPages  = 200 // whose ETags a browser keeps here
	pollAfter  = 200 * time.Millisecond
)

// visitor is one who looks around: a guest, or somebody who has signed in.
type visitor struct {
	account *customer.Account // nil: a guest
	token   string            // of the cart, of a guest
	cart    string            // one filling of it
	lines   []history.Item

	mu   sync.Mutex
	seen map[string]string // ETags by address
}

// owner says whose the orders are: an account's, or a cart token's.
func (c *visitor) owner() string {
	if c.account != nil {
		return c.account.Email
	}
	return c.token
}

func (c *visitor) headers(ctx context.Context, more ...string) []string {
	return append(more, "Authorization", c.account.Bearer(ctx), "Cart-Token", c.token)
}

// market is what all arrivals of a run share.
type market struct {
	web   *web
	goods []product
	keys  keys
	cards int // percent of the checkouts
	staff staff

	record *history.Record

	mu      sync.Mutex
	rand    *rand.Rand
	looking []*visitor          // who looks around
	filling []*visitor          // whose cart is not full
	ready   []*visitor          // whose cart waits to be checked out, the longest first
	resting []*visitor          // who have signed in and bought, and fill their next cart
	unsure  []*attempt          // checkouts without a final answer
	bought  map[string]*visitor // who has tried to check out, by owner; their lists are looked at in the end
	waiting []string            // orders to be shipped, the longest first
	settled []*customer.Account // whose own list of orders is read
}

// dice draws under the lock, since arrivals are done at the same time.
func (m *market) dice(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rand.IntN(n)
}

// want draws products, each once.
func (m *market) want(n int) []product {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []product
	taken := map[int]bool{}
	for range 20 * n { // a Zipf distribution repeats itself
		if i := m.keys.draw(m.rand); !taken[i] {
			taken[i] = true
			if out = append(out, m.goods[i]); len(out) == min(n, len(m.goods)) {
				break
			}
		}
	}
	return out
}

// do is one arrival.
func (m *market) do(ctx context.Context, k Kind) result {
	switch k {
	case Browse:
		return m.browse(ctx)
	case Cart:
		return m.addLine(ctx)
	case Checkout:
		return m.checkOut(ctx)
	case Orders:
		return m.ownOrders(ctx)
	case Session:
		return m.session(ctx)
	case Board:
		return m.dashboard(ctx)
	case Price:
		return m.changePrice(ctx)
	case Replace:
		return m.replaceProduct(ctx)
	default:
		return m.deliver(ctx)
	}
}

// one makes a result of an answer.
func one(a answer) result {
	r := result{class: a.class(), answered: time.Now(), sent: 1}
	if r.class != OK {
		r.detail = a.String()
	}
	return r
}

// browse looks at one page, as a browser does: one that it has seen is asked for
// with its ETag.
func (m *market) browse(ctx context.Context) result {
	m.mu.Lock()
	c := m.looking[m.rand.IntN(len(m.looking))]
	p := m.goods[m.keys.draw(m.rand)]
	n := m.rand.IntN(100)
	word := m.goods[m.rand.IntN(len(m.goods))].word
	m.mu.Unlock()
	var path string
	switch {
	case n < 20:
		path = "/v1/products?limit=20&category=" + p.category
	case n < 30:
		path = "/v1/products?limit=20&sort=name"
	case n < 42:
		path = "/v1/products?limit=20&q=" + url.QueryEscape(word)
	case n < 48:
		path = "/v1/products/suggestions?q=" + url.QueryEscape(string([]rune(word)[:min(3, len([]rune(word)))]))
	case n < 50:
		path = "/v1/categories"
	default:
		path = "/v1/products/" + p.id
	}
	c.mu.Lock()
	tag := c.seen[path]
	c.mu.Unlock()
	a := m.web.send(ctx, http.MethodGet, path, nil, "Authorization", c.account.Bearer(ctx), "If-None-Match", tag)
	if e := a.headerOf("ETag"); e != "" {
		c.mu.Lock()
		if len(c.seen) >= mostPages {
			clear(c.seen)
		}
		c.seen[path] = e
		c.mu.Unlock()
	}
	return one(a)
}

func (a answer) headerOf(name string) string {
	if a.Header == nil {
		return ""
	}
	return a.Header.Get(name)
}

// take removes the first of a list; nil: there is none.
func (m *market) take(from *[]*visitor) *visitor {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(*from) == 0 {
		return nil
	}
	c := (*from)[0]
	*from = (*from)[1:]
	return c
}

func (m *market) put(to *[]*visitor, c *visitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*to = append(*to, c)
}

// next gives who fills a cart: one who has begun, one who has bought before and
// has signed in, or a new guest.
func (m *market) next() *visitor {
	if c := m.take(&m.filling); c != nil {
		return c
	}
	c := m.take(&m.resting)
	if c == nil {
		c = &visitor{}
	}
	c.cart, c.lines = uuid.NewString(), nil
	return c
}

// addLine puts a line into a cart. One whose cart is then full waits to check out.
func (m *market) addLine(ctx context.Context) result {
	c := m.next()
	a := m.putLine(ctx, c, 1)
	switch {
	case a.class() != OK: // nobody knows what is in it: the cart is left, as many are
	case len(c.lines) >= fullCart:
		m.put(&m.ready, c)
	default:
		m.put(&m.filling, c)
	}
	return one(a)
}

// putLine puts something into the cart that is not in it yet.
func (m *market) putLine(ctx context.Context, c *visitor, quantity int) answer {
	has := map[string]bool{}
	for _, l := range c.lines {
		has[l.SKU] = true
	}
	var line history.Item
	for _, p := range m.want(len(c.lines) + 1) {
		if line = (history.Item{SKU: p.skus[m.dice(len(p.skus))], Quantity: quantity}); !has[line.SKU] {
			break
		}
	}
	a := m.web.send(ctx, http.MethodPut, "/v1/cart/items/"+line.SKU, map[string]int{"quantity": quantity}, c.headers(ctx)...)
	if a.class() != OK {
		return a
	}
	if c.account == nil && c.token == "" {
		c.token = a.headerOf("Cart-Token")
	}
	if !has[line.SKU] { // else it has the quantity that it had
		c.lines = append(c.lines, line)
	}
	return a
}

// fill makes carts full before a step that checks out more than it fills.
func (m *market) fill(ctx context.Context, carts int) error {
	for {
		m.mu.Lock()
		missing := carts - len(m.ready)
		m.mu.Unlock()
		if missing <= 0 {
			return nil
		}
		if r := m.addLine(ctx); r.class != OK {
			return fmt.Errorf("a cart before the step: %s", r.detail)
		}
	}
}

// ownOrders reads the first page of a customer's own orders.
func (m *market) ownOrders(ctx context.Context) result {
	who := m.settled[m.dice(len(m.settled))]
	return one(m.web.send(ctx, http.MethodGet, "/v1/orders?limit=20", nil, "Authorization", who.Bearer(ctx)))
}
