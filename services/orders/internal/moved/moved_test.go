package moved_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/services/orders/internal/moved"
	"tienda/services/orders/internal/order"
)

const id = "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11"

type object = map[string]any

var now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

var compiled = sync.OnceValues(func() (*contract.Schema, error) {
	c, err := contract.Load(contracts.FS, "orders")
	if err != nil {
		return nil, err
	}
	return c.Schema("SyncOrder")
})

func schema(t *testing.T) *contract.Schema {
	t.Helper()
	s, err := compiled()
	require.NoError(t, err)
	return s
}

// maker makes documents that fit the schema and the rules.
type maker struct{ *rand.Rand }

func (m maker) maybe(in object, name string, value any) {
	if m.IntN(2) == 0 {
		in[name] = value
	}
}

func pick[T any](m maker, of ...T) T { return of[m.IntN(len(of))] }

func (m maker) text(most int) string {
	all := []rune("aZ9 <&>é\"\\'/ß漢🙂-")
	out := []rune{'x'}
	for range m.IntN(min(most, 12)) {
		out = append(out, all[m.IntN(len(all))])
	}
	return string(append(out[:min(len(out), most-1)], 'y'))
}

func (m maker) money(n int64) object { return object{"amount": n, "currency": "EUR"} }

func (m maker) amount() int64 { return pick(m, 0, 1, m.Int64N(10_000), 1_000_000_000_000) }

func (m maker) time() string {
	at := time.Unix(m.Int64N(2e9)-1e9, pick(m, 0, m.Int64N(1e9), 120_000_000)).UTC()
	return at.Format(time.RFC3339Nano)
}

func (m maker) document() object {
	d := object{
		"number": m.text(64), "currency": "EUR", "status": pick(m, "confirmed", "shipped", "delivered", "cancelled"), "created_at": m.time(),
	}
	paid := m.amount()
	pay := object{"method": pick(m, "card", "invoice", "cash_on_delivery"), "status": pick(m, "due", "paid", "partially_refunded", "refunded", "void"), "paid": m.money(paid), "refunded": m.money(m.Int64N(paid + 1))}
	m.maybe(pay, "reference", m.text(200))
	d["payment"] = pay
	totals := object{"goods": m.money(m.amount()), "total": m.money(m.amount())}
	for _, name := range []string{"discount", "shipping", "tax"} {
		m.maybe(totals, name, m.money(m.amount()))
	}
	d["totals"] = totals
	lines := []object{}
	for range 1 + m.IntN(5) {
		l := object{"sku": fmt.Sprint("SKU-", m.IntN(6)), "name": m.text(300), "quantity": 1 + m.IntN(200), "unit_price": m.money(m.amount()), "total": m.money(m.amount())}
		m.maybe(l, "product_id", uuid.NewString())
		m.maybe(l, "variant_name", m.text(300))
		m.maybe(l, "tax", m.money(m.amount()))
		lines = append(lines, l)
	}
	d["lines"] = lines
	address := object{}
	for _, name := range []string{"name", "line1", "line2", "city", "region", "postal_code", "phone"} {
		m.maybe(address, name, m.text(20))
	}
	m.maybe(address, "country", "ES")
	if len(address) > 0 {
		m.maybe(d, "shipping_address", address)
	}
	m.maybe(d, "customer_id", uuid.NewString())
	m.maybe(d, "email", "ana@example.com")
	m.maybe(d, "language", pick(m, "es", "pt-BR"))
	m.maybe(d, "tax_included", m.IntN(2) == 0)
	m.maybe(d, "note", m.text(2000))
	m.maybe(d, "tracking", m.text(200))
	m.maybe(d, "cancel_reason", m.text(500))
	for _, name := range []string{"shipped_at", "delivered_at", "cancelled_at"} {
		m.maybe(d, name, m.time())
	}
	return d
}

// taken gives the order of a document, as it comes out of a store.
func taken(t *testing.T, raw []byte, held *order.Order) *order.Order {
	t.Helper()
	var d moved.Order
	require.NoError(t, json.Unmarshal(raw, &d))
	o, err := moved.Make(id, origin.Source{Key: "orders:1", Position: 7}, d, held)
	require.NoError(t, err)
	kept, err := json.Marshal(o)
	require.NoError(t, err)
	var out order.Order
	require.NoError(t, json.Unmarshal(kept, &out))
	return &out
}

func read(t *testing.T, o *order.Order) string {
	t.Helper()
	out, err := json.Marshal(moved.Of(o))
	require.NoError(t, err)
	return string(out)
}

// Every document that fits is given back as it came, also over another one; and what was
// paid for lines and shipping is the total.
func TestADocumentIsGivenBackAsItCame(t *testing.T) {
	s := schema(t)
	var held *order.Order
	for seed := range uint64(3000) {
		raw, err := json.Marshal(maker{rand.New(rand.NewPCG(seed, 1))}.document())
		require.NoError(t, err)
		require.Empty(t, s.Check(raw), "seed %d: %s", seed, raw)
		o := taken(t, raw, held)
		require.JSONEq(t, string(raw), read(t, o), "seed %d", seed)
		require.Empty(t, s.Check([]byte(read(t, o))), "seed %d", seed)

		sum, skus := int64(0), map[string]bool{}
		for _, l := range o.Lines {
			total, tax := l.Cost()
			require.GreaterOrEqual(t, total, tax)
			sum += total
			require.False(t, skus[l.SKU], "an SKU stands once")
			skus[l.SKU] = true
		}
		if o.Shipping != nil {
			sum += o.Shipping.Total
		}
		require.Equal(t, o.Total, sum, "seed %d", seed)
		held = o
	}
}

