package telemetry

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/tap"
)

// checkout are spans that every checkout has, from the door to the last consumer: the
// event of the confirmed order goes to a log that nobody in the shop hears, its letter is
// sent, and its reservation is that of catalog.
var checkout = []string{
	"gateway: POST /v1/orders", "gateway: POST orders", "sidecar gateway: CallLocal/orders/v1/orders", "sidecar orders: CallLocal/orders/v1/orders", "orders: POST /v1/orders",
	"orders: PUT catalog", "sidecar orders: CallLocal/catalog/internal/v1/reservations/…", "sidecar catalog: CallLocal/catalog/internal/v1/reservations/…",
	"catalog: PUT /internal/v1/reservations/{order_id}",
	"orders: commit", "orders: ExecuteStateTransaction orders-state", "catalog: commit", "sidecar catalog: …",
	"orders: publish tienda.orders.confirmed", "orders: PublishEvent events-orders", "sidecar orders: …",
	"orders: mail order_confirmed", "orders: InvokeBinding mail",
}

// shipped are spans of an order that is shipped: catalog takes its reservation off the
// shelf, support looks at the event.
var shipped = []string{
	"orders: publish tienda.orders.shipped", "sidecar catalog: pubsub/orders", "catalog: POST /events/orders", "catalog: commit",
	"sidecar support: pubsub/orders", "support: POST /events/orders", "orders: mail order_shipped",
}

func TestCheckoutByInvoiceCancelled(t *testing.T) {
	o, trace := buy(t, sku(t), map[string]any{"payment_method": "invoice"})
	got := whole(t, trace, append(checkout, "orders: GET users", "users: …")...)
	require.Less(t, len(got), 200, "%s", tree(got))

	trace = call(t, as(t, caller.Customer), http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil, nil)
	whole(t, trace, "gateway: POST /v1/orders/{id}/cancel", "orders: POST /v1/orders/{id}/cancel", "orders: publish tienda.orders.cancelled",
		"sidecar catalog: pubsub/orders", "catalog: POST /events/orders", "catalog: commit", "sidecar support: pubsub/orders", "support: POST /events/orders",
		"orders: mail order_cancelled", "orders: InvokeBinding mail")
}

