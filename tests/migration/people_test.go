package migration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/tests/migration/checker"
)

// people are an account, a ticket and a return that are made in the shop.
type people struct {
	*story
	agent                   string // the access token of one
	account, ticket, returN string // IDs
}

const (
	newEmail    = "nueva@example.com"
	newPassword = "una clave larga y nueva"
)

// What was made in the shop goes on after a rollback, under its ID and in the row that it was
// written back to; what the monolith changes of it comes to the shop; and after a second
// cut-over it can be changed in the shop and rolled back once more. What the monolith has no
// word for (a password, an agent in charge of a ticket, a label) is still there.
func TestAccountsTicketsAndReturnsMadeInTheShopAreRolledBack(t *testing.T) {
	localtest.Needs(t)
	s := tellBehind(t, generator.Options{Size: 20, Seed: 12})
	s.start()
	s.becomes("following")
	for _, service := range []string{"catalog", "users", "orders", "support"} {
		s.changes(service, "begin", "shop")
	}
	p := &people{story: s}
	p.agent = p.support()
	p.made()
	p.rollBack()
	p.once("Nueva", "open", "approved")

	for _, sql := range []string{
		"UPDATE customers SET full_name = 'Nueva de Allí' WHERE email = '" + newEmail + "'",
		"INSERT INTO ticket_messages (ticket_id, author, body) SELECT id, 'C', 'Escrito allí' FROM tickets WHERE subject = 'Hecho en la tienda'",
		"UPDATE returns SET state = 'received' WHERE rma LIKE 'T%'",
	} {
		tag, err := s.owner.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected(), sql)
	}
	p.holds("users", p.account, "name", "Nueva de Allí")
	p.holds("returns", p.returN, "status", "received")
	s.until("the message", 20*time.Second, func() bool {
		doc, _ := p.moved("tickets", p.ticket)
		list, _ := doc["messages"].([]any)
		return len(list) == 3
	})
	s.drained()
	s.equal()

	for _, service := range []string{"users", "support"} {
		s.changes(service, "begin", "shop")
	}
	token := s.signIn(newEmail, newPassword)
	require.NotEmpty(t, token, "with the password that was set here")
	p.agent = p.support()
	var shown struct {
		AssignedTo string   `json:"assigned_to"`
		Tags       []string `json:"tags"`
		Label      struct {
			Carrier string `json:"carrier"`
		} `json:"label"`
		Lines []struct {
			Received int `json:"received"`
		} `json:"lines"`
	}
	require.Equal(t, http.StatusOK, s.public(http.MethodGet, "/v1/tickets/"+p.ticket, p.agent, nil, &shown))
	require.NotEmpty(t, shown.AssignedTo, "who has it")
	require.Equal(t, http.StatusOK, s.public(http.MethodGet, "/v1/returns/"+p.returN, p.agent, nil, &shown))
	require.Equal(t, 1, shown.Lines[0].Received)
	require.Equal(t, http.StatusOK, s.public(http.MethodPatch, "/v1/me", token, map[string]any{"name": "Nueva otra vez"}, nil))
	require.Equal(t, http.StatusCreated, s.public(http.MethodPost, "/v1/tickets/"+p.ticket+"/messages", token, map[string]any{"text": "Una cosa más"}, nil))
	p.rollBack()
	p.once("Nueva otra vez", "open", "received")
	s.inMonolith("SELECT count(*) FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id WHERE t.subject = 'Hecho en la tienda'", 4)
	_, source := p.moved("tickets", p.ticket)
	require.NotEmpty(t, source)
}

// support signs an agent in.
func (p *people) support() string {
	p.t.Helper()
	var id int64
	var email string
	require.NoError(p.t, p.owner.QueryRow(p.t.Context(), "SELECT id, email FROM staff WHERE role = 'support' AND active ORDER BY id LIMIT 1").Scan(&id, &email))
	token := p.signIn(email, generator.Password(id))
	require.NotEmpty(p.t, token)
	return token
}

