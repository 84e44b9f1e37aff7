package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/api"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/cashier"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/clients"
	"tienda/services/orders/internal/erasure"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment/paymenttest"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/settings"
	"tienda/services/orders/internal/statestore"
	"tienda/services/orders/internal/terms"
)

// Users and things that the tests talk about.
const (
	ana      = "0198d2a0-1111-7000-8000-000000000001"
	ben      = "0198d2a0-1111-7000-8000-000000000002"
	agentID  = "0198d2a0-1111-7000-8000-000000000003"
	anaHome  = "0198d2a0-2222-7000-8000-000000000001"
	product  = "0198d2a0-3333-7000-8000-000000000001"
	returnA  = "0198d2a0-4444-7000-8000-000000000001"
	returnB  = "0198d2a0-4444-7000-8000-000000000002"
	nowhere  = "0198d2a0-5555-7000-8000-000000000001"
	coffee   = "COFFEE-250"
	tea      = "TEA-100"
	plate    = "PLATE-M"
	anaEmail = "ana@example.com"
)

var (
	asAna   = caller.Caller{UserID: ana, Roles: []caller.Role{caller.Customer}}
	asBen   = caller.Caller{UserID: ben, Roles: []caller.Role{caller.Customer}}
	asAgent = caller.Caller{UserID: agentID, Roles: []caller.Role{caller.SupportAgent}}
	support = caller.Caller{App: "support"}
	home    = map[string]any{"name": "Ana", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"}
)

// fakeCatalog sells coffee, tea and plates in euros, and holds stock for
// orders, all lines or none, like the real one.
type fakeCatalog struct {
	mu       sync.Mutex
	stock    map[string]int
	price    map[string]int64
	class    map[string]string
	weight   map[string]int64
	held     map[string][]order.Line
	away     bool
	lose     int // answers of reservations that are lost
	asked    int // calls for quotes
	reserved int // calls for reservations

	quote func(sku string, q *cart.Quote) // changes what it quotes; nil: nothing
	sell  func(l *order.Line)             // changes what it answers of a line
}

func (c *fakeCatalog) Quotes(_ context.Context, currency string, skus []string) (map[string]cart.Quote, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.away {
		return nil, fault.New(fault.Unavailable, "catalog_unavailable", "away")
	}
	out := map[string]cart.Quote{}
	for _, sku := range skus {
		p, ok := c.price[sku]
		if !ok {
			continue
		}
		q := cart.Quote{ProductID: product, Slug: "a", Name: "Name of " + sku, VariantName: "one", Available: c.stock[sku] > 0, TaxClass: c.class[sku], Weight: c.weight[sku]}
		if currency == "EUR" {
			m := money.New(p, currency)
			q.UnitPrice = &m
		}
		if c.quote != nil {
			c.quote(sku, &q)
		}
		out[sku] = q
	}
	return out, nil
}

func (c *fakeCatalog) Reserve(_ context.Context, id, currency string, lines []order.Line) ([]order.Line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reserved++
	if c.away {
		return nil, fault.New(fault.Unavailable, "catalog_unavailable", "away")
	}
	if held, ok := c.held[id]; ok {
		return held, nil
	}
	var sold []order.Line
	for i, l := range lines {
		switch {
		case currency != "EUR":
			return nil, fault.New(fault.Unprocessable, "currency_unsupported", "no").At(fmt.Sprintf("/lines/%d/sku", i), "has no price")
		case c.stock[l.SKU] < l.Quantity:
			return nil, fault.New(fault.Unprocessable, "out_of_stock", "no").At(fmt.Sprintf("/lines/%d/quantity", i), "is not there")
		}
		m := money.New(c.price[l.SKU], currency)
		l.ProductID, l.Slug, l.Name, l.VariantName, l.UnitPrice = product, "a", "Name of "+l.SKU, "one", &m
		l.TaxClass, l.Weight = c.class[l.SKU], c.weight[l.SKU]
		if c.sell != nil {
			c.sell(&l)
		}
		sold = append(sold, l)
	}
	for _, l := range lines {
		c.stock[l.SKU] -= l.Quantity
	}
	c.held[id] = sold
	if c.lose--; c.lose >= 0 {
		return nil, fault.New(fault.Unavailable, "catalog_unavailable", "the answer is lost")
	}
	return sold, nil
}

func (c *fakeCatalog) set(fn func(*fakeCatalog)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(c)
}

type fakeUsers struct {
	mu    sync.Mutex
	asked int
}

func (u *fakeUsers) Profile(_ context.Context, id, address string) (checkout.Profile, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked++
	if address != "" && address != anaHome {
		return checkout.Profile{}, fault.New(fault.Unprocessable, "address_unknown", "no").At("/address_id", "unknown")
	}
	p := checkout.Profile{Email: anaEmail, Currency: "EUR", Language: "es"}
	if id == ana {
		p.Address = &order.Address{Name: "Ana", Line1: "Calle Mayor 1", City: "Madrid", PostalCode: "28013", Country: "ES"}
	}
	return p, nil
}

// shop is the service over fakes that hold state.
type shop struct {
	*contracttest.Server
	store      *statetest.Memory
	db         state.Store // what the service writes through; store unless a test says otherwise
	events     *event.Memory
	catalog    *fakeCatalog
	promised   order.Stock // nil: nothing is back-ordered
	users      *fakeUsers
	checkouts  *checkout.Service
	erasures   *erasure.Service
	terms      *terms.Model
	promotions *promotion.Service
	provider   *paymenttest.Fake
	till       *cashier.Service
	clock      *clock // of promotions, payments and the history
	follows    bool   // every change of an order is announced
	routes     []httpapi.Route
	told       func(ctx context.Context, events [][]byte) error
}

type noLetters struct{}

func (noLetters) Post(context.Context, []letters.News) error { return nil }

// announced takes events as the broker does, and tells the service's own hook, again
// if that fails, as the outbox does.
type announced struct{ *shop }

func (a announced) Publish(ctx context.Context, all ...event.Event) {
	raw := make([][]byte, len(all))
	for i, e := range all {
		raw[i], _ = json.Marshal(e)
	}
	err := a.told(ctx, raw)
	for tries := 0; err != nil && tries < 2; tries++ {
		err = a.told(ctx, raw)
	}
	if err != nil {
		panic(err)
	}
	a.events.Publish(ctx, all...)
}

// clock is the time of the test, and what was added to it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{
		clock: &clock{}, provider: paymenttest.NewFake(),
		store: statetest.NewMemory(), events: &event.Memory{}, users: &fakeUsers{},
		catalog: &fakeCatalog{
			stock: map[string]int{coffee: 100, tea: 100, plate: 3},
			price: map[string]int64{coffee: 1249, tea: 500, plate: 1999}, held: map[string][]order.Line{},
		},
	}
	s.db = s.store
	return s.restarted(t)
}

