package shop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/shop"
)

const size = 60

type client struct {
	t       *testing.T
	db      *pgxpool.Pool
	handler http.Handler
}

func open(t *testing.T) *client {
	t.Helper()
	d := localtest.Open(t)
	_, err := generator.Fill(t.Context(), localtest.Connect(t, d.OwnerDSN), generator.Options{Size: size, Seed: 1})
	require.NoError(t, err)
	db := localtest.Pool(t, d.OwnerDSN)
	return &client{t: t, db: db, handler: shop.New(shop.Options{DB: db, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})}
}

// do makes a request, and gives the status and the answer's body.
func (c *client) do(method, path string, body any, key string) (int, []byte) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, bytes.NewReader(b))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// want makes a request and holds its answer to a status and, of a problem, a code.
func (c *client) want(status int, code, method, path string, body any) []byte {
	c.t.Helper()
	got, b := c.do(method, path, body, "")
	require.Equal(c.t, status, got, "%s %s: %s", method, path, b)
	if code != "" {
		require.Equal(c.t, code, codeOf(b), "%s", b)
	}
	return b
}

func codeOf(b []byte) string {
	var p struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(b, &p) != nil {
		return ""
	}
	return p.Code
}

func (c *client) number(query string, args ...any) (n int64) {
	c.t.Helper()
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), query, args...).Scan(&n), query)
	return n
}

// sku gives one on sale, the n-th, with so many on hand.
func (c *client) sku(n, stock int) (sku string) {
	c.t.Helper()
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), "SELECT sku FROM product_variants v JOIN products p ON p.id = v.product_id WHERE active ORDER BY v.id LIMIT 1 OFFSET $1", n).Scan(&sku))
	_, err := c.db.Exec(c.t.Context(), "UPDATE inventory SET quantity = $2 FROM product_variants v WHERE v.id = variant_id AND sku = $1", sku, stock)
	require.NoError(c.t, err)
	return sku
}

func (c *client) stock(sku string) int64 {
	c.t.Helper()
	return c.number("SELECT quantity FROM inventory JOIN product_variants v ON v.id = variant_id WHERE sku = $1", sku)
}

func (c *client) buy(key string, customer int64, method string, lines ...shop.Line) shop.Order {
	c.t.Helper()
	status, b := c.do(http.MethodPost, "/legacy/orders", shop.NewOrder{CustomerID: customer, Email: "guest@example.net", Lines: lines, Method: method}, key)
	require.Equal(c.t, http.StatusCreated, status, "%s", b)
	var o shop.Order
	require.NoError(c.t, json.Unmarshal(b, &o))
	return o
}

func TestShop(t *testing.T) {
	localtest.Needs(t)
	c := open(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *client)
	}{
		{"shapes of the public contract", shapes}, {"pages", pages}, {"search", search},
		{"oversell", oversell}, {"idempotency", idempotency}, {"order", order}, {"statuses", statuses},
		{"people", people}, {"prices and products", stock}, {"support", support}, {"bad requests", bad},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, &client{t: t, db: c.db, handler: c.handler}) })
	}
}

// What a browser reads is what the new shop's contract says of it.
func shapes(t *testing.T, c *client) {
	text, err := contracts.FS.ReadFile("openapi/public.yaml")
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	check := func(schema string, body []byte) {
		t.Helper()
		var v any
		require.NoError(t, json.Unmarshal(body, &v))
		require.NoError(t, doc.Components.Schemas[schema].Value.VisitJSON(v), "%s", body)
	}
	check("CategoryList", c.want(200, "", http.MethodGet, "/v1/categories", nil))
	b := c.want(200, "", http.MethodGet, "/v1/products?limit=100", nil)
	check("ProductList", b)
	check("ProductList", c.want(200, "", http.MethodGet, "/v1/products?currency=USD", nil))
	for _, p := range items(t, b) {
		byID := c.want(200, "", http.MethodGet, "/v1/products/"+p.ID, nil)
		check("Product", byID)
		require.Equal(t, byID, c.want(200, "", http.MethodGet, "/v1/products/"+p.Slug, nil))
	}
	check("Problem", c.want(404, "not_found", http.MethodGet, "/v1/products/none", nil))
	check("Problem", c.want(404, "not_found", http.MethodGet, "/v1/products/11111111-1111-4111-8111-111111111111", nil))
}

type item struct {
	ID, Slug, Name string
	PriceFrom      struct{ Amount int64 } `json:"price_from"`
	SKUs           []string               `json:"skus"`
}

func items(t *testing.T, body []byte) []item {
	t.Helper()
	var page struct{ Items []item }
	require.NoError(t, json.Unmarshal(body, &page))
	return page.Items
}

