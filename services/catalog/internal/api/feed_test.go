package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/origin/intake"
	"tienda/internal/origin/intake/intaketest"
	"tienda/internal/state/statetest"
)

// kinds are those that are told of.
var kinds = []string{"categories", "products", "stock"}

// hears tells the service of an event of the topic orders.
func (s *shop) hears(kind string, data object) {
	s.t.Helper()
	body := object{"id": "1", "type": "tienda.orders." + kind, "source": "orders", "specversion": "1.0", "data": data}
	a := s.Do(s.t, contracttest.Request{Method: http.MethodPost, Path: "/events/orders", Body: body, ContentType: "application/cloudevents+json"})
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
}

// loads sends lines of JSON.
func (s *shop) loads(path string, lines ...string) {
	s.t.Helper()
	in := contracttest.Request{Method: http.MethodPost, Path: path, As: manager, Body: strings.Join(lines, "\n") + "\n", ContentType: contract.NDJSON}
	if strings.HasPrefix(path, "/internal/") {
		in.As = gateway
	}
	a := s.Do(s.t, in)
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
	require.NotContains(s.t, string(a.Body), `"line"`, "none was refused")
}

type feedStep struct {
	route string // as in routes.go
	what  string
	do    func()
	want  []string // kinds; "-" for one that is gone
}