// restarted is the service over the same store and apps, with an empty memory:
// another replica, or this one after a restart.
func (s *shop) restarted(t *testing.T) *shop {
	t.Helper()
	other := *s
	log := slog.New(slog.DiscardHandler)
	db := state.Open(s.db, announced{s}, log)
	// What is behind the answer does not count as a call of the request.
	s.told = events.Write(noLetters{}, statestore.NewHistory(state.Open(s.store, nil, log)))
	saga := statestore.NewCheckouts(db)
	other.till = cashier.NewService(saga, s.provider, s.clock.now)
	orders := order.NewService(statestore.NewOrders(db), other.till)
	given := statestore.NewPromotions(db)
	// Its clock stands still: what the model has read at the start is never too old.
	start := time.Now()
	other.terms = terms.NewModel(given, func() time.Time { return start })
	require.NoError(t, other.terms.Refresh(t.Context()))
	other.promotions = promotion.NewService(given, s.clock.now)
	other.checkouts = checkout.NewService(saga, s.users, s.catalog, other.terms, other.promotions, other.till)
	orders.OnNews(other.checkouts.Owed)
	orders.AsksOf(s.promised)
	other.erasures = erasure.NewService(statestore.NewErasures(db), time.Now)
	basket := statestore.NewCarts(db)
	carts := cart.NewService(basket, clients.NewQuoteCache(s.catalog), other.terms)
	sync := statestore.Sync(db, syncSchema(t).Check)
	if s.follows {
		sync.Announce("orders")
	}
	other.routes = (&api.API{
		Carts: carts, Saves: cart.NewSaves(basket, carts),
		Settings: settings.NewService(statestore.NewSettings(db), time.Now), Promotions: other.promotions, Terms: other.terms,
		Checkouts: other.checkouts, Orders: orders, History: history.NewService(statestore.NewHistory(db), s.clock.now), Support: events.Support{Returns: orders, Log: log},
		Users: events.Users{Erasures: other.erasures}, Callbacks: other.till, Secrets: secrets{},
	}).Routes()
	other.Server = contracttest.New(t, "orders", slices.Concat(sync.Routes(), []httpapi.Route{intake.OutboxRoute(db, intake.Outbox{News: events.OfStock, Unsettled: saga.Unsettled})}, other.routes))
	return &other
}

