package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
)

// world is what the owner has.
type world struct {
	t           *testing.T
	owner       *client
	ownerID     string
	ownerEmail  string
	product     product
	sku         string
	order       order // delivered
	ticket      ticket
	ret         returned
	address     address
	deadLetters string // an ID that is none of theirs
	askers      [askers]*client
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, deadLetters: uuid.NewString()}
	c, u := newCustomer(t)
	w.owner, w.ownerID, w.ownerEmail = c, u.ID, u.Email
	w.product, w.sku = ownProduct(t, 500)
	w.order = w.delivered()
	w.ticket = must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M", "order_id": w.order.ID})
	w.ret = w.returned()
	w.address = must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", madrid)
	o, _ := newCustomer(t)
	g := guest()
	put(t, g, w.sku, 1)
	w.askers = [askers]*client{guest(), g, c, o, staff(t, caller.SupportAgent), staff(t, caller.CatalogManager), staff(t, caller.Admin), scoped(t, "inventory:write")}
	return w
}

func (w *world) opened() ticket {
	return must[ticket](w.t, w.owner, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M"})
}

// firstMessage gives the path of the first message of the owner's ticket.
func (w *world) firstMessage() string {
	path := "/v1/tickets/" + w.opened().ID + "/messages"
	return path + "/" + must[list[struct{ ID string }]](w.t, w.owner, http.StatusOK, "GET", path, nil).Items[0].ID
}

// attached gives the path of a file of the owner's.
func (w *world) attached() string {
	path := w.firstMessage() + "/attachments/" + uuid.NewString()
	must[any](w.t, w.owner, http.StatusOK, "PUT", path+"?name=a.txt", "text", "Content-Type", "text/plain")
	return path
}

// saved gives the path of a cart that the owner keeps.
func (w *world) saved() string {
	put(w.t, w.owner, w.sku, 1)
	path := "/v1/saved-carts/" + uuid.NewString()
	must[any](w.t, w.owner, http.StatusOK, "PUT", path, map[string]string{"name": uuid.NewString()})
	return path
}

func (w *world) ordered() order {
	put(w.t, w.owner, w.sku, 1)
	return must[order](w.t, w.owner, http.StatusCreated, "POST", "/v1/orders",
		map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
}

func (w *world) shipped() order {
	return must[order](w.t, staff(w.t, caller.SupportAgent), http.StatusOK, "POST", "/v1/orders/"+w.ordered().ID+"/ship", nil)
}

func (w *world) delivered() order {
	return must[order](w.t, staff(w.t, caller.SupportAgent), http.StatusOK, "POST", "/v1/orders/"+w.shipped().ID+"/deliver", nil)
}

func (w *world) returned() returned {
	return must[returned](w.t, w.owner, http.StatusCreated, "POST", "/v1/returns",
		map[string]any{"order_id": w.delivered().ID, "lines": []map[string]any{{"sku": w.sku, "quantity": 1, "reason": "other"}}})
}

func (w *world) approved() returned {
	return must[returned](w.t, staff(w.t, caller.SupportAgent), http.StatusOK, "POST", "/v1/returns/"+w.returned().ID+"/approve", nil)
}

// signedInAnew gives a new session of the owner's.
func (w *world) signedInAnew() *client {
	c := guest()
	c.login(w.t, w.ownerEmail, "a long password")
	return c
}

// somebody gives a path below an account that is made for it.
func somebody(path string) func(*world) string {
	return func(w *world) string {
		_, u := newCustomer(w.t)
		return "/v1/users/" + u.ID + path
	}
}

// scoped gives a client of a new service account.
func scoped(t *testing.T, scopes ...string) *client {
	t.Helper()
	made := must[struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}](t, staff(t, caller.Admin), http.StatusCreated, "POST", "/v1/ops/service-accounts", map[string]any{"name": "matrix", "scopes": scopes})
	tk := must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token",
		map[string]string{"grant_type": "client_credentials", "client_id": made.ID, "client_secret": made.Secret})
	return &client{base: the.Gateway, token: tk.AccessToken}
}

// ended gives the token of a session that has ended, once the gateway knows.
func (w *world) ended() string {
	c := w.signedInAnew()
	must[any](w.t, c, http.StatusNoContent, "POST", "/v1/auth/logout", nil)
	within(w.t, 2*time.Second, "the gateway refuses the token", func() bool {
		return c.call(w.t, "GET", "/v1/products?limit=1", nil).status == http.StatusUnauthorized
	})
	return c.token
}

func fixed(path string) func(*world) string { return func(*world) string { return path } }

func says(body any) func(*world) any { return func(*world) any { return body } }

var empty = says(map[string]any{})