// By card, shipped, delivered, and returned: what the provider is asked later is of the
// trace of the request that made it owed.
func TestCheckoutByCardReturned(t *testing.T) {
	sku, ana, agent := sku(t), as(t, caller.Customer), as(t, caller.SupportAgent)
	o, trace := buy(t, sku, map[string]any{"payment_method": "card", "payment_token": "sandbox_approves"})
	whole(t, trace, append(checkout, "orders: InvokeBinding payments", "sidecar orders: …")...)

	trace = call(t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil, nil)
	whole(t, trace, append(shipped, "orders: pay", "orders: InvokeBinding payments")...)
	call(t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil, nil)

	var r struct {
		ID string `json:"id"`
	}
	trace = call(t, ana, http.StatusCreated, "POST", "/v1/returns", map[string]any{
		"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 1, "reason": "damaged"}}}, &r)
	whole(t, trace, "gateway: POST /v1/returns", "support: POST /v1/returns", "support: GET orders", "support: publish tienda.support.…",
		"sidecar orders: pubsub/support", "orders: POST /events/support")
	trace = call(t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/approve", nil, nil)
	whole(t, trace, "support: mail return_approved", "support: InvokeBinding mail")
	trace = call(t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/receive", map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1}}}, nil)
	whole(t, trace, "gateway: POST /v1/returns/{id}/receive", "support: POST /v1/returns/{id}/receive", "support: POST orders", "orders: publish tienda.orders.refunded",
		"orders: pay", "orders: InvokeBinding payments", "catalog: POST /events/orders", "catalog: commit", "support: POST /events/orders", "orders: mail order_refunded")
}

// The provider answers by a callback: what it sets going is of the checkout's trace, and
// the callback's own request is linked to it.
func TestCheckoutThatACallbackEnds(t *testing.T) {
	ana := as(t, caller.Customer)
	call(t, ana, http.StatusOK, "PUT", "/v1/cart/items/"+sku(t), map[string]int{"quantity": 1}, nil)
	var o order
	trace := call(t, ana, http.StatusAccepted, "POST", "/v1/orders", map[string]any{"payment_method": "card", "payment_token": "sandbox_calls_late", "address": madrid, "currency": "EUR"}, &o,
		"Idempotency-Key", randomTrace())
	require.Equal(t, "pending", o.Status)
	whole(t, trace, "orders: take in a callback", "orders: publish tienda.orders.confirmed", "orders: mail order_confirmed")
	called := spans.find(func(s span) bool { return s.name == "take in a callback" && s.trace == trace && len(s.links) == 1 })
	require.NotEmpty(t, called)
	require.True(t, has(spans.of(called[0].links[0]), "gateway", "POST /v1/payments/…"), "%s", tree(spans.of(called[0].links[0])))
}

// orders is killed after it has committed a cancellation, and before the broker has it:
// the process that adopts its journal publishes in the same trace.
func TestTraceOfAKilledReplica(t *testing.T) {
	o, _ := buy(t, sku(t), map[string]any{"payment_method": "invoice"})
	require.NoError(t, the.Reload())
	killed := the.Of("orders")[0].PID
	resume := stopEvents(t)
	trace := call(t, as(t, caller.Customer), http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil, nil)
	seen(t, trace, "orders: POST /v1/orders/{id}/cancel", "orders: commit")
	published := func(s span) bool { return s.name == "publish tienda.orders.cancelled" && !s.failed }
	require.False(t, slices.ContainsFunc(spans.of(trace), published))
	require.NoError(t, syscall.Kill(killed, syscall.SIGKILL))
	resume()
	seen(t, trace, "catalog: POST /events/orders", "support: POST /events/orders", "orders: mail order_cancelled")
	// What the killed process was at has no end: nobody has sent that span, only those below
	// it. What came after it is whole.
	eventually(t, "published, and whole since then", func() string {
		got := spans.of(trace)
		at := slices.IndexFunc(got, published)
		if at < 0 {
			return "nobody has published it\n" + tree(got)
		}
		gone := lost(got)
		for _, s := range got[at:] { // in the order of their beginnings
			if slices.Contains(gone, s.String()+" of "+s.id) {
				return s.String() + " has no parent\n" + tree(got)
			}
		}
		return ""
	})
}

// stopEvents has the broker take no events, while the stores are as they were, until
// resume is called or the test ends.
func stopEvents(t *testing.T) (resume func()) {
	t.Helper()
	if brokers := the.Of("broker"); len(brokers) > 0 {
		require.NoError(t, syscall.Kill(brokers[0].PID, syscall.SIGSTOP))
		resume = sync.OnceFunc(func() { _ = syscall.Kill(brokers[0].PID, syscall.SIGCONT) })
	} else { // store and broker are one Redis, whose only user loses the right to append to a stream
		db, err := tap.OpenRedis(the.State)
		require.NoError(t, err)
		may := func(rule string) error { return db.Do(context.Background(), "ACL", "SETUSER", "default", rule).Err() }
		require.NoError(t, may("-xadd"))
		resume = sync.OnceFunc(func() {
			require.NoError(t, may("+xadd"))
			_ = db.Close()
		})
	}
	t.Cleanup(resume)
	return resume
}

// What nobody asked for makes no spans: leases, looks at lists, probes.
func TestBackgroundMakesNoTraces(t *testing.T) {
	for _, s := range spans.find(func(s span) bool { return s.parent == "" }) {
		require.Equal(t, "gateway", s.service, "%s", tree(spans.of(s.trace)))
		require.False(t, s.sidecar, "%s", s)
	}
}

// Whoever reads traces must not be able to act as an app or a user, or see who they are:
// sidecars make attributes of all headers that begin with "dapr-".
func TestSpansHaveNoSecrets(t *testing.T) {
	_, trace := buy(t, sku(t), map[string]any{"payment_method": "card", "payment_token": "sandbox_approves"})
	whole(t, trace, checkout...)
	secrets := []string{as(t, caller.Customer), "sandbox_approves", "Calle Mayor"}
	own, err := the.Tokens()
	require.NoError(t, err)
	for _, token := range own {
		secrets = append(secrets, token)
	}
	require.Greater(t, len(secrets), 4)
	for _, a := range demo.Accounts {
		secrets = append(secrets, a.Email, a.Password, a.Name)
	}
	for _, s := range spans.find(func(span) bool { return true }) {
		for _, secret := range secrets {
			require.NotContains(t, s.name, secret)
			require.NotContains(t, s.why, secret, "%s", s)
			for name, value := range s.attrs {
				require.NotContains(t, value, secret, "%s of %s", name, s)
			}
		}
	}
}

// The lines of a request name its trace in every app that it comes to.
func TestLogsNameTheTrace(t *testing.T) {
	_, trace := buy(t, sku(t), map[string]any{"payment_method": "invoice"})
	for _, app := range []string{"gateway", "orders", "catalog", "users"} {
		eventually(t, "a line of "+app, func() string {
			b, err := os.ReadFile(filepath.Join(the.DataDir, "logs", app+".log"))
			require.NoError(t, err)
			for line := range strings.Lines(string(b)) {
				if strings.Contains(line, `"trace_id":"`+trace+`"`) && strings.Contains(line, `"span_id":"`) && strings.Contains(line, `"request_id":"`) {
					return ""
				}
			}
			return "no line of " + trace
		})
	}
}
