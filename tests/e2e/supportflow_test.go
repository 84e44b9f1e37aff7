package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// parcel is a return with its receipts.
type parcel struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	TicketID string `json:"ticket_id"`
	Label    string `json:"label"`
	Refund   *money `json:"refund"`
	Receipts []struct {
		ID       string `json:"id"`
		RefundID string `json:"refund_id"`
		Refund   *money `json:"refund"`
	} `json:"receipts"`
}

type canned struct {
	ID      string            `json:"id"`
	Texts   map[string]string `json:"texts"`
	Version int64             `json:"version"`
}

// requireLetters waits until all of these letters, in any order, have reached an
// address, and there are no others about returns and tickets.
func requireLetters(t *testing.T, email string, want []string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, fmt.Sprintf("letters %v; got %v", want, lettersTo(t, email)), func() bool {
		var got []string
		for _, l := range lettersTo(t, email) {
			if strings.Contains(l.Subject, "devolución") || strings.Contains(l.Subject, "reembolso") || strings.Contains(l.Subject, "consulta") {
				got = append(got, l.Subject)
			}
		}
		slices.Sort(got)
		return slices.Equal(want, got)
	})
}

// The whole of support: a customer writes, an agent looks at who it is, the
// customer sends back, it comes in two parcels, one piece of which is scrap, a
// piece never comes; what came is refunded and what is fit is sold again, all
// of it once, and the customer sees it at the order and is written of each step.
func TestSupportFlow(t *testing.T) {
	c, u := newCustomer(t)
	must[any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{"currency": "EUR", "language": "es-MX", "marketing_mail": false})
	agent := staff(t, caller.SupportAgent)
	_, sku := ownProduct(t, 10)
	put(t, c, sku, 4)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	o = must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	eventually(t, "the shipment leaves the stock", func() bool { return stockOf(t, sku).OnHand == 6 })
	price := o.Totals.Total.Amount / 4

	// The ticket reaches its queue, and the agent knows who asks.
	tk := must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "Rotas", "message": "Llegaron rotas.", "order_id": o.ID})
	path := "/v1/tickets/" + tk.ID
	must[ticket](t, agent, http.StatusOK, "POST", path+"/assign", map[string]any{})
	var work []string
	for _, it := range must[list[ticket]](t, agent, http.StatusOK, "GET", "/v1/worklist?queue=orders&assigned_to=me", nil).Items {
		work = append(work, it.ID)
	}
	require.Contains(t, work, tk.ID)
	who := must[struct {
		Profile     *user    `json:"profile"`
		Orders      []order  `json:"orders"`
		Unavailable []string `json:"unavailable"`
	}](t, agent, http.StatusOK, "GET", path+"/customer", nil)
	require.Empty(t, who.Unavailable)
	require.Equal(t, u.ID, who.Profile.ID)
	require.Equal(t, o.ID, who.Orders[0].ID)
	hello := must[canned](t, agent, http.StatusCreated, "POST", "/v1/canned-replies", map[string]any{"name": "return", "language": "en",
		"texts": map[string]string{"en": "Dear {customer_name}", "es": "…"}})
	hello = must[canned](t, agent, http.StatusOK, "PUT", "/v1/canned-replies/"+hello.ID, map[string]any{"name": "return", "language": "en",
		"texts": map[string]string{"en": "{customer_name}, send {order_number} back.", "es": "{customer_name}, devuelva {order_number}."}}, "If-Match", `"1"`)
	require.Equal(t, hello, must[canned](t, agent, http.StatusOK, "GET", "/v1/canned-replies/"+hello.ID, nil))
	require.NotEmpty(t, must[list[canned]](t, agent, http.StatusOK, "GET", "/v1/canned-replies", nil).Items)
	said := must[map[string]any](t, agent, http.StatusCreated, "POST", path+"/messages", map[string]any{"canned_reply_id": hello.ID, "language": "es"})
	require.Regexp(t, `^\pL.*, devuelva T-[0-9A-Z]{4}-[0-9A-Z]{4}\.$`, said["text"])
	require.NotContains(t, said["text"], "cliente", "the customer's name")
	must[any](t, agent, http.StatusNoContent, "DELETE", "/v1/canned-replies/"+hello.ID, nil, "If-Match", `"2"`)

	// The picture that the customer attaches, the agent sees as it was.
	mine := must[list[struct{ ID string }]](t, c, http.StatusOK, "GET", path+"/messages", nil).Items[0].ID
	picture, name := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\xff", "asa%20rota.png"
	file := path + "/messages/" + mine + "/attachments/" + uuid.NewString()
	for range 2 {
		must[any](t, c, http.StatusOK, "PUT", file+"?name="+name, picture, "Content-Type", "image/png")
	}
	text := path + "/messages/" + mine + "/attachments/" + uuid.NewString()
	must[any](t, c, http.StatusOK, "PUT", text+"?name=a.txt", "dGVzdA==", "Content-Type", "text/plain")
	require.Equal(t, "type_mismatch", c.refused(t, http.StatusUnprocessableEntity, "PUT", path+"/messages/"+mine+"/attachments/"+uuid.NewString()+"?name=a.png", "<html>", "Content-Type", "image/png").Code)
	seenBy := agent.call(t, "GET", file, nil)
	require.Equal(t, http.StatusOK, seenBy.status)
	require.Equal(t, picture, string(seenBy.body))
	require.Equal(t, `attachment; filename="asa rota.png"`, seenBy.header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", seenBy.header.Get("X-Content-Type-Options"))
	require.Equal(t, "dGVzdA==", string(agent.call(t, "GET", text, nil).body), "the bytes, whatever they look like")

	// The return, opened from the ticket.
	r := must[parcel](t, c, http.StatusCreated, "POST", "/v1/returns", map[string]any{
		"order_id": o.ID, "ticket_id": tk.ID, "lines": []map[string]any{{"sku": sku, "quantity": 4, "reason": "damaged", "note": "asa rota"}}})
	require.Equal(t, tk.ID, r.TicketID)
	rpath := "/v1/returns/" + r.ID
	must[parcel](t, agent, http.StatusOK, "POST", rpath+"/approve", map[string]any{"label": "CORREOS PQ4"})
	require.Equal(t, "CORREOS PQ4", must[parcel](t, c, http.StatusOK, "GET", rpath, nil).Label)

	// Two pieces in the first parcel, one of them scrap; stated twice.
	first := map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1}, {"sku": sku, "quantity": 1, "restock": false}}}
	receipt := rpath + "/receipts/" + uuid.NewString()
	for range 2 {
		r = must[parcel](t, agent, http.StatusOK, "PUT", receipt, first)
		require.Equal(t, "partially_received", r.Status)
		require.Equal(t, &money{2 * price, "EUR"}, r.Refund)
	}
	other := map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 2}}}
	require.Equal(t, "already_received", agent.refused(t, http.StatusConflict, "PUT", receipt, other).Code)
	eventually(t, "the fit piece is back", func() bool { return stockOf(t, sku).OnHand == 7 })
	var seen order
	eventually(t, "the order shows what came", func() bool {
		seen = must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
		return len(seen.Returns) == 1 && seen.Returns[0].Status == "partially_received"
	})
	require.Len(t, seen.Refunds, 1)

	// One piece more; the fourth never comes.
	must[parcel](t, agent, http.StatusOK, "PUT", rpath+"/receipts/"+uuid.NewString(), map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1}}})
	for range 2 {
		r = must[parcel](t, agent, http.StatusOK, "POST", rpath+"/close", nil)
		require.Equal(t, "refunded", r.Status)
		require.Equal(t, &money{3 * price, "EUR"}, r.Refund)
	}
	require.Len(t, r.Receipts, 2)
	must[ticket](t, agent, http.StatusOK, "POST", path+"/resolve", nil)
	must[ticket](t, c, http.StatusOK, "POST", path+"/rating", map[string]any{"score": 5})

	eventually(t, "the order shows it all", func() bool {
		seen = must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
		return len(seen.Returns) == 1 && seen.Returns[0].Status == "refunded" && len(seen.Refunds) == 2
	})
	require.Equal(t, money{3 * price, "EUR"}, seen.Payment.Refunded)
	for i, p := range r.Receipts {
		require.Equal(t, p.RefundID, seen.Refunds[i].ReturnID)
		require.Equal(t, *p.Refund, seen.Refunds[i].Amount)
	}
	eventually(t, "both fit pieces are back", func() bool { return stockOf(t, sku).OnHand == 8 })
	requireLetters(t, u.Email, []string{
		"Hemos respondido a tu consulta " + tk.Number, "Tu devolución del pedido " + o.Number + " está aprobada",
		"Una parte de tu devolución del pedido " + o.Number + " ha llegado", "Una parte de tu devolución del pedido " + o.Number + " ha llegado",
		"Un reembolso de tu pedido " + o.Number, "Un reembolso de tu pedido " + o.Number, "Tu devolución del pedido " + o.Number + " ha llegado",
	})
	requireEvents(t, r.ID, "tienda.support.return_requested", "tienda.support.return_approved", "tienda.support.return_partially_received",
		"tienda.support.return_partially_received", "tienda.support.return_received", "tienda.support.return_refunded")
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.shipped", "tienda.orders.delivered", "tienda.orders.refunded", "tienda.orders.refunded")
	require.Equal(t, int64(8), stockOf(t, sku).OnHand, "restocked once")
}