type cartDoc struct {
	Lines []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
		Notice   string `json:"notice"`
	} `json:"lines"`
	Totals struct {
		Quantity int         `json:"quantity"`
		Subtotal money.Money `json:"subtotal"`
	} `json:"totals"`
}

func (s *shop) cart(t *testing.T, as caller.Caller, h http.Header) cartDoc {
	t.Helper()
	a := s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/cart", As: as, Header: h})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	var c cartDoc
	a.JSON(t, &c)
	return c
}

func (s *shop) put(t *testing.T, as caller.Caller, h http.Header, sku string, n int) contracttest.Answer {
	t.Helper()
	a := s.Do(t, contracttest.Request{Method: "PUT", Path: "/v1/cart/items/" + sku, As: as, Header: h, Body: map[string]int{"quantity": n}})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	return a
}

// guest gives the headers of a guest with something in the cart.
func (s *shop) guest(t *testing.T, sku string, n int) http.Header {
	t.Helper()
	token := s.put(t, caller.Caller{}, nil, sku, n).Header.Get("Cart-Token")
	require.Len(t, token, 43)
	return http.Header{"Cart-Token": {token}}
}

func with(h http.Header, pairs ...string) http.Header {
	out := h.Clone()
	if out == nil {
		out = http.Header{}
	}
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

type orderDoc struct {
	ID      string       `json:"id"`
	Status  string       `json:"status"`
	Lines   []order.Line `json:"lines"`
	Email   string       `json:"email"`
	Version int64        `json:"version"`
	Totals  struct {
		Total money.Money `json:"total"`
	} `json:"totals"`
	Payment struct {
		Status              string
		Due, Paid, Refunded money.Money
	} `json:"payment"`
	Returns []struct {
		Status string `json:"status"`
	} `json:"returns"`
}

func (s *shop) submit(t *testing.T, as caller.Caller, h http.Header, key string, body any) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/orders", As: as, Header: with(h, "Idempotency-Key", key), Body: body})
}

func (s *shop) ordered(t *testing.T, a contracttest.Answer, status int) orderDoc {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a.Body)
	var o orderDoc
	a.JSON(t, &o)
	return o
}

var (
	cash      = map[string]any{"payment_method": "cash_on_delivery"}
	invoice   = map[string]any{"payment_method": "invoice"}
	guestCash = map[string]any{"payment_method": "cash_on_delivery", "email": "guest@example.com", "address": home}
)

// bought gives an order of ana's: two coffees and a tea.
func (s *shop) bought(t *testing.T, key string, body any) orderDoc {
	t.Helper()
	s.put(t, asAna, nil, coffee, 2)
	s.put(t, asAna, nil, tea, 1)
	return s.ordered(t, s.submit(t, asAna, nil, key, body), 201)
}

func (s *shop) listed(t *testing.T, as caller.Caller) []orderDoc {
	t.Helper()
	var list struct{ Items []orderDoc }
	s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders", As: as}).JSON(t, &list)
	return list.Items
}

func (s *shop) step(t *testing.T, as caller.Caller, h http.Header, id, what string, body any) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/orders/" + id + "/" + what, As: as, Header: h, Body: body})
}
