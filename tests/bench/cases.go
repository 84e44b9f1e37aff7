package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/valyala/fasthttp"

	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// checkouts is how many prepared carts a checkout case uses up.
const checkouts = 1500

// What the shop's requests do behind the first invocation, as their handlers
// state it; the counted calls of a run are printed next to these.
var (
	cartPlan     = []plan.Step{plan.Get(1), plan.Save(700)}
	checkoutPlan = []plan.Step{
		plan.Get(3), plan.Tx(3, 1000), // cart, order, index
		plan.Invoke(plan.Get(3), plan.Tx(3, 500)), // reserve three SKUs
		plan.Get(1), plan.Tx(2, 1500), plan.Publish(900), // confirmed with its journal entry, and announced
	}
)

func noCounts() (plan.Counts, error) { return plan.Counts{}, nil }

func measureAll(ctx context.Context, m *meter, f *floor, s *shop.Shop) (*Report, error) {
	c := client(2 * m.connections)
	r := newReport(m)
	floorCounts := func() (plan.Counts, error) { return counted(ctx, f.metrics) }
	shopCounts := func() (plan.Counts, error) { return counted(ctx, metricsPorts(s)) }

	fmt.Println("== measuring")
	doc := `[{"key":"bench-%d","value":{"filler":"%s"}}]`
	filler := base64.RawURLEncoding.EncodeToString(make([]byte, 400))
	cartFloor, err := f.plan(c, cartPlan...)
	if err != nil {
		return nil, err
	}
	checkoutFloor, err := f.plan(c, checkoutPlan...)
	if err != nil {
		return nil, err
	}
	var n atomic.Int64
	floors := []struct {
		name   string
		counts func() (plan.Counts, error)
		do     operation
	}{
		{"floor: one invocation", noCounts, f.empty(c)},
		{"floor: state get", noCounts, func(ctx context.Context, _ int) error {
			_, err := send(ctx, c, http.MethodGet, f.direct+"/v1.0/state/floor-a-state/floor-1", "")
			return err
		}},
		{"floor: state set", noCounts, func(ctx context.Context, _ int) error {
			_, err := send(ctx, c, http.MethodPost, f.direct+"/v1.0/state/floor-a-state", fmt.Sprintf(doc, n.Add(1), filler))
			return err
		}},
		{"floor: publish", noCounts, func(ctx context.Context, _ int) error {
			_, err := send(ctx, c, http.MethodPost, f.direct+"/v1.0/publish/events-floor/floor", `{"filler":"`+filler+`"}`)
			return err
		}},
		{"floor: calls of a cart change", floorCounts, cartFloor},
		{"floor: calls of a checkout", floorCounts, checkoutFloor},
	}
	b, err := newBuyers(ctx, c, s.Gateway)
	if err != nil {
		return nil, err
	}
	cases := []struct {
		name, floor string
		exactly     int64
		do          operation
	}{
		{"product detail", "floor: one invocation", 0, b.detail},
		{"product detail, past the cache", "floor: one invocation", 0, b.detailSignedIn},
		{indexCase, "floor: one invocation", 0, b.index},
		{tokenCase, "floor: one invocation", 0, b.refused},
		{signInCase, "", 0, b.signInOnce},
		{"product list (20 of 240)", "floor: one invocation", 0, b.list},
		{"add to cart", "floor: calls of a cart change", 0, b.addToCart},
		{"whole checkout (3 items)", "floor: calls of a checkout", checkouts, b.checkout},
		{"a new guest's journey (3 items, order)", "", 0, b.journey},
	}
	needed := map[string]bool{}
	for _, x := range cases {
		needed[x.floor] = needed[x.floor] || m.only.MatchString(x.name)
	}
	for _, fl := range floors {
		if !needed[fl.name] && !m.only.MatchString(fl.name) {
			continue
		}
		if err := r.add(m.run(fl.name, 0, fl.counts, fl.do)); err != nil {
			return nil, err
		}
	}
	for _, x := range cases {
		if !m.only.MatchString(x.name) {
			continue
		}
		if x.name == signInCase {
			if err := b.join(ctx); err != nil {
				return nil, err
			}
		}
		if x.exactly > 0 {
			if err := b.prepareCarts(ctx, int(x.exactly), b.fillCart); err != nil {
				return nil, err
			}
		}
		if err := r.addAgainst(x.floor)(m.run(x.name, x.exactly, shopCounts, x.do)); err != nil {
			return nil, err
		}
	}
	if err := b.measureCards(ctx, m, r, f, shopCounts, floorCounts); err != nil {
		return nil, err
	}
	r.MemoryMB = residentMB(s.PIDs())
	return r, nil
}

// buyers are the clients of the shop.
type buyers struct {
	http    *fasthttp.Client
	gateway string
	ids     []string
	skus    []string
	token   string // of a signed-in user
	turn    atomic.Int64
	carts   []string // tokens of prepared carts
	used    atomic.Int64

	promotion string // ID of that which checkouts by card have
}

