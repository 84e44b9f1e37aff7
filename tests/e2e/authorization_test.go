package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// asker is who tries an operation. The thing that a row names is the owner's.
type asker int

const (
	nobody     asker = iota
	cartHolder       // a guest with a cart of his own
	owner
	other // another customer
	agent
	manager
	admin
	machine // a service account with the scope inventory:write
	askers
)

// row is one operation of the public contract: what is sent, and the status that
// each asker gets. Where a request passes the access check but is refused for
// what it says, that is on purpose: it changes nothing for the askers after it.
type row struct {
	op   string // "GET /v1/orders/{id}"
	want string // the statuses of nobody, guest with a cart, owner, other, agent, manager, admin, machine, machine
	// path gives the path; nil: that of the operation. A row that uses something
	// up makes a new one for each asker.
	path func(*world) string
	body func(*world) any
	with []string // headers
	own  bool     // the asker signs in anew, because the request ends the session
	cart bool     // the asker has something in the cart
}

// authorization is who may do what with each operation of the public contract.
var authorization = []row{
	{op: "GET /", want: "200 200 200 200 200 200 200 200"},
	{op: "GET /openapi.yaml", want: "200 200 200 200 200 200 200 200"},
	{op: "GET /healthz", want: "200 200 200 200 200 200 200 200"},
	{op: "GET /readyz", want: "200 200 200 200 200 200 200 200"},
	{op: "GET /.well-known/jwks.json", want: "200 200 200 200 200 200 200 403"},

	{op: "POST /v1/users", want: "400 400 400 400 400 400 400 403", body: empty},
	{op: "GET /v1/users/{id}", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/users/" + w.ownerID }},
	{op: "PUT /v1/users/{id}/roles", want: "401 401 403 403 403 403 200 403", path: func(w *world) string { return "/v1/users/" + w.ownerID + "/roles" },
		body: says(map[string]any{"roles": []string{"customer"}})},
	{op: "POST /v1/auth/token", want: "400 400 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/auth/logout", want: "401 401 204 204 204 204 204 403", own: true},
	{op: "GET /v1/auth/sessions", want: "401 401 200 200 200 200 200 403"},
	{op: "DELETE /v1/auth/sessions/{id}", want: "401 401 204 404 404 404 404 403", path: func(w *world) string { return "/v1/auth/sessions/" + w.signedInAnew().session }},
	{op: "DELETE /v1/auth/sessions", want: "401 401 204 204 204 204 204 403", own: true},
	{op: "GET /.well-known/openid-configuration", want: "200 200 200 200 200 200 200 403"},
	{op: "POST /v1/users/verify-email", want: "400 400 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/auth/password-reset", want: "400 400 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/auth/password-reset/confirm", want: "400 400 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/me/verification", want: "401 401 400 400 400 400 400 403", path: fixed("/v1/me/verification?unknown=1")},
	{op: "POST /v1/me/email", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/me/password", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/me/delete", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "GET /v1/me/export", want: "401 401 200 200 200 200 200 403"},
	{op: "GET /v1/me/totp", want: "401 401 200 200 200 200 200 403"},
	{op: "POST /v1/me/totp", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "DELETE /v1/me/totp", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/me/totp/confirm", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "POST /v1/me/totp/recovery-codes", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "GET /v1/me/security-events", want: "401 401 200 200 200 200 200 403"},
	{op: "GET /v1/users", want: "401 401 403 403 200 403 200 403", path: fixed("/v1/users?q=example")},
	{op: "DELETE /v1/users/{id}", want: "401 401 403 403 403 403 204 403", path: somebody("")},
	{op: "POST /v1/users/{id}/disable", want: "401 401 403 403 403 403 200 403", path: somebody("/disable"), body: says(map[string]any{"reason": "fraud"})},
	{op: "POST /v1/users/{id}/enable", want: "401 401 403 403 403 403 200 403", path: somebody("/enable")},
	{op: "GET /v1/ops/audit", want: "401 401 403 403 403 403 200 403"},
	{op: "GET /v1/ops/signing-keys", want: "401 401 403 403 403 403 200 403"},
	{op: "POST /v1/ops/signing-keys/rotate", want: "401 401 403 403 403 403 400 403", body: says(map[string]any{"compromised": 1})},
	{op: "GET /v1/ops/service-accounts", want: "401 401 403 403 403 403 200 403"},
	{op: "POST /v1/ops/service-accounts", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "DELETE /v1/ops/service-accounts/{id}", want: "401 401 403 403 403 403 404 403", path: func(w *world) string { return "/v1/ops/service-accounts/" + w.deadLetters }},
	{op: "POST /v1/ops/service-accounts/{id}/secret", want: "401 401 403 403 403 403 404 403", path: func(w *world) string { return "/v1/ops/service-accounts/" + w.deadLetters + "/secret" }},
	{op: "GET /v1/me", want: "401 401 200 200 200 200 200 403"},
	{op: "PATCH /v1/me", want: "401 401 400 400 400 400 400 403", body: says(map[string]any{"name": 1})},
	{op: "GET /v1/me/preferences", want: "401 401 200 200 200 200 200 403"},
	{op: "PUT /v1/me/preferences", want: "401 401 400 400 400 400 400 403", body: says(map[string]any{"currency": 1})},
	{op: "GET /v1/me/addresses", want: "401 401 200 200 200 200 200 403"},
	{op: "POST /v1/me/addresses", want: "401 401 400 400 400 400 400 403", body: empty},
	{op: "GET /v1/me/addresses/{id}", want: "401 401 200 404 404 404 404 403", path: func(w *world) string { return "/v1/me/addresses/" + w.address.ID }},
	{op: "PUT /v1/me/addresses/{id}", want: "401 401 200 404 404 404 404 403", path: func(w *world) string { return "/v1/me/addresses/" + w.address.ID }, body: says(madrid)},
	{op: "DELETE /v1/me/addresses/{id}", want: "401 401 204 404 404 404 404 403", path: func(w *world) string {
		return "/v1/me/addresses/" + must[address](w.t, w.owner, http.StatusCreated, "POST", "/v1/me/addresses", madrid).ID
	}},

	{op: "GET /v1/products", want: "200 200 200 200 200 200 200 200"},
	{op: "GET /v1/products/suggestions", want: "200 200 200 200 200 200 200 200", path: func(*world) string { return "/v1/products/suggestions?q=t" }},
	{op: "POST /v1/products", want: "401 401 403 403 403 400 400 403", body: empty},
	{op: "GET /v1/products/{id}", want: "200 200 200 200 200 200 200 200", path: func(w *world) string { return "/v1/products/" + w.product.ID }},
	{op: "PUT /v1/products/{id}", want: "401 401 403 403 403 400 400 403", path: func(w *world) string { return "/v1/products/" + w.product.ID }, body: empty},
	{op: "DELETE /v1/products/{id}", want: "401 401 403 403 403 204 204 403", path: func(w *world) string {
		p, _ := ownProduct(w.t, 0)
		return "/v1/products/" + p.ID
	}},
	{op: "GET /v1/categories", want: "200 200 200 200 200 200 200 200"},
	{op: "POST /v1/categories", want: "401 401 403 403 403 400 400 403", body: empty},
	{op: "PUT /v1/categories/{slug}", want: "401 401 403 403 403 400 400 403", path: fixed("/v1/categories/none"), body: empty},
	{op: "DELETE /v1/categories/{slug}", want: "401 401 403 403 403 404 404 403", path: fixed("/v1/categories/no-such-category")},
	{op: "GET /v1/collections", want: "200 200 200 200 200 200 200 200"},
	{op: "POST /v1/collections", want: "401 401 403 403 403 400 400 403", body: empty},
	{op: "GET /v1/collections/{slug}", want: "404 404 404 404 404 404 404 404", path: fixed("/v1/collections/no-such-collection")},
	{op: "PUT /v1/collections/{slug}", want: "401 401 403 403 403 400 400 403", path: fixed("/v1/collections/none"), body: empty},
	{op: "DELETE /v1/collections/{slug}", want: "401 401 403 403 403 404 404 403", path: fixed("/v1/collections/no-such-collection")},
	{op: "GET /v1/collections/{slug}/products", want: "404 404 404 404 404 404 404 404", path: fixed("/v1/collections/no-such-collection/products")},
	{op: "GET /v1/price-lists", want: "401 401 403 403 403 200 200 403"},
	{op: "POST /v1/price-lists", want: "401 401 403 403 403 400 400 403", body: empty},
	{op: "PUT /v1/price-lists/{id}", want: "401 401 403 403 403 400 400 403", path: fixed("/v1/price-lists/0198d2a0-1111-7000-8000-00000000000a"), body: empty},
	{op: "DELETE /v1/price-lists/{id}", want: "401 401 403 403 403 404 404 403", path: fixed("/v1/price-lists/0198d2a0-1111-7000-8000-00000000000a")},
	{op: "GET /v1/prices/{sku}", want: "401 401 403 403 403 200 200 403", path: func(w *world) string { return "/v1/prices/" + w.sku }},
	{op: "PUT /v1/prices/{sku}", want: "401 401 403 403 403 400 400 403", path: func(w *world) string { return "/v1/prices/" + w.sku }, body: empty},
	{op: "GET /v1/prices/{sku}/history", want: "401 401 403 403 403 200 200 403", path: func(w *world) string { return "/v1/prices/" + w.sku + "/history" }},
	{op: "GET /v1/exports/{kind}", want: "401 401 403 403 403 200 200 200", path: fixed("/v1/exports/stock?part=0")},
	{op: "POST /v1/imports/products", want: "401 401 403 403 403 415 415 403", body: empty},
	{op: "POST /v1/price-updates", want: "401 401 403 403 403 415 415 403", body: empty},
	{op: "POST /v1/stock-updates", want: "401 401 403 403 403 415 415 415", body: empty},
	{op: "GET /v1/inventory", want: "401 401 403 403 403 200 200 200", path: fixed("/v1/inventory?low=true")},
	{op: "PUT /v1/inventory/{sku}/settings", want: "401 401 403 403 403 400 400 400", path: func(w *world) string { return "/v1/inventory/" + w.sku + "/settings" }, body: says(map[string]any{"low_stock_at": -1})},
	{op: "GET /v1/inventory/{sku}", want: "401 401 403 403 403 200 200 200", path: func(w *world) string { return "/v1/inventory/" + w.sku }},
	{op: "PATCH /v1/inventory/{sku}", want: "401 401 403 403 403 400 400 400", path: func(w *world) string { return "/v1/inventory/" + w.sku }, body: empty},
	{op: "POST /v1/inventory/{sku}/transfers", want: "401 401 403 403 403 400 400 400", path: func(w *world) string { return "/v1/inventory/" + w.sku + "/transfers" }, body: empty},
	{op: "GET /v1/inventory/{sku}/ledger", want: "401 401 403 403 403 200 200 200", path: func(w *world) string { return "/v1/inventory/" + w.sku + "/ledger" }},
	{op: "GET /v1/settings/inventory", want: "401 401 403 403 403 200 200 200"},
	{op: "PUT /v1/settings/inventory", want: "401 401 403 403 403 400 400 400", body: empty},

	{op: "GET /v1/cart", want: "200 200 200 200 200 200 200 403"},
	{op: "PUT /v1/cart/items/{sku}", want: "200 200 200 200 200 200 200 403", path: func(w *world) string { return "/v1/cart/items/" + w.sku }, body: says(map[string]any{"quantity": 1})},
	{op: "DELETE /v1/cart/items/{sku}", want: "204 204 204 204 204 204 204 403", path: func(w *world) string { return "/v1/cart/items/" + w.sku }},
	{op: "DELETE /v1/cart", want: "204 204 204 204 204 204 204 403"},
	{op: "PUT /v1/cart/promotions/{code}", want: "422 422 422 422 422 422 422 403", path: fixed("/v1/cart/promotions/NO-SUCH-CODE")},
	{op: "DELETE /v1/cart/promotions/{code}", want: "204 204 204 204 204 204 204 403", path: fixed("/v1/cart/promotions/NO-SUCH-CODE")},
	{op: "GET /v1/promotions", want: "401 401 403 403 403 200 200 403"},
	{op: "POST /v1/promotions", want: "401 401 403 403 403 400 400 403", body: empty},
	{op: "GET /v1/promotions/{id}", want: "401 401 403 403 403 404 404 403", path: func(w *world) string { return "/v1/promotions/" + w.deadLetters }},
	{op: "PUT /v1/promotions/{id}", want: "401 401 403 403 403 400 400 403", path: func(w *world) string { return "/v1/promotions/" + w.deadLetters }, body: empty},
	{op: "POST /v1/promotions/{id}/end", want: "401 401 403 403 403 404 404 403", path: func(w *world) string { return "/v1/promotions/" + w.deadLetters + "/end" }},
	{op: "GET /v1/settings/tax", want: "401 401 403 403 403 403 200 403"},
	{op: "PUT /v1/settings/tax", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "GET /v1/settings/shipping", want: "401 401 403 403 403 403 200 403"},
	{op: "PUT /v1/settings/shipping", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "GET /v1/settings/payments", want: "401 401 403 403 403 403 200 403"},
	{op: "PUT /v1/settings/payments", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "POST /v1/orders", want: "201 201 201 201 201 201 201 403", cart: true, with: []string{"Idempotency-Key", "new"},
		body: says(map[string]any{"payment_method": "invoice", "address": madrid, "email": "who@example.com"})},
	{op: "GET /v1/orders", want: "401 200 200 200 200 200 200 403"},
	{op: "GET /v1/saved-carts", want: "401 401 200 200 200 200 200 403"},
	{op: "PUT /v1/saved-carts/{id}", want: "401 401 200 200 200 200 200 403", cart: true, path: func(*world) string { return "/v1/saved-carts/" + uuid.NewString() },
		body: func(*world) any { return map[string]string{"name": uuid.NewString()} }},
	{op: "POST /v1/saved-carts/{id}/restore", want: "401 401 200 404 404 404 404 403", path: func(w *world) string { return w.saved() + "/restore" }},
	{op: "DELETE /v1/saved-carts/{id}", want: "401 401 204 404 404 404 404 403", path: (*world).saved},
	{op: "GET /v1/orders/totals", want: "401 401 403 403 200 200 200 403", path: func(*world) string { return "/v1/orders/totals?by=status" }},
	{op: "GET /v1/orders/{id}", want: "401 404 200 404 200 404 200 403", path: func(w *world) string { return "/v1/orders/" + w.order.ID }},
	{op: "POST /v1/orders/{id}/cancel", want: "401 404 200 404 200 404 200 403", path: func(w *world) string { return "/v1/orders/" + w.ordered().ID + "/cancel" }},
	{op: "POST /v1/orders/{id}/cancellations", want: "401 404 200 404 200 404 200 403", path: func(w *world) string { return "/v1/orders/" + w.ordered().ID + "/cancellations" },
		body: func(w *world) any { return map[string]any{"lines": []map[string]any{{"sku": w.sku, "quantity": 1}}} }, with: []string{"Idempotency-Key", "a-cancellation"}},
	{op: "PUT /v1/orders/{id}/address", want: "401 404 200 404 200 404 200 403", path: func(w *world) string { return "/v1/orders/" + w.ordered().ID + "/address" },
		body: func(*world) any { return madrid }},
	{op: "POST /v1/orders/{id}/ship", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/orders/" + w.ordered().ID + "/ship" }},
	{op: "POST /v1/orders/{id}/payment/capture", want: "401 401 403 403 409 403 409 403", path: func(w *world) string { return "/v1/orders/" + w.shipped().ID + "/payment/capture" }},
	{op: "POST /v1/orders/{id}/deliver", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/orders/" + w.shipped().ID + "/deliver" }},
	{op: "POST /v1/orders/{id}/shipments", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/orders/" + w.ordered().ID + "/shipments" },
		with: []string{"Idempotency-Key", "a-shipment"}},
	{op: "POST /v1/orders/{id}/shipments/{shipment}/deliver", want: "401 401 403 403 200 403 200 403", path: func(w *world) string {
		o := w.shipped()
		return "/v1/orders/" + o.ID + "/shipments/" + o.Shipments[0].ID + "/deliver"
	}},
	// Whoever it is: it is not signed.
	{op: "POST /v1/payments/callbacks/{provider}", want: "401 401 401 401 401 401 401 403", path: fixed("/v1/payments/callbacks/sandbox"),
		body: says(callbackBody("evt-unsigned", uuid.NewString()+"-authorise-1", 1)), with: []string{"Payment-Signature", "t=1,v1=00"}},

	{op: "GET /v1/tickets", want: "401 401 200 200 200 200 200 403"},
	{op: "POST /v1/tickets", want: "401 401 201 422 422 422 422 403", body: func(w *world) any { return map[string]any{"subject": "S", "message": "M", "order_id": w.order.ID} }},
	{op: "GET /v1/tickets/{id}", want: "401 401 200 404 200 404 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID }},
	{op: "GET /v1/tickets/{id}/messages", want: "401 401 200 404 200 404 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID + "/messages" }},
	{op: "POST /v1/tickets/{id}/messages", want: "401 401 201 404 201 404 201 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID + "/messages" }, body: says(map[string]any{"text": "hello"})},
	{op: "POST /v1/tickets/{id}/assign", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID + "/assign" }, body: empty},
	{op: "GET /v1/tickets/{id}/customer", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID + "/customer" }},
	{op: "PATCH /v1/tickets/{id}", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID }, body: says(map[string]any{"priority": "high"})},
	{op: "POST /v1/tickets/{id}/unassign", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.ticket.ID + "/unassign" }},
	{op: "POST /v1/tickets/{id}/hold", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.opened().ID + "/hold" }},
	{op: "POST /v1/tickets/{id}/resolve", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/tickets/" + w.opened().ID + "/resolve" }},
	{op: "POST /v1/tickets/{id}/rating", want: "401 401 200 404 403 404 403 403", path: func(w *world) string {
		return "/v1/tickets/" + must[ticket](w.t, w.owner, http.StatusOK, "POST", "/v1/tickets/"+w.opened().ID+"/close", nil).ID + "/rating"
	}, body: says(map[string]any{"score": 4})},
	{op: "PUT /v1/tickets/{id}/messages/{message}/attachments/{attachment}", want: "401 401 200 404 403 404 403 403", path: func(w *world) string {
		return w.firstMessage() + "/attachments/" + uuid.NewString() + "?name=a.txt"
	}, body: says("text"), with: []string{"Content-Type", "text/plain"}},
	{op: "GET /v1/tickets/{id}/messages/{message}/attachments/{attachment}", want: "401 401 200 404 200 404 200 403", path: func(w *world) string { return w.attached() }},
	{op: "GET /v1/canned-replies", want: "401 401 403 403 200 403 200 403"},
	{op: "POST /v1/canned-replies", want: "401 401 403 403 400 403 400 403", body: empty},
	{op: "GET /v1/canned-replies/{id}", want: "401 401 403 403 404 403 404 403", path: func(w *world) string { return "/v1/canned-replies/" + w.deadLetters }},
	{op: "PUT /v1/canned-replies/{id}", want: "401 401 403 403 400 403 400 403", path: func(w *world) string { return "/v1/canned-replies/" + w.deadLetters }, body: empty},
	{op: "DELETE /v1/canned-replies/{id}", want: "401 401 403 403 404 403 404 403", path: func(w *world) string { return "/v1/canned-replies/" + w.deadLetters }},
	{op: "GET /v1/worklist", want: "401 401 403 403 200 403 200 403"},
	{op: "GET /v1/queues", want: "401 401 403 403 200 403 200 403"},
	{op: "GET /v1/ops/ticket-settings", want: "401 401 403 403 200 403 200 403"},
	{op: "PUT /v1/ops/ticket-settings", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "POST /v1/tickets/{id}/close", want: "401 401 200 404 200 404 200 403", path: func(w *world) string {
		return "/v1/tickets/" + w.opened().ID + "/close"
	}},
	{op: "GET /v1/returns", want: "401 401 200 200 200 200 200 403"},
	{op: "POST /v1/returns", want: "401 401 201 422 201 422 201 403", body: func(w *world) any {
		return map[string]any{"order_id": w.delivered().ID, "lines": []map[string]any{{"sku": w.sku, "quantity": 1, "reason": "other"}}}
	}},
	{op: "GET /v1/returns/{id}", want: "401 401 200 404 200 404 200 403", path: func(w *world) string { return "/v1/returns/" + w.ret.ID }},
	{op: "POST /v1/returns/{id}/approve", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/returns/" + w.returned().ID + "/approve" }},
	{op: "PUT /v1/returns/{id}/label", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/returns/" + w.approved().ID + "/label" }, body: says(map[string]any{"label": "PQ4"})},
	{op: "POST /v1/returns/{id}/reject", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/returns/" + w.returned().ID + "/reject" }, body: says(map[string]any{"reason": "worn"})},
	{op: "PUT /v1/returns/{id}/receipts/{receipt}", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/returns/" + w.approved().ID + "/receipts/" + uuid.NewString() },
		body: func(w *world) any { return map[string]any{"lines": []map[string]any{{"sku": w.sku, "quantity": 1}}} }},
	{op: "POST /v1/returns/{id}/close", want: "401 401 403 403 409 403 409 403", path: func(w *world) string { return "/v1/returns/" + w.approved().ID + "/close" }},
	{op: "GET /v1/ops/return-policies", want: "401 401 403 403 200 403 200 403"},
	{op: "PUT /v1/ops/return-policies", want: "401 401 403 403 403 403 400 403", body: empty},
	{op: "POST /v1/returns/{id}/receive", want: "401 401 403 403 200 403 200 403", path: func(w *world) string { return "/v1/returns/" + w.approved().ID + "/receive" }},

	{op: "GET /v1/ops/dead-letters", want: "401 401 403 403 403 403 200 403"},
	{op: "GET /v1/ops/dead-letters/catalog", want: "401 401 403 403 403 403 200 403"},
	{op: "GET /v1/ops/dead-letters/orders", want: "401 401 403 403 403 403 200 403"},
	{op: "GET /v1/ops/dead-letters/support", want: "401 401 403 403 403 403 200 403"},
}

// deadLetterRows are the operations on one dead letter of each app.
func deadLetterRows() (rows []row) {
	for _, app := range []string{"catalog", "orders", "support"} {
		base := "/v1/ops/dead-letters/" + app + "/"
		for op, end := range map[string]string{"GET": "", "POST/replay": "/replay", "POST/discard": "/discard"} {
			method, _, _ := strings.Cut(op, "/")
			rows = append(rows, row{op: method + " " + base + "{id}" + end, want: "401 401 403 403 403 403 404 403",
				path: func(w *world) string { return base + w.deadLetters + end }})
		}
	}
	return rows
}

// Each operation of the public contract is tried by each kind of asker. An
// operation without a row fails.
func TestAuthorization(t *testing.T) {
	w := newWorld(t)
	bad := map[string]string{"forged": forged(t, w.owner.token), "of a session that has ended": w.ended()}
	left := map[string]bool{}
	for _, op := range public.Operations() {
		left[op.Method+" "+op.Path] = true
	}
	for _, r := range append(authorization, deadLetterRows()...) {
		require.True(t, left[r.op], "%s is not in the public contract, or has two rows", r.op)
		delete(left, r.op)
		t.Run(r.op, func(t *testing.T) {
			w.t = t
			got := make([]string, askers)
			for a := range askers {
				got[a] = fmt.Sprint(w.ask(a, r).status)
			}
			require.Equal(t, r.want, strings.Join(got, " "), "nobody, guest, owner, other, agent, manager, admin, machine")
			for name, token := range bad {
				require.Equal(t, http.StatusUnauthorized, w.askWith(r, token), "a token that is %s", name)
			}
		})
	}
	require.Empty(t, left, "operations of the public contract that nobody has decided on")
}

func (w *world) ask(a asker, r row) answer {
	c := *w.askers[a]
	if r.own && a >= owner && a != machine { // it ends what the asker is known by
		fresh, _ := newCustomer(w.t)
		c = *fresh
	}
	if r.cart && a != machine {
		if a == nobody {
			c = *guest()
		}
		put(w.t, &c, w.sku, 1)
	}
	method, path, body, headers := w.request(r)
	return c.call(w.t, method, path, body, headers...)
}

func (w *world) request(r row) (method, path string, body any, headers []string) {
	method, path, _ = strings.Cut(r.op, " ")
	if r.path != nil {
		path = r.path(w)
	}
	if r.body != nil {
		body = r.body(w)
	}
	for _, h := range r.with {
		headers = append(headers, cmp.Or(map[string]string{"new": uuid.NewString()}[h], h))
	}
	return method, path, body, headers
}

// askWith tries a row with a token that must not hold. What the gateway shows of
// itself asks for none, and so looks at none.
func (w *world) askWith(r row, token string) int {
	method, path, body, headers := w.request(r)
	status := (&client{base: w.owner.base, token: token}).call(w.t, method, path, body, headers...).status
	if !strings.Contains(r.op, " /v1/") && !strings.Contains(r.op, " /.well-known/") {
		require.Equal(w.t, http.StatusOK, status)
		return http.StatusUnauthorized
	}
	return status
}

// forged gives a token with another signature.
func forged(t *testing.T, token string) string {
	t.Helper()
	i := strings.LastIndexByte(token, '.')
	require.Positive(t, i)
	return token[:i+1] + strings.Repeat("A", len(token)-i-1)
}
