package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// maker makes random documents by the rules of the contract, with any of the members
// left out that may be.
type maker struct{ *rand.Rand }

func (m maker) some() bool { return m.IntN(2) == 0 }

func (m maker) time() string {
	at := time.Unix(m.Int64N(2e9), 0).UTC()
	if m.some() {
		at = at.Add(time.Duration(m.IntN(1e9)))
	}
	return at.Format(time.RFC3339Nano)
}

func (m maker) id() string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, m.IntN(20))).String()
}

func (m maker) text(most int) string {
	letters := []rune("aB 9-\"\\\n\tñ€😀<&>\u2028\u0000")
	var b strings.Builder
	b.WriteByte('x')
	for range m.IntN(min(most, 40)) {
		b.WriteRune(letters[m.IntN(len(letters))])
	}
	return b.String()
}

func pick[T any](m maker, of ...T) T { return of[m.IntN(len(of))] }

// maybe sets some of the members.
func (m maker) maybe(doc map[string]any, members map[string]any) map[string]any {
	for name, v := range members {
		if m.some() {
			doc[name] = v
		}
	}
	return doc
}

func (m maker) ticket() map[string]any {
	status := pick(m, "open", "answered", "on_hold", "resolved", "closed")
	var messages []any
	for i := range 1 + m.IntN(5) {
		msg := m.maybe(map[string]any{"author": pick(m, "customer", "agent"), "text": m.text(20000), "created_at": m.time()},
			map[string]any{"author_id": m.id(), "internal": i > 0 && m.some()})
		messages = append(messages, msg)
	}
	doc := m.maybe(map[string]any{"customer_id": m.id(), "subject": m.text(500), "status": status, "messages": messages, "created_at": m.time()},
		map[string]any{
			"order_id": m.id(), "category": pick(m, "order", "product", "account", "other"), "priority": pick(m, "low", "normal", "high", "urgent"),
			"assigned_to": m.id(), "updated_at": m.time(),
			"rating": m.maybe(map[string]any{"score": 1 + m.IntN(5), "at": m.time()}, map[string]any{"comment": m.text(1000)}),
		})
	if status == "closed" {
		m.maybe(doc, map[string]any{"closed_at": m.time()})
	}
	if status == "closed" || status == "resolved" {
		m.maybe(doc, map[string]any{"resolved_at": m.time()})
	}
	return doc
}

func (m maker) ret() map[string]any {
	status := pick(m, "requested", "approved", "rejected", "partially_received", "received", "refunded")
	came, mayCome := 0, status == "partially_received" || status == "received" || status == "refunded"
	var lines []any
	for i := range 1 + m.IntN(4) {
		quantity := 1 + m.IntN(1000)
		received := 0
		l := map[string]any{"sku": fmt.Sprintf("SKU-%d", i), "quantity": quantity, "reason": pick(m, "other", "too_dim")}
		if all := status == "received" || status == "refunded"; all {
			received = quantity
		}
		if mayCome && (m.some() || status == "partially_received") {
			received = 1 + m.IntN(quantity)
			l["received"] = received
		} else if !mayCome && m.some() {
			l["received"] = 0
		}
		came += received
		lines = append(lines, m.maybe(l, map[string]any{"note": m.text(500), "restocked": m.IntN(received + 1)}))
	}
	refund := map[string]any{"amount": m.Int64N(1e12), "currency": pick(m, "EUR", "JPY")}
	doc := m.maybe(map[string]any{"order_id": m.id(), "status": status, "lines": lines, "created_at": m.time()}, map[string]any{
		"customer_id": m.id(), "ticket_id": m.id(), "carrier": m.text(100), "label": m.text(100), "rejection": m.text(1000),
		"updated_at": m.time(), "refund": refund,
	})
	if status == "refunded" {
		doc["refund"] = refund
	}
	if came > 0 {
		m.maybe(doc, map[string]any{"received_at": m.time()})
	}
	return doc
}

// What is sent is read, to the last member, whatever is left out of it; what is changed
// here shows.
func TestWhatIsReadIsWhatWasSent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := maker{rand.New(rand.NewPCG(seed, 0))}
	f := open(t)
	for kind, make1 := range map[string]func() map[string]any{"tickets": m.ticket, "returns": m.ret} {
		for round := range uint64(25) {
			var docs []map[string]any
			var want []string
			for n := range 20 {
				raw, err := json.Marshal(make1())
				require.NoError(t, err)
				docs, want = append(docs, sent(kind, n, round+1, string(raw))), append(want, string(raw))
			}
			for n, got := range f.sync(kind, fmt.Sprint(round%3), docs...) {
				require.Equal(t, "stored", got, want[n])
				require.JSONEq(t, want[n], f.kept(kind, n))
			}
		}
	}
}

// Each way to change a document here that changes what was moved shows when it is read.
func TestWhatIsChangedHereShows(t *testing.T) {
	f := open(t)
	position := uint64(0)
	closed := strings.Replace(movedTicket(1, "closed"), `"closed"`, `"closed","rating":{"score":1,"at":"2024-05-02T08:00:00Z"}`, 1)
	for _, tt := range []struct{ kind, doc, method, act, body string }{
		{"tickets", movedTicket(1, "open"), "POST", "/messages", `{"text":"x"}`},
		{"tickets", movedTicket(1, "open"), "POST", "/messages", `{"text":"x","internal":true}`},
		{"tickets", movedTicket(1, "open"), "POST", "/assign", ""},
		{"tickets", movedTicket(1, "open"), "PATCH", "", `{"priority":"high"}`},
		{"tickets", movedTicket(1, "open"), "POST", "/hold", ""},
		{"tickets", movedTicket(1, "open"), "POST", "/resolve", ""},
		{"tickets", movedTicket(1, "open"), "POST", "/close", ""},
		{"returns", movedReturn("requested", ""), "POST", "/approve", ""},
		{"returns", movedReturn("requested", ""), "POST", "/reject", `{"reason":"worn"}`},
		{"returns", movedReturn("approved", ""), "PUT", "/label", `{"label":"L"}`},
		{"returns", movedReturn("approved", ""), "POST", "/receive", ""},
		{"returns", movedReturn("received", ""), "POST", "/receive", ""},
		{"returns", movedReturn("received", cents), "POST", "/receive", ""},
	} {
		position++
		require.Equal(t, []string{"stored"}, f.sync(tt.kind, "0", sent(tt.kind, 1, position, tt.doc)))
		require.JSONEq(t, tt.doc, f.kept(tt.kind, 1))
		want := http.StatusOK
		if tt.act == "/messages" {
			want = http.StatusCreated
		}
		var body any
		if tt.body != "" {
			body = tt.body
		}
		f.do(want, agent, tt.method, "/v1/"+tt.kind+"/"+movedID(tt.kind, 1)+tt.act, body)
		var was, is any
		require.NoError(t, json.Unmarshal([]byte(tt.doc), &was))
		require.NoError(t, json.Unmarshal([]byte(f.kept(tt.kind, 1)), &is))
		require.NotEqual(t, was, is, "%s %s", tt.method, tt.act)
	}
	f.sync("tickets", "0", sent("tickets", 1, position+1, closed))
	require.JSONEq(t, closed, f.kept("tickets", 1))
}
