package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/money"
	"tienda/internal/sidecar"
	"tienda/services/support/internal/letters"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

const (
	orderID  = "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11"
	returnID = "0198d2b0-2222-7000-8000-000000000002"
	userID   = "0198d2a0-aaaa-7000-8000-000000000001"

	euro    = `{"amount":1249,"currency":"EUR"}`
	address = `{"name":"Ana","line1":"Calle 1","city":"Madrid","postal_code":"28001","country":"ES"}`
	anOrder = `{"id":"` + orderID + `","number":"T-0000-0001","status":"delivered","user_id":"` + userID + `","guest":false,
		"email":"ana@example.com","currency":"EUR","lines":[{"sku":"COFFEE-250","quantity":2,"name":"Coffee","variant_name":"250 g","category":"coffee","unit_price":` + euro + `}],
		"shipments":[],"delivered_at":"2026-11-24T10:00:00Z",
		"language":"es","totals":{"subtotal":` + euro + `,"discount":{"amount":0,"currency":"EUR"},"shipping":{"amount":0,"currency":"EUR"},
		"tax":{"amount":0,"currency":"EUR"},"total":` + euro + `,"tax_included":true},"address":` + address + `,
		"payment":{"method":"invoice","status":"due","due":` + euro + `,"paid":` + euro + `,"refunded":` + euro + `},
		"refunds":[],"returns":[],"created_at":"2026-11-23T10:00:00Z","version":4}`
	aRefund = `{"return_id":"` + returnID + `","amount":` + euro + `,"tax":{"amount":0,"currency":"EUR"},"shipping":{"amount":0,"currency":"EUR"},"deducted":{"amount":0,"currency":"EUR"},"created_at":"2026-11-24T10:00:00Z",
		"lines":[{"sku":"COFFEE-250","quantity":1,"restock":true}]}`
)

// peer answers calls with a fixed body, and holds both the call and the
// answer to the contract of the app that is called.
type peer struct {
	t      *testing.T
	answer string
	last   sidecar.Call
}

func (p *peer) Invoke(_ context.Context, c sidecar.Call) error {
	p.last = c
	app, err := contract.Load(contracts.FS, c.App)
	require.NoError(p.t, err)
	var body []byte
	if c.In != nil {
		body, err = json.Marshal(c.In)
		require.NoError(p.t, err)
	}
	r := httptest.NewRequest(c.Method, c.Path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	op := contracttest.Find(app, c.Method, r.URL.Path)
	require.NotNil(p.t, op, "%s has no %s %s", c.App, c.Method, r.URL.Path)
	require.True(p.t, strings.HasPrefix(op.Path, "/internal/v1/"))
	require.NoError(p.t, op.Check(r, map[string]string{"id": strings.Split(r.URL.Path, "/")[4]}, body))
	require.NoError(p.t, op.CheckResponse(http.StatusOK, "application/json", []byte(p.answer)))
	return json.Unmarshal([]byte(p.answer), c.Out)
}

func TestOrders(t *testing.T) {
	p := &peer{t: t, answer: anOrder}
	orders := NewOrders(p)
	owner, err := orders.OwnerOf(t.Context(), orderID)
	require.NoError(t, err)
	require.Equal(t, userID, owner)

	order, err := orders.Order(t.Context(), orderID)
	require.NoError(t, err)
	require.Equal(t, rma.Order{
		ID: orderID, UserID: userID, Delivered: true, DeliveredAt: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Currency: "EUR",
		Bought: map[string]int{"COFFEE-250": 2}, Sold: map[string]rma.Sold{"COFFEE-250": {Category: "coffee", Paid: 2498}},
	}, order)
	p.answer = strings.Replace(anOrder, `"quantity":2,`, `"quantity":2,"total":`+euro+`,`, 1)
	order, err = orders.Order(t.Context(), orderID)
	require.NoError(t, err)
	require.Equal(t, int64(1249), order.Sold["COFFEE-250"].Paid, "after discounts")
	p.answer = anOrder

	brief, err := orders.Brief(t.Context(), orderID)
	require.NoError(t, err)
	require.Equal(t, ticket.Brief{Number: "T-0000-0001", Language: "es"}, brief)

	letter, err := orders.Letter(t.Context(), orderID)
	require.NoError(t, err)
	require.Equal(t, letters.Order{Number: "T-0000-0001", Email: "ana@example.com", Language: "es", Names: map[string]string{"COFFEE-250": "Coffee (250 g)"}}, letter)

	p.answer = `{"items":[{"id":"` + orderID + `","number":"T-0000-0001","status":"shipped","total":` + euro + `,
		"quantity":2,"payment_status":"due","payment_method":"invoice","created_at":"2026-11-23T10:00:00Z"}]}`
	recent, err := orders.Recent(t.Context(), userID, 10)
	require.NoError(t, err)
	require.Len(t, recent, 1)
	require.Equal(t, money.New(1249, "EUR"), recent[0].Total)

	p.answer = `{"refund":` + aRefund + `,"order":` + anOrder + `}`
	made, err := orders.Refund(t.Context(), orderID, returnID, []rma.Came{{SKU: "COFFEE-250", Quantity: 1, Restock: true}})
	require.NoError(t, err)
	require.Equal(t, rma.Made{Amount: money.New(1249, "EUR")}, made)
	require.True(t, p.last.Idempotent)
	_, err = orders.Refund(t.Context(), orderID, returnID, []rma.Came{{SKU: "COFFEE-250", Quantity: 1, Deduction: 20, Why: "opened"}})
	require.NoError(t, err)
	require.Equal(t, []refundLine{{SKU: "COFFEE-250", Quantity: 1, Deduction: 20, Why: "opened"}}, lines(t, p.last.In))
}

// lines gives those of a refund that was asked for.
func lines(t *testing.T, in any) []refundLine {
	raw, err := json.Marshal(in)
	require.NoError(t, err)
	var out struct {
		Lines []refundLine `json:"lines"`
	}
	require.NoError(t, json.Unmarshal(raw, &out))
	return out.Lines
}

func TestUsers(t *testing.T) {
	p := &peer{t: t, answer: `{"id":"` + userID + `","email":"ana@example.com","name":"Ana","email_verified":true,"disabled":false,"roles":["customer"],"created_at":"2026-11-23T10:00:00Z"}`}
	profile, err := NewUsers(p).Profile(t.Context(), userID)
	require.NoError(t, err)
	require.Equal(t, "Ana", profile.Name)
	require.Equal(t, []string{"customer"}, profile.Roles)
	p.answer = `{"email":"ana@example.com","language":"es"}`
	contact, err := NewUsers(p).Contact(t.Context(), userID)
	require.NoError(t, err)
	require.Equal(t, letters.Contact{Email: "ana@example.com", Language: "es"}, contact)
}

type away struct{ err error }

func (a away) Invoke(context.Context, sidecar.Call) error { return a.err }

func TestErrorsComeThrough(t *testing.T) {
	down := away{errors.New("down")}
	_, err := NewOrders(down).OwnerOf(t.Context(), orderID)
	require.ErrorIs(t, err, down.err)
	_, err = NewOrders(down).Order(t.Context(), orderID)
	require.ErrorIs(t, err, down.err)
	_, err = NewOrders(down).Recent(t.Context(), userID, 1)
	require.ErrorIs(t, err, down.err)
	_, err = NewOrders(down).Refund(t.Context(), orderID, returnID, nil)
	require.ErrorIs(t, err, down.err)
	_, err = NewUsers(down).Profile(t.Context(), userID)
	require.ErrorIs(t, err, down.err)
}
