package reverse_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// chance makes documents within the contract and within what the monolith has a place for.
type chance struct {
	*rand.Rand
	w *world
	n int // of what must be unique
}

func (c *chance) text(most int) string {
	letters := []rune("aeiou lmnrst ñáé'\"\\:%$-1")
	out := []rune{'A'}
	for range c.IntN(most - 1) {
		out = append(out, letters[c.IntN(len(letters))])
	}
	return string(append(out, 'z'))
}

func (c *chance) name(prefix string) string { c.n++; return fmt.Sprintf("%s-%d", prefix, c.n) }

func pick[T any](c *chance, all ...T) T { return all[c.IntN(len(all))] }

// maybe sets a field or takes it away.
func maybe(c *chance, doc map[string]any, field string, v any) {
	if delete(doc, field); c.IntN(3) > 0 {
		doc[field] = v
	}
}

// time is one to the microsecond, not in an hour that Madrid has twice: those are at the
// end of October.
func (c *chance) time() string {
	at := time.Date(2024, time.Month(1+c.IntN(9)), 1+c.IntN(28), c.IntN(24), c.IntN(60), c.IntN(60), 1000*c.IntN(1_000_000), time.UTC)
	return at.Format(time.RFC3339Nano)
}

func (c *chance) id(kind string) string { ids := c.w.owners.ids(kind); return ids[c.IntN(len(ids))] }

// any gives a document's field of any document of a kind.
func (c *chance) any(kind, field string) any {
	doc, _ := c.w.document(kind, c.id(kind))
	return doc[field]
}

// change makes another document of one; an empty one becomes a new one.
func (c *chance) change(kind string, doc map[string]any) {
	map[string]func(map[string]any){
		"categories": c.category, "products": c.product, "stock": c.stock, "users": c.user,
		"orders": c.order, "tickets": c.ticket, "returns": c.back,
	}[kind](doc)
}

func (c *chance) category(doc map[string]any) {
	if doc["slug"] == nil {
		doc["slug"] = c.name("slug")
		doc["parent"] = c.any("categories", "slug")
	}
	doc["name"], doc["position"] = c.text(200), c.IntN(10000)
}

func (c *chance) product(doc map[string]any) {
	if doc["slug"] == nil {
		doc["slug"] = c.name("product")
	}
	doc["language"], doc["name"], doc["category"] = pick(c, "es", "en", "fr"), c.text(200), c.any("categories", "slug")
	doc["tax_class"], doc["status"] = pick(c, "standard", "reduced", "super-reduced"), pick(c, "published", "archived")
	maybe(c, doc, "description", c.text(500))
	maybe(c, doc, "attributes", map[string]any{"brand": c.text(100)})
	maybe(c, doc, "images", []any{"https://example.com/" + c.name("image")})
	variants, _ := doc["variants"].([]any)
	if len(variants) == 0 || c.IntN(2) == 0 {
		variants = append(variants, map[string]any{"sku": c.name("SKU"), "name": "made"})
	}
	c.Shuffle(len(variants), func(i, j int) { variants[i], variants[j] = variants[j], variants[i] })
	for _, v := range variants {
		v, _ := v.(map[string]any)
		maybe(c, v, "barcode", "4006381333931")
		maybe(c, v, "weight_grams", 1+c.IntN(99999))
		maybe(c, v, "options", map[string]any{"color": c.text(40), "size": c.text(20)})
		v["prices"] = []any{money(1 + c.Int64N(99_999_999))}
	}
	doc["variants"] = variants
}

func (c *chance) stock(doc map[string]any) {
	if doc["sku"] == nil { // of a product that was made here
		product := map[string]any{}
		c.product(product)
		id := newID()
		c.w.owners.put(c.w.t, "products", id, "", product)
		c.w.apply("products", id, 1)
		first, _ := product["variants"].([]any)[0].(map[string]any)
		doc["sku"] = first["sku"]
	}
	doc["on_hand"] = c.IntN(10_000_000)
	maybe(c, doc, "low_at", c.IntN(1000))
}

func (c *chance) user(doc map[string]any) {
	if doc["email"] == nil || c.IntN(3) == 0 {
		doc["email"] = c.name("somebody") + "@example.com"
	}
	doc["name"], doc["status"] = c.text(100), pick(c, "active", "disabled")
	if c.IntN(2) == 0 {
		delete(doc, "password_digest")
	}
	if _, staff := doc["roles"]; staff {
		doc["roles"] = []any{pick(c, "admin", "catalog_manager", "support_agent")}
		return
	}
	if doc["created_at"] == nil {
		doc["created_at"] = c.time()
	}
	maybe(c, doc, "preferences", map[string]any{"currency": pick(c, "EUR", "USD"), "language": pick(c, "es", "en"), "marketing_mail": c.IntN(2) == 0})
	addresses := []any{}
	for range c.IntN(4) {
		a := map[string]any{"name": c.text(100), "line1": c.text(200), "city": c.text(100), "postal_code": c.text(20), "country": pick(c, "ES", "PT")}
		maybe(c, a, "line2", c.text(200))
		maybe(c, a, "region", c.text(100))
		maybe(c, a, "phone", c.text(40))
		addresses = append(addresses, a)
	}
	if delete(doc, "addresses"); len(addresses) > 0 {
		doc["addresses"] = addresses
	}
}