func newBuyers(ctx context.Context, c *fasthttp.Client, gateway string) (*buyers, error) {
	b := &buyers{http: c, gateway: gateway}
	raw, err := send(ctx, c, http.MethodGet, gateway+"/v1/products?in_stock=true&limit=100", "")
	if err != nil {
		return nil, err
	}
	var l struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, err
	}
	manager, err := signIn(ctx, c, gateway, "catalog_manager")
	if err != nil {
		return nil, err
	}
	b.token = manager
	for _, p := range l.Items {
		raw, err := send(ctx, c, http.MethodGet, gateway+"/v1/products/"+p.ID, "")
		if err != nil {
			return nil, err
		}
		var d struct {
			Variants []struct {
				SKU string `json:"sku"`
			} `json:"variants"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, err
		}
		b.ids = append(b.ids, p.ID)
		// Enough for every order of the run.
		sku := d.Variants[0].SKU
		if _, err := send(ctx, c, http.MethodPatch, gateway+"/v1/inventory/"+sku, `{"delta":1000000,"reason":"benchmark"}`, "Authorization", "Bearer "+manager); err != nil {
			return nil, err
		}
		b.skus = append(b.skus, sku)
	}
	if len(b.skus) < 10 {
		return nil, errors.New("the shop has too few products")
	}
	return b, nil
}

func (b *buyers) pick(list []string) string {
	return list[int(b.turn.Add(1))%len(list)]
}

func (b *buyers) detail(ctx context.Context, _ int) error {
	_, err := send(ctx, b.http, http.MethodGet, b.gateway+"/v1/products/"+b.pick(b.ids), "")
	return err
}

// detailSignedIn is not answered from the gateway's cache, which is for guests.
func (b *buyers) detailSignedIn(ctx context.Context, _ int) error {
	_, err := send(ctx, b.http, http.MethodGet, b.gateway+"/v1/products/"+b.pick(b.ids), "", "Authorization", "Bearer "+b.token)
	return err
}

func (b *buyers) list(ctx context.Context, _ int) error {
	_, err := send(ctx, b.http, http.MethodGet, b.gateway+"/v1/products?limit=20&sort=name", "")
	return err
}

// addToCart puts one of three items into the client's own cart.
func (b *buyers) addToCart(ctx context.Context, client int) error {
	n := b.turn.Add(1)
	token := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%032d", client))
	return b.put(ctx, token, b.skus[(client*3+int(n%3))%len(b.skus)], int(n%9)+1)
}

func (b *buyers) put(ctx context.Context, token, sku string, quantity int) error {
	_, err := send(ctx, b.http, http.MethodPut, b.gateway+"/v1/cart/items/"+sku, fmt.Sprintf(`{"quantity":%d}`, quantity), "Cart-Token", token)
	return err
}

func newToken() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func (b *buyers) fillCart(ctx context.Context) (string, error) {
	token := newToken()
	for range 3 {
		if err := b.put(ctx, token, b.pick(b.skus), 1); err != nil {
			return "", err
		}
	}
	return token, nil
}

// prepareCarts fills carts that are checked out later, 16 at a time.
func (b *buyers) prepareCarts(ctx context.Context, n int, fill func(context.Context) (string, error)) error {
	fmt.Printf("   preparing %d carts\n", n)
	errs := make(chan error, 16)
	tokens := make(chan string, n)
	var left atomic.Int64
	left.Store(int64(n))
	for range 16 {
		go func() {
			for left.Add(-1) >= 0 {
				t, err := fill(ctx)
				if err != nil {
					errs <- err
					return
				}
				tokens <- t
			}
			errs <- nil
		}()
	}
	for range 16 {
		if err := <-errs; err != nil {
			return err
		}
	}
	close(tokens)
	for t := range tokens {
		b.carts = append(b.carts, t)
	}
	return nil
}

const order = `{"payment_method":"invoice","email":"guest@example.com","address":{"name":"Guest","line1":"Calle Mayor 1","city":"Madrid","postal_code":"28013","country":"ES"}}`

func (b *buyers) checkout(ctx context.Context, _ int) error {
	token, err := b.prepared()
	if err != nil {
		return err
	}
	return b.buy(ctx, token)
}

// prepared gives a cart that waits to be checked out.
func (b *buyers) prepared() (string, error) {
	i := int(b.used.Add(1)) - 1
	if i >= len(b.carts) {
		return "", errors.New("no prepared cart is left")
	}
	return b.carts[i], nil
}

func (b *buyers) buy(ctx context.Context, token string) error {
	_, err := send(ctx, b.http, http.MethodPost, b.gateway+"/v1/orders", order, "Cart-Token", token, "Idempotency-Key", uuid.NewString())
	return err
}

func (b *buyers) journey(ctx context.Context, _ int) error {
	token, err := b.fillCart(ctx)
	if err != nil {
		return err
	}
	return b.buy(ctx, token)
}