// steps is every route and event that changes something, and what is told of it.
func (s *shop) steps() []feedStep {
	var id, list string
	call := func(status int, method, path string, body any, header ...string) func() {
		return func() { s.call(status, manager, method, path, body, header...) }
	}
	reserve := func(order, sku string, n int) func() {
		return func() {
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line(sku, n)))
		}
	}
	ended := func(order, how, sku string) func() {
		return func() {
			s.call(204, orders, "POST", "/internal/v1/reservations/"+order+"/"+how, object{"skus": []string{sku}})
		}
	}
	imported := `{"slug":"te","name":"Té","category":"tea","status":"published","variants":[{"sku":"TEA","name":"100 g","prices":[{"amount":500,"currency":"EUR"}],"stock":4}]}`
	return []feedStep{
		{"POST /v1/categories", "new", call(201, "POST", "/v1/categories", object{"slug": "coffee", "name": "Coffee"}), []string{"categories"}},
		{"POST /v1/categories", "another", call(201, "POST", "/v1/categories", object{"slug": "beans", "name": "Beans"}), []string{"categories"}},
		{"PUT /v1/categories/{slug}", "below another", call(200, "PUT", "/v1/categories/beans", object{"name": "Beans", "parent": "coffee"}), []string{"categories"}},
		{"PUT /v1/categories/{slug}", "the same", call(200, "PUT", "/v1/categories/beans", object{"name": "Beans", "parent": "coffee"}), nil},
		{"DELETE /v1/categories/{slug}", "gone", call(204, "DELETE", "/v1/categories/beans", nil), []string{"-categories"}},
		{"POST /v1/products", "new", func() {
			var p struct{ ID string }
			s.call(201, manager, "POST", "/v1/products", coffee()).JSON(s.t, &p)
			id = p.ID
		}, []string{"products"}},
		{"PATCH /v1/inventory/{sku}", "first", call(200, "PATCH", "/v1/inventory/COF-250", object{"on_hand": 10, "reason": "first"}), []string{"stock"}},
		{"PATCH /v1/inventory/{sku}", "more", call(200, "PATCH", "/v1/inventory/COF-250", object{"delta": 3, "reason": "more"}), []string{"stock"}},
		{"PUT /v1/products/{id}", "without a variant", func() {
			p := coffee()
			p["variants"] = p["variants"].([]any)[:1]
			s.call(200, manager, "PUT", "/v1/products/"+id, p)
		}, []string{"products"}},
		{"PUT /v1/products/{id}", "the same", func() {
			p := coffee()
			p["variants"] = p["variants"].([]any)[:1]
			s.call(200, manager, "PUT", "/v1/products/"+id, p)
		}, nil},
		{"PUT /v1/products/{id}", "refused", func() {
			s.call(422, manager, "PUT", "/v1/products/"+id, with(coffee(), "category", "nowhere"))
		}, nil},
		{"PUT /internal/v1/reservations/{order_id}", "what others can have", reserve(orderA, "COF-250", 2), []string{"stock"}},
		{"POST /internal/v1/reservations/{order_id}/commit", "sold: it was off the count", ended(orderA, "commit", "COF-250"), nil},
		{"POST /internal/v1/reservations/{order_id}/commit", "again", ended(orderA, "commit", "COF-250"), nil},
		{"PUT /internal/v1/reservations/{order_id}", "another", reserve(orderB, "COF-250", 3), []string{"stock"}},
		{"POST /internal/v1/reservations/{order_id}/release", "back", ended(orderB, "release", "COF-250"), []string{"stock"}},
		{"POST /internal/v1/reservations/{order_id}/waiting", "a question", func() {
			s.call(200, orders, "POST", "/internal/v1/reservations/"+orderA+"/waiting", object{"skus": []string{"COF-250"}})
		}, nil},
		{"PUT /internal/v1/reservations/{order_id}", "a third", reserve(orderC, "COF-250", 3), []string{"stock"}},
		{"POST /events/orders", "lines cancelled", func() {
			s.hears("lines_cancelled", object{"order_id": orderC, "lines": []any{object{"sku": "COF-250", "quantity": 1, "left": 2}}})
		}, []string{"stock"}},
		{"POST /events/orders", "shipped", func() {
			s.hears("shipped", object{"order_id": orderC, "lines": []any{line("COF-250", 2)}})
		}, nil},
		{"POST /events/orders", "back in stock", func() {
			s.hears("refunded", object{"order_id": orderC, "return_id": orderB, "lines": []any{object{"sku": "COF-250", "quantity": 1, "restock": true}}})
		}, []string{"stock"}},
		{"POST /events/orders", "again", func() {
			s.hears("refunded", object{"order_id": orderC, "return_id": orderB, "lines": []any{object{"sku": "COF-250", "quantity": 1, "restock": true}}})
		}, nil},
		{"POST /internal/v1/sync/news", "ahead of the broker, twice", func() {
			back := object{"id": "1", "type": "tienda.orders.refunded", "source": "orders", "specversion": "1.0",
				"data": object{"order_id": orderC, "return_id": orderA, "lines": []any{object{"sku": "COF-250", "quantity": 1, "restock": true}}}}
			s.call(204, mover, "POST", "/internal/v1/sync/news", object{"events": []any{back}})
			s.call(204, mover, "POST", "/internal/v1/sync/news", object{"events": []any{back}})
		}, []string{"stock"}},
		{"PUT /v1/prices/{sku}", "prices on lists", func() {
			a := s.call(200, manager, "GET", "/v1/prices/COF-250", nil)
			s.call(200, manager, "PUT", "/v1/prices/COF-250", object{"prices": []any{}}, "If-Match", a.Header.Get("ETag"))
		}, nil},
		{"POST /v1/price-lists", "of prices here alone", func() {
			list = s.call(201, manager, "POST", "/v1/price-lists", object{"name": "Sale"}).Header.Get("Location")
		}, nil},
		{"PUT /v1/price-lists/{id}", "renamed", func() { s.call(200, manager, "PUT", list, object{"name": "Sales"}) }, nil},
		{"DELETE /v1/price-lists/{id}", "gone", func() { s.call(204, manager, "DELETE", list, nil) }, nil},
		{"POST /v1/price-updates", "a price", func() {
			s.loads("/v1/price-updates", `{"sku":"COF-250","amount":1010,"currency":"EUR"}`)
		}, []string{"products"}},
		{"POST /v1/stock-updates", "a count", func() { s.loads("/v1/stock-updates", `{"sku":"COF-250","on_hand":20,"reason":"counted"}`) }, []string{"stock"}},
		{"PUT /v1/settings/inventory", "of all", call(200, "PUT", "/v1/settings/inventory", object{"locations": []any{object{"id": "bcn", "name": "B"}, object{"id": "main", "name": "M"}}}), nil},
		{"PUT /v1/inventory/{sku}/settings", "a threshold", call(200, "PUT", "/v1/inventory/COF-250/settings", object{"low_stock_at": 5}), []string{"stock"}},
		{"POST /v1/inventory/{sku}/transfers", "to another place", call(200, "POST", "/v1/inventory/COF-250/transfers", object{"from": "main", "to": "bcn", "quantity": 3, "reason": "x"}), []string{"stock"}},
		{"POST /v1/imports/products", "with category and stock", func() { s.loads("/v1/imports/products", imported) }, []string{"categories", "products", "stock"}},
		{"POST /internal/v1/import/products", "the same", func() { s.loads("/internal/v1/import/products", imported) }, nil},
		{"POST /v1/collections", "of here alone", call(201, "POST", "/v1/collections", object{"slug": "new", "name": "New", "rule": object{"category": "coffee"}}), nil},
		{"PUT /v1/collections/{slug}", "of here alone", call(200, "PUT", "/v1/collections/new", object{"name": "Newer", "rule": object{"category": "coffee"}}), nil},
		{"DELETE /v1/collections/{slug}", "of here alone", call(204, "DELETE", "/v1/collections/new", nil), nil},
		{"POST /internal/v1/quotes", "a question", func() {
			s.call(200, orders, "POST", "/internal/v1/quotes", object{"currency": "EUR", "skus": []string{"COF-250"}})
		}, nil},
		{"DELETE /v1/products/{id}", "gone with its stock", func() { s.call(204, manager, "DELETE", "/v1/products/"+id, nil) }, []string{"-products", "-stock"}},
	}
}

