package shop

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
	"tienda/internal/money"
)

const (
	maxLines     = 50
	maxQuantity  = 1000
	freeShipping = 5000 // cents of goods
	shippingFee  = 495  // cents
	maxKey       = 100  // bytes of an Idempotency-Key
)

// Line is one SKU of an order.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// NewOrder is the body of POST /legacy/orders. Its prices are those of the moment it is
// placed; it takes its goods out of the inventory at once.
type NewOrder struct {
	CustomerID int64    `json:"customer_id,omitempty"` // 0: a guest
	Email      string   `json:"email,omitempty"`       // of a guest; a customer's own is taken
	Lines      []Line   `json:"lines"`                 // 1 to 50, each SKU once
	Method     string   `json:"method"`                // CARD, TRANSFER or COD
	Card       string   `json:"card,omitempty"`        // the whole number, of CARD; it is kept
	Ship       *Address `json:"ship,omitempty"`        // none: the customer's default address, or fetched in the shop
	Note       string   `json:"note,omitempty"`
}

// Order is the answer to a placed order.
type Order struct {
	ID     int64       `json:"id"`
	Number string      `json:"number"`
	Email  string      `json:"email"`
	Status string      `json:"status"` // confirmed, shipped, delivered or cancelled
	Total  money.Money `json:"total"`
	Lines  []OrderLine `json:"lines"`
}

// OrderLine is a line of an Order with its price.
type OrderLine struct {
	Line
	UnitPrice money.Money `json:"unit_price"`
}

type goods struct {
	Line
	variant, product int64
	title, name      string
	price            int64
}

func (s *shop) placeOrder(w http.ResponseWriter, r *http.Request) error {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || len(key) > maxKey {
		return fault.BadField("Idempotency-Key", "is missing or longer than 100 bytes")
	}
	var in NewOrder
	if err := read(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	sum := sha256.Sum256(b)
	hash := hex.EncodeToString(sum[:])
	var number string
	err = s.transact(r.Context(), func(tx pgx.Tx) error {
		number, err = once(r.Context(), tx, key, hash)
		if err != nil || number != "" {
			return err
		}
		number, err = place(r.Context(), tx, in, key, hash)
		return err
	})
	if err != nil {
		return err
	}
	placed, err := s.order(r.Context(), number)
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, placed)
}

func (in *NewOrder) check() error {
	if len(in.Lines) == 0 || len(in.Lines) > maxLines {
		return fault.BadField("/lines", "has none or more than 50")
	}
	seen := map[string]bool{}
	for i, l := range in.Lines {
		if l.Quantity < 1 || l.Quantity > maxQuantity {
			return fault.BadField(fmt.Sprintf("/lines/%d/quantity", i), "is not from 1 to 1000")
		}
		if seen[l.SKU] {
			return fault.BadField(fmt.Sprintf("/lines/%d/sku", i), "is there twice")
		}
		seen[l.SKU] = true
	}
	if !slices.Contains([]string{"CARD", "TRANSFER", "COD"}, in.Method) {
		return fault.BadField("/method", "is not CARD, TRANSFER or COD")
	}
	if len(in.Card) > 19 {
		return fault.BadField("/card", "is longer than 19 digits")
	}
	if in.CustomerID == 0 && !email.MatchString(in.Email) {
		return fault.BadField("/email", "is none")
	}
	if in.Ship != nil {
		return in.Ship.check("/ship")
	}
	return nil
}

// once gives the number of the order that the key has made already; "": none has been.
// Others with the same key wait until this transaction has ended.
func once(ctx context.Context, tx pgx.Tx, key, hash string) (number string, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key); err != nil {
		return "", fmt.Errorf("key of a request: %w", err)
	}
	var before string
	err = tx.QueryRow(ctx, "SELECT k.body_hash, o.number FROM request_keys k JOIN orders o ON o.id = k.order_id WHERE k.key = $1", key).Scan(&before, &number)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("key of a request: %w", err)
	case before != hash:
		return "", fault.New(fault.Unprocessable, "idempotency_key_reused", "The key was used with another order.")
	}
	return number, nil
}