// What is changed here is seen.
func TestAChangeIsADifference(t *testing.T) {
	raw := document(t, nil)
	for what, change := range map[string]func(o *order.Order) error{
		"cancel": func(o *order.Order) error { return o.Cancel("", 0, now) },
		"ship":   func(o *order.Order) error { return o.Ship("ES-1", 0, now) },
		"cancel lines": func(o *order.Order) error {
			return o.CancelLines("c", []order.Item{{SKU: "TEA", Quantity: 1}}, "", 0, now)
		},
		"ship a part": func(o *order.Order) error {
			return o.Dispatch("s", order.Parcel{Lines: []order.Item{{SKU: "TEA", Quantity: 1}}}, 0, now)
		},
		"readdress": func(o *order.Order) error {
			return o.Readdress(order.Address{Name: "B", Line1: "2", City: "C", PostalCode: "3", Country: "ES"}, 0)
		},
	} {
		o := taken(t, raw, nil)
		require.NoError(t, change(o), what)
		require.NotEqual(t, read(t, taken(t, raw, nil)), read(t, o), what)
	}
	delivered := document(t, object{"status": "delivered"})
	o := taken(t, delivered, nil)
	_, err := o.Refund("r", []order.RefundLine{{SKU: "TEA", Quantity: 1}}, now)
	require.NoError(t, err)
	require.NotEqual(t, read(t, taken(t, delivered, nil)), read(t, o))
	o = taken(t, delivered, nil)
	o.Forget()
	require.NotEqual(t, read(t, taken(t, delivered, nil)), read(t, o))
	require.NotContains(t, read(t, taken(t, delivered, o)), "ana@example.com", "who was forgotten stays forgotten")
}

// document gives two lines of 3 and 1 pieces, 30.00 and 5.00, less 3.50 on the whole, and
// 4.00 for shipping: 35.50, all paid by card.
func document(t *testing.T, with object) []byte {
	t.Helper()
	m := maker{}
	d := object{
		"number": "10248", "email": "ana@example.com", "currency": "EUR", "status": "confirmed", "created_at": "2019-04-01T10:00:00Z",
		"lines": []object{
			{"sku": "COFFEE", "name": "Coffee", "quantity": 1, "unit_price": m.money(500), "total": m.money(500)},
			{"sku": "TEA", "name": "Tea", "quantity": 3, "unit_price": m.money(1000), "total": m.money(3000)},
		},
		"totals":           object{"goods": m.money(3500), "discount": m.money(350), "shipping": m.money(400), "total": m.money(3550)},
		"payment":          object{"method": "card", "status": "paid", "paid": m.money(3550), "refunded": m.money(0), "reference": "ch_1"},
		"shipping_address": object{"name": "Ana", "city": "Madrid", "country": "ES"},
	}
	for k, v := range with {
		d[k] = v
	}
	raw, err := json.Marshal(d)
	require.NoError(t, err)
	require.Empty(t, schema(t).Check(raw))
	return raw
}

func TestARefundObeysWhatWasPaid(t *testing.T) {
	m := maker{}
	refund := func(o *order.Order, returnID, sku string, n int) (int64, error) {
		r, err := o.Refund(returnID, []order.RefundLine{{SKU: sku, Quantity: n}}, now)
		return r.Amount, err
	}
	o := taken(t, document(t, object{"status": "delivered"}), nil)
	first, err := refund(o, "1", "TEA", 1)
	require.NoError(t, err)
	require.EqualValues(t, 900, first, "less its share of the discount on the whole")
	second, err := refund(o, "2", "TEA", 2)
	require.NoError(t, err)
	last, err := refund(o, "3", "COFFEE", 1)
	require.NoError(t, err)
	require.EqualValues(t, 3550, first+second+last, "all that was paid, with the shipping")
	require.Equal(t, order.Refunded, o.Payment.Status)
	require.False(t, o.Owes(), "no provider is asked")

	// 30.00 were given back before, nobody knows for what.
	some := object{"method": "card", "status": "partially_refunded", "paid": m.money(3550), "refunded": m.money(3000)}
	o = taken(t, document(t, object{"status": "delivered", "payment": some}), nil)
	_, err = refund(o, "1", "TEA", 1)
	require.Equal(t, "refund_exceeds_paid", fault.CodeOf(err))
	require.ErrorContains(t, err, "5.50 EUR")
	last, err = refund(o, "1", "COFFEE", 1)
	require.NoError(t, err)
	require.EqualValues(t, 450, last)
	_, err = o.Refund("2", []order.RefundLine{{SKU: "TEA", Quantity: 1, Deduction: 89, Reason: "refunded before"}}, now)
	require.NoError(t, err, "what is deducted is not refunded")
	require.EqualValues(t, 3000+450+99, o.Payment.Refunded)

	// The same document again: what was refunded here is not refunded twice.
	o = taken(t, document(t, object{"status": "delivered", "payment": some}), o)
	_, err = o.Refund("3", []order.RefundLine{{SKU: "TEA", Quantity: 1, Deduction: 80, Reason: "refunded before"}}, now)
	require.Equal(t, "refund_exceeds_paid", fault.CodeOf(err))
	require.ErrorContains(t, err, "0.01 EUR")
}