var changing = regexp.MustCompile(`^(POST|PUT|PATCH|DELETE) `)

func TestWhatIsTold(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := open(t)
		if on {
			s.sync.Announce()
		}
		c := intaketest.New(t, s.Server, kinds...)
		tried := map[string]bool{}
		for _, step := range s.steps() {
			step.do()
			told := c.Hear(t, s.events.Events())
			if !on {
				require.Empty(t, told)
				continue
			}
			require.Equal(t, step.want, told, "%s: %s", step.route, step.what)
			c.RequireEqual(t)
			tried[step.route] = true
		}
		for _, r := range s.routes {
			if name := r.Method + " " + r.Path; on && changing.MatchString(name) {
				require.True(t, tried[name], "%s: nobody says what is told of it", name)
			}
		}
	}
}

// Of what is moved in nothing is told; of what is changed of it here, all.
func TestWhatIsToldOfMoved(t *testing.T) {
	s := open(t)
	s.sync.Announce()
	c := intaketest.New(t, s.Server, kinds...)
	s.move("stock", intake.Stored, moved(stockKey(1), 5, onHand(1, 7)))
	s.move("categories", intake.Stored, moved("categories:1", 5, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 5, movedWare(1)), moved(productKey(2), 5, movedWare(2)))
	s.move("products", intake.Stored, moved(productKey(2), 6, nil))
	require.Empty(t, c.Hear(t, s.events.Events()))
	c.Forget(t, s.events.Events())
	require.Equal(t, []int{1, 1, 1}, []int{len(c.IDs("categories")), len(c.IDs("products")), len(c.IDs("stock"))})
	require.Contains(t, c.IDs("stock"), idOf(stockKey(1)))

	s.call(200, manager, "PATCH", "/v1/inventory/W-1", object{"delta": -2, "reason": "x"})
	require.Equal(t, []string{"stock"}, c.Hear(t, s.events.Events()))
	require.EqualValues(t, 5, c.Document(t, "stock", idOf(stockKey(1)))["on_hand"])
	s.call(200, manager, "PUT", "/v1/categories/wares", object{"name": "All wares"})
	require.Equal(t, []string{"categories"}, c.Hear(t, s.events.Events()))
	require.Equal(t, "All wares", c.Document(t, "categories", idOf("categories:1"))["name"])
	s.call(204, manager, "DELETE", "/v1/products/"+idOf(productKey(1)), nil)
	require.Equal(t, []string{"-products", "-stock"}, c.Hear(t, s.events.Events()))
	c.RequireEqual(t)

	s.move("stock", intake.Stored, moved(stockKey(3), 5, onHand(3, 7)))
	c.Forget(t, s.events.Events())
	p := coffee()
	p["category"], p["variants"] = "wares", []any{object{"sku": "W-3", "name": "x", "prices": []any{object{"amount": 1, "currency": "EUR"}}}}
	s.call(201, manager, "POST", "/v1/products", p)
	require.Equal(t, []string{"-stock", "products"}, c.Hear(t, s.events.Events()), "stock that was moved in is not that of a product of here")
	c.RequireEqual(t)
}