func place(ctx context.Context, tx pgx.Tx, in NewOrder, key, hash string) (number string, err error) {
	var customer any
	language := "es"
	if in.CustomerID != 0 {
		if customer, language, err = in.buyer(ctx, tx); err != nil {
			return "", err
		}
	}
	all, err := take(ctx, tx, in.Lines)
	if err != nil {
		return "", err
	}
	var total, shipping int64
	for _, g := range all {
		total += g.Quantity * g.price
	}
	if total < freeShipping {
		shipping = shippingFee
	}
	gross := total + shipping
	tax := gross - (gross*100+60)/121
	var orderID int64
	if err := tx.QueryRow(ctx, "SELECT nextval(pg_get_serial_sequence('orders', 'id'))").Scan(&orderID); err != nil {
		return "", fmt.Errorf("number of an order: %w", err)
	}
	number = fmt.Sprintf("W%08d", orderID)
	to := Address{}
	if in.Ship != nil {
		to = *in.Ship
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO orders (id, number, customer_id, email, lang, goods, net, tax, shipping, gross, ship_name, ship_street, ship_street2, ship_city, ship_region, ship_zip, ship_country, ship_phone, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), nullif($12, ''), nullif($13, ''), nullif($14, ''), nullif($15, ''), nullif($16, ''), nullif($17, ''), nullif($18, ''), nullif($19, ''))`,
		orderID, number, customer, in.Email, language, cents(total), cents(gross-tax), cents(tax), cents(shipping), cents(gross),
		to.Recipient, to.Street, to.Street2, to.City, to.Region, to.Zip, to.Country, to.Phone, in.Note)
	for i, g := range all {
		batch.Queue(`INSERT INTO order_lines (order_id, line_no, product_id, variant_id, sku, title, variant, qty, unit_price, line_total)
			VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10)`,
			orderID, i+1, g.product, g.variant, g.SKU, g.title, g.name, g.Quantity, cents(g.price), cents(g.Quantity*g.price))
	}
	state, paid, reference := "DUE", int64(0), ""
	if in.Method == "CARD" {
		state, paid, reference = "PAID", gross, "ch_"+hash[:16]
	}
	batch.Queue(`INSERT INTO payments (order_id, method, state, amount, paid, card_number, provider_ref) VALUES ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, ''))`,
		orderID, in.Method, state, cents(gross), cents(paid), in.Card, reference)
	batch.Queue("INSERT INTO request_keys (key, body_hash, order_id) VALUES ($1, $2, $3)", key, hash, orderID)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return "", fmt.Errorf("order: %w", err)
	}
	return number, nil
}

// buyer fills in what is known of a customer.
func (in *NewOrder) buyer(ctx context.Context, tx pgx.Tx) (id any, language string, err error) {
	var blocked bool
	err = tx.QueryRow(ctx, "SELECT email, blocked, coalesce((SELECT lang FROM customer_preferences WHERE customer_id = c.id), 'es') FROM customers c WHERE id = $1", in.CustomerID).
		Scan(&in.Email, &blocked, &language)
	if err != nil {
		return nil, "", missing(err, "customer")
	}
	if blocked {
		return nil, "", fault.New(fault.Forbidden, "blocked", "The customer may not buy.")
	}
	if in.Ship != nil {
		return in.CustomerID, language, nil
	}
	var a Address
	err = tx.QueryRow(ctx, `SELECT recipient, street, coalesce(street2, ''), city, coalesce(region, ''), zip, country, coalesce(phone, '')
		FROM addresses WHERE customer_id = $1 ORDER BY is_default DESC, id LIMIT 1`, in.CustomerID).
		Scan(&a.Recipient, &a.Street, &a.Street2, &a.City, &a.Region, &a.Zip, &a.Country, &a.Phone)
	if err == nil {
		in.Ship = &a
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return nil, "", fmt.Errorf("address: %w", err)
	}
	return in.CustomerID, language, nil
}

// take takes the lines' goods out of the inventory, in the order of their variants, so
// that two buyers of the same do not wait for each other.
func take(ctx context.Context, tx pgx.Tx, lines []Line) ([]goods, error) {
	all := make([]goods, len(lines))
	for i, l := range lines {
		g := goods{Line: l}
		// The lock keeps the product from being deleted meanwhile.
		err := tx.QueryRow(ctx, `SELECT v.id, p.id, p.title, concat_ws(' ', v.color, v.size), v.price_cents FROM product_variants v JOIN products p ON p.id = v.product_id
			WHERE v.sku = $1 AND p.active FOR KEY SHARE OF p`, l.SKU).Scan(&g.variant, &g.product, &g.title, &g.name, &g.price)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, fault.New(fault.Unprocessable, "unknown_sku", "There is no such SKU on sale.").At(fmt.Sprintf("/lines/%d/sku", i), "is not sold")
		}
		if err != nil {
			return nil, fmt.Errorf("SKU %s: %w", l.SKU, err)
		}
		all[i] = g
	}
	order := slices.Clone(all)
	slices.SortFunc(order, func(a, b goods) int { return cmp.Compare(a.variant, b.variant) })
	for _, g := range order {
		tag, err := tx.Exec(ctx, "UPDATE inventory SET quantity = quantity - $2 WHERE variant_id = $1 AND quantity >= $2", g.variant, g.Quantity)
		if err != nil {
			return nil, fmt.Errorf("inventory of %s: %w", g.SKU, err)
		}
		if tag.RowsAffected() == 0 {
			return nil, fault.New(fault.Conflict, "out_of_stock", "There is not enough of "+g.SKU+".")
		}
	}
	return all, nil
}

// order reads what was placed.
func (s *shop) order(ctx context.Context, number string) (o Order, err error) {
	var status int
	var gross int64
	err = s.DB.QueryRow(ctx, "SELECT id, number, email, status, (gross * 100)::bigint, currency FROM orders WHERE number = $1", number).
		Scan(&o.ID, &o.Number, &o.Email, &status, &gross, &o.Total.Currency)
	if err != nil {
		return o, missing(err, "order")
	}
	o.Total.Amount, o.Status = gross, StatusName(status)
	rows, err := s.DB.Query(ctx, "SELECT sku, qty, (unit_price * 100)::bigint FROM order_lines WHERE order_id = $1 ORDER BY line_no", o.ID)
	if err != nil {
		return o, fmt.Errorf("lines of %s: %w", number, err)
	}
	o.Lines, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (OrderLine, error) {
		l := OrderLine{UnitPrice: money.New(0, o.Total.Currency)}
		err := row.Scan(&l.SKU, &l.Quantity, &l.UnitPrice.Amount)
		return l, err
	})
	if err != nil {
		return o, fmt.Errorf("lines of %s: %w", number, err)
	}
	return o, nil
}

// number reads an order's from the path.
func number(r *http.Request) string { return strings.ToUpper(mux.Vars(r)["number"]) }

// cents gives an amount as a decimal text, which the tables take as numeric.
func cents(n int64) string {
	text := strconv.FormatInt(n, 10)
	if len(text) < 3 {
		text = strings.Repeat("0", 3-len(text)) + text
	}
	return text[:len(text)-2] + "." + text[len(text)-2:]
}
