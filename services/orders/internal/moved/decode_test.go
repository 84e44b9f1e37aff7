package moved_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/quickjson"
	"tienda/internal/quickjson/quickjsontest"
	"tienda/services/orders/internal/moved"
)

// The documents that are taken are decoded to what encoding/json makes of them.
func TestDocumentsAreDecodedAsBefore(t *testing.T) {
	var docs [][]byte
	for seed := range uint64(5) {
		raw, err := json.Marshal(maker{rand.New(rand.NewPCG(seed, 1))}.document())
		require.NoError(t, err)
		docs = append(docs, raw)
	}
	quickjsontest.RequireSame[moved.Order](t, docs...)
}

type batch struct {
	Part      string            `json:"part"`
	Documents []intake.Incoming `json:"documents"`
}

// batchOf gives a batch of so many orders of three lines, 1.7 kB each, and its body.
func batchOf(t testing.TB, n int) (all batch, body []byte) {
	t.Helper()
	m := maker{rand.New(rand.NewPCG(1, 1))}
	line := func() object {
		return object{
			"sku": fmt.Sprint("GREEN-TEA-", m.IntN(1000)), "product_id": uuid.NewString(), "name": "Green tea of the mountains", "variant_name": "100 g",
			"quantity": 2, "unit_price": m.money(1250), "total": m.money(2500), "tax": m.money(250),
		}
	}
	all.Part = "0"
	for i := range n {
		raw, err := json.Marshal(object{
			"number": fmt.Sprint("OLD-", i), "customer_id": uuid.NewString(), "email": "ana@tienda.example", "language": "es", "currency": "EUR",
			"status": "delivered", "created_at": "2026-01-02T03:04:05.123456Z", "shipped_at": "2026-01-03T03:04:05Z", "delivered_at": "2026-01-04T03:04:05Z",
			"lines": []any{line(), line(), line()}, "tax_included": true,
			"totals":           object{"goods": m.money(7500), "shipping": m.money(400), "tax": m.money(750), "total": m.money(7900)},
			"payment":          object{"method": "card", "status": "paid", "paid": m.money(7900), "refunded": m.money(0), "reference": "ch_1234567890"},
			"shipping_address": object{"name": "Ana García", "line1": "Calle Mayor 12", "city": "Madrid", "postal_code": "28013", "country": "ES", "phone": "+34600000000"},
			"note":             "Please ring twice.", "tracking": "ES-1234567890",
		})
		require.NoError(t, err)
		all.Documents = append(all.Documents, intake.Incoming{
			ID: uuid.NewString(), Source: origin.Source{Key: fmt.Sprint("orders:", i), Position: uint64(1_000_000 + i)}, Document: raw,
		})
	}
	body, err := json.Marshal(all)
	require.NoError(t, err)
	return all, body
}

// The body of a batch is decoded to what encoding/json makes of it.
func TestABatchIsDecodedAsBefore(t *testing.T) {
	_, body := batchOf(t, 2)
	quickjsontest.RequireSame[batch](t, body)
}

// BenchmarkTake is what is done with the JSON of a batch before it is stored: ns of a document.
func BenchmarkTake(b *testing.B) {
	all, body := batchOf(b, 200)
	c, err := contract.Load(contracts.FS, "orders")
	require.NoError(b, err)
	ofBatch, err := c.Schema("SyncBatch")
	require.NoError(b, err)
	ofOrder, err := c.Schema("SyncOrder")
	require.NoError(b, err)
	each := func(do func(doc []byte) error) func() error {
		return func() error {
			for _, d := range all.Documents {
				if err := do(d.Document); err != nil {
					return err
				}
			}
			return nil
		}
	}
	check := func(s *contract.Schema, doc []byte) error {
		if bad := s.Check(doc); len(bad) > 0 {
			return fmt.Errorf("%v", bad)
		}
		return nil
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"check/body", func() error { return check(ofBatch, body) }},
		{"decode/body/std", func() error { return json.Unmarshal(body, new(batch)) }},
		{"decode/body", func() error { return quickjson.Unmarshal(body, new(batch)) }},
		{"check/documents", each(func(doc []byte) error { return check(ofOrder, doc) })},
		{"decode/documents/std", each(func(doc []byte) error { return json.Unmarshal(doc, new(moved.Order)) })},
		{"decode/documents", each(func(doc []byte) error { return quickjson.Unmarshal(doc, new(moved.Order)) })},
	} {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all.Documents)), "ns/document")
		})
	}
}