// line is one of a variant that there is.
func (c *chance) line(money func(int64) map[string]any) map[string]any {
	id := c.id("products")
	product, _ := c.w.document("products", id)
	variant, _ := pick(c, product["variants"].([]any)...).(map[string]any)
	l := map[string]any{
		"sku": variant["sku"], "product_id": id, "name": c.text(200), "quantity": 1 + c.IntN(9),
		"unit_price": money(c.Int64N(9_999_999)), "total": money(c.Int64N(9_999_999_999)),
	}
	maybe(c, l, "variant_name", c.text(80))
	return l
}

func (c *chance) order(doc map[string]any) {
	if doc["number"] == nil {
		doc["number"], doc["created_at"], doc["currency"] = c.name("N"), c.time(), "EUR"
		maybe(c, doc, "customer_id", c.customer())
		doc["lines"] = []any{c.line(money), c.line(money)}
	}
	code, _ := doc["currency"].(string)
	money := func(n int64) map[string]any { return map[string]any{"amount": n, "currency": code} }
	lines, _ := doc["lines"].([]any)
	if c.IntN(3) == 0 {
		lines = append(lines, c.line(money))
	}
	doc["lines"] = lines
	doc["email"], doc["language"], doc["tax_included"] = c.name("buyer")+"@example.com", pick(c, "es", "en"), true
	doc["status"] = pick(c, "confirmed", "shipped", "delivered", "cancelled")
	doc["totals"] = map[string]any{
		"goods": money(c.Int64N(9_999_999_999)), "discount": money(c.Int64N(999)), "shipping": money(c.Int64N(999)),
		"tax": money(c.Int64N(999)), "total": money(c.Int64N(9_999_999_999)),
	}
	payment := map[string]any{
		"method": pick(c, "card", "invoice", "cash_on_delivery"), "status": pick(c, "due", "paid", "refunded"),
		"paid": money(5000 + c.Int64N(999)), "refunded": money(c.Int64N(5000)),
	}
	maybe(c, payment, "reference", c.text(60))
	doc["payment"] = payment
	address := map[string]any{"name": c.text(100), "line1": c.text(200), "city": c.text(100), "postal_code": c.text(20), "country": "ES"}
	maybe(c, address, "region", c.text(100))
	maybe(c, doc, "shipping_address", address)
	maybe(c, doc, "note", c.text(2000))
	maybe(c, doc, "tracking", c.text(60))
	for _, field := range []string{"shipped_at", "delivered_at", "cancelled_at"} {
		maybe(c, doc, field, c.time())
	}
}

// customer gives the ID of one who is no staff.
func (c *chance) customer() string {
	for {
		id := c.id("users")
		if doc, _ := c.w.document("users", id); doc["roles"] == nil {
			return id
		}
	}
}

// agent gives the ID of one who has a row among the staff.
func (c *chance) agent() string {
	for {
		id := c.id("users")
		if doc, _ := c.w.document("users", id); doc["roles"] != nil {
			return id
		}
	}
}

func (c *chance) ticket(doc map[string]any) {
	if doc["customer_id"] == nil {
		doc["customer_id"], doc["created_at"] = c.customer(), "2024-01-01T08:00:00Z"
		maybe(c, doc, "order_id", c.id("orders"))
	}
	doc["subject"], doc["category"] = c.text(200), pick(c, "order", "product", "account", "other")
	doc["priority"], doc["status"] = pick(c, "low", "normal", "high", "urgent"), pick(c, "open", "answered")
	if delete(doc, "closed_at"); c.IntN(2) == 0 {
		doc["status"], doc["closed_at"] = "closed", c.time()
	}
	messages, _ := doc["messages"].([]any)
	last := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1 + c.IntN(3) {
		m := map[string]any{"author": "customer", "author_id": doc["customer_id"], "text": c.text(2000), "created_at": last.Add(time.Duration(len(messages)) * time.Hour).Format(time.RFC3339)}
		if i > 0 && c.IntN(2) == 0 {
			m["author"], m["author_id"] = "agent", c.agent()
			maybe(c, m, "internal", true)
		}
		messages = append(messages, m)
	}
	doc["messages"] = messages
}

func (c *chance) back(doc map[string]any) {
	if doc["order_id"] == nil {
		for doc["customer_id"] == nil {
			doc["order_id"] = c.id("orders")
			id, _ := doc["order_id"].(string)
			order, _ := c.w.document("orders", id)
			doc["customer_id"] = order["customer_id"]
			first, _ := order["lines"].([]any)[0].(map[string]any)
			doc["lines"] = []any{map[string]any{"sku": first["sku"], "quantity": 1, "reason": "damaged"}}
		}
		doc["created_at"] = c.time()
		maybe(c, doc, "ticket_id", c.id("tickets"))
	}
	for _, l := range doc["lines"].([]any) {
		l, _ := l.(map[string]any)
		l["quantity"], l["reason"] = 1+c.IntN(9), pick(c, "damaged", "wrong_item", "unwanted", "other")
	}
	doc["status"] = pick(c, "requested", "approved", "rejected", "received", "refunded")
	if delete(doc, "refund"); doc["status"] == "refunded" {
		id, _ := doc["order_id"].(string)
		order, _ := c.w.document("orders", id)
		doc["refund"] = map[string]any{"amount": c.Int64N(9999), "currency": order["currency"]}
	}
}