// All pages together have each product on sale once, in any order.
func pages(t *testing.T, c *client) {
	for _, sort := range []string{"newest", "name", "price", "-price"} {
		seen, cursor, last := map[string]bool{}, "", int64(0)
		for {
			b := c.want(200, "", http.MethodGet, "/v1/products?limit=7&sort="+sort+"&cursor="+cursor, nil)
			var page struct {
				Total      int
				NextCursor string `json:"next_cursor"`
			}
			require.NoError(t, json.Unmarshal(b, &page))
			require.EqualValues(t, c.number("SELECT count(*) FROM products WHERE active"), page.Total)
			for _, p := range items(t, b) {
				require.False(t, seen[p.ID], "%s twice", p.Slug)
				seen[p.ID] = true
				if sort == "price" {
					require.GreaterOrEqual(t, p.PriceFrom.Amount, last)
					last = p.PriceFrom.Amount
				}
			}
			if cursor = page.NextCursor; cursor == "" {
				require.Len(t, seen, page.Total)
				break
			}
		}
	}
}

func search(t *testing.T, c *client) {
	sku := c.sku(3, 5)
	found := items(t, c.want(200, "", http.MethodGet, "/v1/products?q="+sku, nil))
	require.Len(t, found, 1)
	require.Contains(t, found[0].SKUs, sku)
	require.Empty(t, items(t, c.want(200, "", http.MethodGet, "/v1/products?q=%25%25", nil)), "a percent sign is a letter")
	in := items(t, c.want(200, "", http.MethodGet, "/v1/products?limit=100&category=moda", nil))
	require.EqualValues(t, c.number("SELECT count(*) FROM products WHERE active AND category_id IN (2, 3, 4)"), len(in), "with what is below it")
	require.Positive(t, len(in))
	cheap := items(t, c.want(200, "", http.MethodGet, "/v1/products?limit=100&max_price=4000", nil))
	dear := items(t, c.want(200, "", http.MethodGet, "/v1/products?limit=100&min_price=4001", nil))
	require.EqualValues(t, c.number("SELECT count(*) FROM products WHERE active"), len(cheap)+len(dear))
	require.NotEmpty(t, cheap)
	there := items(t, c.want(200, "", http.MethodGet, "/v1/products?limit=100&in_stock=true", nil))
	away := items(t, c.want(200, "", http.MethodGet, "/v1/products?limit=100&in_stock=false", nil))
	require.EqualValues(t, c.number("SELECT count(*) FROM products WHERE active"), len(there)+len(away))
}

// Forty buyers want two of the same, at once and in different orders: each gets both or
// none, and there is never less than nothing.
func oversell(t *testing.T, c *client) {
	a, b := c.sku(0, 10), c.sku(1, 10)
	var wg sync.WaitGroup
	statuses := make([]int, 40)
	for i := range statuses {
		wg.Go(func() {
			lines := []shop.Line{{SKU: a, Quantity: 1}, {SKU: b, Quantity: 1}}
			if i%2 == 0 {
				lines[0], lines[1] = lines[1], lines[0]
			}
			statuses[i], _ = c.do(http.MethodPost, "/legacy/orders", shop.NewOrder{Email: "a@b", Lines: lines, Method: "COD"}, fmt.Sprint("oversell-", i))
		})
	}
	wg.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 10, http.StatusConflict: 30}, count)
	require.Zero(t, c.stock(a))
	require.Zero(t, c.stock(b))

	// What is refused for its second line takes nothing of its first.
	c.sku(0, 10)
	status, body := c.do(http.MethodPost, "/legacy/orders", shop.NewOrder{Email: "a@b", Method: "COD", Lines: []shop.Line{{SKU: a, Quantity: 1}, {SKU: b, Quantity: 1}}}, "half")
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "out_of_stock", codeOf(body))
	require.EqualValues(t, 10, c.stock(a))
}

func idempotency(t *testing.T, c *client) {
	sku := c.sku(2, 50)
	in := shop.NewOrder{Email: "once@example.net", Lines: []shop.Line{{SKU: sku, Quantity: 3}}, Method: "TRANSFER"}
	var wg sync.WaitGroup
	bodies := make([]string, 8)
	for i := range bodies {
		wg.Go(func() {
			_, b := c.do(http.MethodPost, "/legacy/orders", in, "the-same-key")
			bodies[i] = string(b)
		})
	}
	wg.Wait()
	for _, b := range bodies {
		require.Equal(t, bodies[0], b)
	}
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM orders WHERE email = 'once@example.net'"))
	require.EqualValues(t, 47, c.stock(sku))
	in.Lines[0].Quantity = 4
	status, b := c.do(http.MethodPost, "/legacy/orders", in, "the-same-key")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, "idempotency_key_reused", codeOf(b))
	require.EqualValues(t, 47, c.stock(sku))
}

func bad(_ *testing.T, c *client) {
	c.want(404, "not_found", http.MethodGet, "/v2/products", nil)
	c.want(405, "method_not_allowed", http.MethodPatch, "/v1/products", nil)
	for _, query := range []string{"limit=0", "limit=101", "sort=size", "cursor=x", "min_price=x", "in_stock=x"} {
		c.want(400, "invalid_request", http.MethodGet, "/v1/products?"+query, nil)
	}
	c.want(400, "invalid_request", http.MethodPost, "/legacy/customers", map[string]string{"mail": "x"})
	c.want(413, "too_large", http.MethodPost, "/legacy/customers", map[string]string{"email": string(bytes.Repeat([]byte("x"), 2<<20))})
	c.want(400, "invalid_request", http.MethodPost, "/legacy/orders", shop.NewOrder{})
	c.want(200, "", http.MethodGet, "/healthz", nil)
}