// made makes all of them in the shop.
func (p *people) made() {
	p.t.Helper()
	var is struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	post := func(path, token string, in any) {
		p.t.Helper()
		is.ID = ""
		code := p.public(http.MethodPost, path, token, in, &is)
		require.Contains(p.t, []int{http.StatusCreated, http.StatusOK}, code, path)
	}
	post("/v1/users", "", map[string]any{"email": newEmail, "password": newPassword, "name": "Nueva"})
	p.account = is.ID
	token := p.signIn(newEmail, newPassword)
	require.NotEmpty(p.t, token)
	post("/v1/me/addresses", token, map[string]any{"name": "Nueva", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"})
	post("/v1/tickets", token, map[string]any{"subject": "Hecho en la tienda", "message": "Hola"})
	p.ticket = is.ID
	post("/v1/tickets/"+p.ticket+"/assign", p.agent, map[string]any{})
	post("/v1/tickets/"+p.ticket+"/messages", p.agent, map[string]any{"text": "Buenos días"})
	require.Equal(p.t, http.StatusOK, p.public(http.MethodPost, "/v1/tickets/"+p.ticket+"/hold", p.agent, nil, nil))

	var order, sku string
	require.NoError(p.t, p.owner.QueryRow(p.t.Context(), `SELECT o.id::text, min(l.sku) FROM orders o JOIN order_lines l ON l.order_id = o.id
		WHERE o.status = 30 AND o.customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM returns r WHERE r.order_id = o.id)
		GROUP BY o.id HAVING min(l.qty) = 1 AND max(l.qty) = 1 AND count(*) = 1 ORDER BY o.id LIMIT 1`).Scan(&order, &sku))
	post("/v1/returns", p.agent, map[string]any{
		"order_id": checker.ID("orders:" + order), "lines": []any{map[string]any{"sku": sku, "quantity": 1, "reason": "damaged", "note": "rota"}},
	})
	p.returN = is.ID
	if is.Status != "approved" {
		post("/v1/returns/"+p.returN+"/approve", p.agent, map[string]any{})
	}
}

// rollBack has the monolith be in charge of both, and waits until what was made here is moved in.
func (p *people) rollBack() {
	p.t.Helper()
	p.changes("support", "rollback", "monolith")
	p.changes("users", "rollback", "monolith")
	for kind, id := range map[string]string{"users": p.account, "tickets": p.ticket, "returns": p.returN} {
		p.until(kind+" that are moved in", 30*time.Second, func() bool {
			_, source := p.moved(kind, id)
			return source != ""
		})
	}
	p.drained()
	p.equal()
}

// moved reads a document that was moved in; "": it is none.
func (p *people) moved(kind, id string) (doc map[string]any, source string) {
	p.t.Helper()
	app := "support"
	if kind == "users" {
		app = "users"
	}
	var docs struct{ Documents []held }
	p.asMigration(app, "/internal/v1/sync/"+kind+"/read", map[string]any{"ids": []string{id}}, &docs)
	if len(docs.Documents) == 0 {
		return nil, ""
	}
	require.NoError(p.t, json.Unmarshal(docs.Documents[0].Document, &doc))
	return doc, docs.Documents[0].Source.Key
}

func (p *people) holds(kind, id, field, want string) {
	p.t.Helper()
	p.until(fmt.Sprint(field, " of ", kind), 20*time.Second, func() bool {
		doc, _ := p.moved(kind, id)
		return doc[field] == want
	})
}

// once demands one row of each, as it is by now.
func (p *people) once(name, ticket, returned string) {
	p.t.Helper()
	for sql, want := range map[string]string{
		"SELECT string_agg(full_name, '|') FROM customers WHERE lower(email) = '" + newEmail + "'":                                         name,
		"SELECT string_agg(state, '|') FROM tickets WHERE subject = 'Hecho en la tienda'":                                                  ticket,
		"SELECT string_agg(state, '|') FROM returns WHERE rma LIKE 'T%'":                                                                   returned,
		"SELECT string_agg(city, '|') FROM addresses a JOIN customers c ON c.id = a.customer_id WHERE lower(c.email) = '" + newEmail + "'": "Madrid",
		"SELECT string_agg(kind, '|' ORDER BY kind) FROM tienda_reverse WHERE made AND NOT deleted":                                        "returns|tickets|users",
	} {
		require.Equal(p.t, []string{want}, one(p.t, p.owner, sql), sql)
	}
}