func TestCancellingGivesBackWhatWasPaid(t *testing.T) {
	m := maker{}
	o := taken(t, document(t, nil), nil)
	require.NoError(t, o.Cancel("", 0, now))
	require.Equal(t, order.Payment{Method: order.Card, Status: order.Refunded, Paid: 3550, Refunded: 3550, Reference: "ch_1"}, o.Payment, "by hand")

	o = taken(t, document(t, nil), nil)
	require.NoError(t, o.CancelLines("c", []order.Item{{SKU: "TEA", Quantity: 2}}, "", 0, now))
	require.EqualValues(t, 1800, o.Payment.Refunded)
	require.NoError(t, o.CancelLines("d", []order.Item{{SKU: "TEA", Quantity: 1}, {SKU: "COFFEE", Quantity: 1}}, "", 0, now))
	require.EqualValues(t, 3550, o.Payment.Refunded)

	some := object{"method": "card", "status": "partially_refunded", "paid": m.money(3550), "refunded": m.money(3000)}
	o = taken(t, document(t, object{"payment": some}), nil)
	require.NoError(t, o.CancelLines("c", []order.Item{{SKU: "TEA", Quantity: 2}}, "", 0, now))
	require.EqualValues(t, 3550, o.Payment.Refunded, "no more than was paid")
	require.EqualValues(t, 550, o.Cancellations[0].Refunded)

	due := object{"method": "cash_on_delivery", "status": "due", "paid": m.money(1000), "refunded": m.money(0)}
	o = taken(t, document(t, object{"status": "shipped", "payment": due}), nil)
	require.EqualValues(t, 2550, o.Payment.Due)
	require.NoError(t, o.Deliver(0, now))
	require.EqualValues(t, 3550, o.Payment.Paid)
	require.Zero(t, o.Payment.Due)
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	m, s := maker{}, schema(t)
	for what, with := range map[string]object{
		"a card number of an unknown field": {"card_number": "4111111111111111"},
		"zeros at the end of a fraction":    {"created_at": "2019-04-01T10:00:00.10Z"},
		"another zone":                      {"created_at": "2019-04-01T10:00:00+02:00"},
		"an empty note":                     {"note": ""},
		"an empty address":                  {"shipping_address": object{}},
		"less than nothing":                 {"totals": object{"goods": m.money(1), "total": m.money(-1)}},
		"a status of here":                  {"status": "partially_shipped"},
		"no lines":                          {"lines": []object{}},
	} {
		var d object
		require.NoError(t, json.Unmarshal(document(t, nil), &d))
		for k, v := range with {
			d[k] = v
		}
		raw, err := json.Marshal(d)
		require.NoError(t, err)
		require.NotEmpty(t, s.Check(raw), what)
	}
	line := func(sku string, n int, currency string) object {
		return object{"sku": sku, "name": "x", "quantity": n, "unit_price": m.money(1), "total": object{"amount": 1, "currency": currency}}
	}
	for at, with := range map[string]object{
		"/payment/refunded":       {"payment": object{"method": "card", "status": "refunded", "paid": m.money(1), "refunded": m.money(2)}},
		"/lines/0/total/currency": {"lines": []object{line("A", 1, "USD")}},
		"/lines/1/quantity":       {"lines": []object{line("A", 600, "EUR"), line("A", 600, "EUR")}},
	} {
		var d moved.Order
		require.NoError(t, json.Unmarshal(document(t, with), &d))
		_, err := moved.Make(id, origin.Source{}, d, nil)
		require.Equal(t, "order_inconsistent", fault.CodeOf(err))
		refusal := &fault.Error{}
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, at, refusal.Fields[0].Name)
	}
	var d moved.Order
	require.NoError(t, json.Unmarshal(document(t, nil), &d))
	_, err := moved.Make(id, origin.Source{}, d, &order.Order{ID: id})
	require.ErrorIs(t, err, moved.ErrMadeHere)
}

// What was refused, or is still on the way, was never told to anybody who could have it.
func TestWhatWasNeverBoughtIsNotAdopted(t *testing.T) {
	var d moved.Order
	raw, err := json.Marshal(maker{rand.New(rand.NewPCG(1, 1))}.document())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &d))
	_, err = moved.Adopt(id, origin.Source{}, d, &order.Order{ID: id, Status: order.Pending})
	require.ErrorIs(t, err, moved.ErrMadeHere)
	o, err := moved.Adopt(id, origin.Source{}, d, nil)
	require.NoError(t, err)
	require.Nil(t, o.Moved.Made, "it was not made here")
}