// Stock that was stated before anybody listened is found all the same.
func TestAllThatWasThereBefore(t *testing.T) {
	s, id := stocked(t)
	c := intaketest.New(t, s.Server, kinds...)
	require.Equal(t, []int{1, 1, 2}, []int{len(c.IDs("categories")), len(c.IDs("products")), len(c.IDs("stock"))})
	require.Equal(t, "cafe-molido", c.Document(t, "products", id)["slug"])

	later := openOver(t, s.store, &event.Memory{})
	later.sync.Announce()
	c = intaketest.New(t, later.Server, kinds...)
	later.call(200, manager, "PATCH", "/v1/inventory/COF-500", object{"delta": 1, "reason": "x"})
	require.Equal(t, []string{"stock"}, c.Hear(t, later.events.Events()))
	c.RequireEqual(t)
	code, _ := later.call(400, mover, "GET", "/internal/v1/sync/products?all=1&cursor=NjQ", nil).Problem(t)
	require.Equal(t, "invalid_request", code)
}

// Who only hears of changes and reads ends with what a full reading gives.
func TestAWalkThatIsFollowed(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		store, heard := statetest.NewMemory(), &event.Memory{}
		replicas := []*shop{openOver(t, store, heard), openOver(t, store, heard)}
		for _, s := range replicas {
			s.sync.Announce()
		}
		c := intaketest.New(t, replicas[0].Server, kinds...)
		path := func(kind string) string { // of something that is there
			id := c.Any(rnd.IntN, kind, "none")
			if kind == "categories" && id != "none" {
				id = c.Document(t, kind, id)["slug"].(string)
			}
			return "/v1/" + kind + "/" + id
		}
		for range 120 {
			s := replicas[rnd.IntN(2)]
			try := func(method, path string, body any) {
				s.Do(t, contracttest.Request{Method: method, Path: path, As: manager, Body: body})
			}
			n := rnd.IntN(4)
			slug, order := fmt.Sprint("s", n), fmt.Sprintf("0198d2a4-7b1c-5f00-8a00-0000000000%02d", n)
			product := object{"slug": fmt.Sprint("p", n), "name": fmt.Sprint("P", rnd.IntN(3)), "category": slug, "status": "published", "variants": []any{
				object{"sku": fmt.Sprint("W-", rnd.IntN(5)), "name": "x", "prices": []any{object{"amount": rnd.IntN(3), "currency": "EUR"}}},
			}}
			sku := fmt.Sprint("W-", n)
			switch rnd.IntN(13) {
			case 0, 1:
				try("POST", "/v1/categories", object{"slug": slug, "name": "C"})
			case 2:
				try("PUT", "/v1/categories/"+slug, object{"name": fmt.Sprint("C", rnd.IntN(2)), "parent": fmt.Sprint("s", rnd.IntN(4))})
			case 3:
				try("DELETE", path("categories"), nil)
			case 4, 5:
				try("POST", "/v1/products", product)
			case 6:
				try("PUT", path("products"), product)
			case 7:
				try("DELETE", path("products"), nil)
			case 8, 9:
				try("PATCH", "/v1/inventory/"+sku, object{"on_hand": rnd.IntN(4), "reason": "x"})
			case 10:
				s.Do(t, contracttest.Request{Method: "PUT", Path: "/internal/v1/reservations/" + order, As: orders, Body: reservation("EUR", line(sku, 1))})
			case 11:
				how := []string{"commit", "release"}[rnd.IntN(2)]
				s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/reservations/" + order + "/" + how, As: orders, Body: object{"skus": []string{sku}}})
			case 12: // the other system is at it, too
				s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/sync/stock", As: mover, Body: object{"part": "0", "documents": []any{moved(stockKey(n), 5, onHand(n, 7))}}})
				c.Hear(t, heard.Events())
				c.Forget(t, heard.Events())
			}
			c.Hear(t, heard.Events())
		}
		c.RequireEqual(t)
		require.NotEmpty(t, append(c.IDs("products"), c.IDs("categories")...))
	}
}
