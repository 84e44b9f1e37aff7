package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/event"
)

type deadLetter struct {
	ID       string          `json:"id"`
	State    string          `json:"state"`
	Type     string          `json:"type"`
	Subject  string          `json:"subject"`
	Topic    string          `json:"topic"`
	PubSub   string          `json:"pubsub"`
	Arrivals int             `json:"arrivals"`
	Replays  int             `json:"replays"`
	By       string          `json:"settled_by"`
	Event    json.RawMessage `json:"event"`
	Reason   *struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"reason"`
}

type deadLetterList struct {
	list[deadLetter]
	Counts map[string]int `json:"counts"`
}

// overview is the newest dead letters of all apps.
type overview struct {
	Items []deadLetter `json:"items"`
	Apps  []struct {
		App    string         `json:"app"`
		Counts map[string]int `json:"counts"`
	} `json:"apps"`
}

const overviewPath = "/v1/ops/dead-letters"

// A delivery is tried 7 times, within 17 s at most (dapr/resiliency.yaml); with
// several refused events in a row, one after another.
const deadLetterTime = 40 * time.Second

// An event whose document is damaged is refused, listed, refused again, and
// applied once, by one of several admins, when the document is repaired.
func TestDeadLetters(t *testing.T) {
	t.Parallel() // it waits most of its time
	admin, agent, path := staff(t, caller.Admin), staff(t, caller.SupportAgent), "/v1/ops/dead-letters/catalog"
	var skus, orders []string
	var repairs []func()
	for range 2 {
		_, sku := ownProduct(t, 5)
		c := guest()
		put(t, c, sku, 2)
		o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders",
			map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
		skus, orders, repairs = append(skus, sku), append(orders, o.ID), append(repairs, damage(t, "catalog", "stock:"+sku))
	}
	before := must[deadLetterList](t, admin, http.StatusOK, "GET", path, nil).Counts
	began := time.Now()
	for _, id := range orders {
		must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+id+"/ship", nil)
	}
	applied, givenUp := waiting(t, "catalog", orders[0]), waiting(t, "catalog", orders[1])
	t.Logf("two dead letters were listed %.1f s after their events", time.Since(began).Seconds())
	for _, l := range []deadLetter{applied, givenUp} {
		require.Equal(t, []any{"tienda.orders.shipped", "orders", "events-orders", 0}, []any{l.Type, l.Topic, l.PubSub, l.Replays})
		require.GreaterOrEqual(t, l.Arrivals, 1)
		require.NotNil(t, l.Reason)
		require.Equal(t, "internal", l.Reason.Code)
		require.NotContains(t, l.Reason.Detail, "stock:", "nothing internal")
	}
	var all overview
	supportsLetters.Lock() // while support's are damaged, the overview leaves them out
	defer supportsLetters.Unlock()
	eventually(t, "all apps are asked in time", func() bool {
		all = must[overview](t, admin, http.StatusOK, "GET", overviewPath+"?state=waiting&limit=100", nil)
		return len(all.Apps) == 3 && len(all.Apps[0].Counts) > 0 && len(all.Apps[1].Counts) > 0 && len(all.Apps[2].Counts) > 0
	})
	require.Contains(t, all.Items, applied)
	require.Contains(t, all.Items, givenUp)
	for i, app := range []string{"catalog", "orders", "support"} {
		require.Equal(t, app, all.Apps[i].App)
		require.Contains(t, all.Apps[i].Counts, "waiting")
	}
	require.Equal(t, before["waiting"]+2, all.Apps[0].Counts["waiting"])

	customer, _ := newCustomer(t)
	for _, r := range [][2]string{{"GET", overviewPath}, {"GET", path}, {"GET", path + "/" + applied.ID}, {"POST", path + "/" + applied.ID + "/replay"}, {"POST", path + "/" + applied.ID + "/discard"}} {
		require.Equal(t, "role_missing", customer.refused(t, http.StatusForbidden, r[0], r[1], nil).Code)
		require.Equal(t, "role_missing", agent.refused(t, http.StatusForbidden, r[0], r[1], nil).Code)
		guest().refused(t, http.StatusUnauthorized, r[0], r[1], nil)
	}

	require.Equal(t, "replay_failed", admin.refused(t, http.StatusUnprocessableEntity, "POST", path+"/"+applied.ID+"/replay", nil).Code)
	again := must[deadLetter](t, admin, http.StatusOK, "GET", path+"/"+applied.ID, nil)
	require.Equal(t, []any{"waiting", 1}, []any{again.State, again.Replays})
	require.Contains(t, string(again.Event), orders[0])

	repairs[0]()
	require.Equal(t, stock{SKU: skus[0], OnHand: 5, Reserved: 2, Available: 3}, stockOf(t, skus[0]))
	statuses := replayAtOnce(t, admin, path+"/"+applied.ID+"/replay", 6)
	require.Equal(t, []int{200, 409, 409, 409, 409, 409}, statuses)
	require.Equal(t, stock{SKU: skus[0], OnHand: 3, Available: 3, Sold: 2}, stockOf(t, skus[0]), "shipped, once")
	done := must[deadLetter](t, admin, http.StatusOK, "GET", path+"/"+applied.ID, nil)
	require.Equal(t, []any{"replayed", 2}, []any{done.State, done.Replays})
	require.NotEmpty(t, done.By)
	require.Equal(t, "dead_letter_settled", admin.refused(t, http.StatusConflict, "POST", path+"/"+applied.ID+"/replay", nil).Code)

	require.Equal(t, "discarded", must[deadLetter](t, admin, http.StatusOK, "POST", path+"/"+givenUp.ID+"/discard", nil).State)
	repairs[1]()
	require.Equal(t, "dead_letter_settled", admin.refused(t, http.StatusConflict, "POST", path+"/"+givenUp.ID+"/replay", nil).Code)
	require.Equal(t, stock{SKU: skus[1], OnHand: 5, Reserved: 2, Available: 3}, stockOf(t, skus[1]), "given up")

	after := must[deadLetterList](t, admin, http.StatusOK, "GET", path+"?state=discarded", nil)
	require.Equal(t, givenUp.ID, after.Items[0].ID, "the newest first")
	require.Equal(t, before["replayed"]+1, after.Counts["replayed"])
	require.Equal(t, before["discarded"]+1, after.Counts["discarded"])
	require.Equal(t, before["waiting"], after.Counts["waiting"])
}

// supportsLetters is held by who needs that support can store dead letters, and by
// who sees to it that it cannot.
var supportsLetters sync.Mutex

// Every app that hears events keeps what it refused, and none of them what is
// of no interest to it.
func TestDeadLettersOfEveryApp(t *testing.T) {
	t.Parallel() // it waits most of its time
	admin := staff(t, caller.Admin)
	for _, tt := range []struct{ app, from, what, key string }{
		{"orders", "support", "return_approved", "order:"},
		{"support", "orders", "refunded", "returns-of-order:"},
	} {
		t.Run(tt.app, func(t *testing.T) {
			t.Parallel()
			if tt.app == "support" {
				supportsLetters.Lock()
				defer supportsLetters.Unlock()
			}
			path := "/v1/ops/dead-letters/" + tt.app
			ids := []string{uuid.NewString(), uuid.NewString()}
			repairs := []func(){damage(t, tt.app, tt.key+ids[0]), damage(t, tt.app, tt.key+ids[1])}
			for _, id := range ids {
				publish(t, tt.from, tt.what, id)
			}
			publish(t, "support", "ticket_assigned", uuid.NewString()) // of no interest to orders
			applied, givenUp := waiting(t, tt.app, ids[0]), waiting(t, tt.app, ids[1])
			require.Equal(t, "internal", applied.Reason.Code)
			require.Equal(t, "replay_failed", admin.refused(t, http.StatusUnprocessableEntity, "POST", path+"/"+applied.ID+"/replay", nil).Code)
			repairs[0]()
			require.Equal(t, "replayed", must[deadLetter](t, admin, http.StatusOK, "POST", path+"/"+applied.ID+"/replay", nil).State)
			require.Equal(t, "discarded", must[deadLetter](t, admin, http.StatusOK, "POST", path+"/"+givenUp.ID+"/discard", nil).State)
			must[deadLetter](t, admin, http.StatusOK, "GET", path+"/"+givenUp.ID, nil)
			for _, l := range must[deadLetterList](t, admin, http.StatusOK, "GET", path+"?limit=100", nil).Items {
				require.NotContains(t, []string{"tienda.orders.confirmed", "tienda.support.ticket_assigned"}, l.Type, "of no interest")
			}
		})
	}
}

// A dead letter that cannot be stored is not lost: it comes again, also after
// the sidecar's own retries (15 s) are over.
func TestDeadLetterWaitsForTheStore(t *testing.T) {
	t.Parallel() // it waits most of its time
	supportsLetters.Lock()
	defer supportsLetters.Unlock()
	id := uuid.NewString()
	repair := damage(t, "support", "returns-of-order:"+id)
	mend := damage(t, "support", "deadletters")
	publish(t, "orders", "refunded", id)
	refused := time.Now()
	within(t, time.Minute, "the time of all retries", func() bool { return time.Since(refused) > 26*time.Second })
	mend()
	mended := time.Now()
	var l deadLetter
	within(t, time.Minute, "the dead letter comes again", func() bool {
		var there bool
		l, there = find(t, "support", id)
		return there
	})
	t.Logf("stored %.1f s after the store was mended", time.Since(mended).Seconds())
	repair()
	must[deadLetter](t, staff(t, caller.Admin), http.StatusOK, "POST", "/v1/ops/dead-letters/support/"+l.ID+"/replay", nil)
}

// waiting waits for the dead letter of an event about a document.
func waiting(t *testing.T, app, subject string) (l deadLetter) {
	t.Helper()
	within(t, deadLetterTime, "a dead letter of "+app+" about "+subject, func() bool {
		var there bool
		l, there = find(t, app, subject)
		return there
	})
	return l
}

func find(t *testing.T, app, subject string) (deadLetter, bool) {
	t.Helper()
	a := staff(t, caller.Admin).call(t, "GET", "/v1/ops/dead-letters/"+app+"?state=waiting&limit=100", nil)
	var l deadLetterList
	if a.status != http.StatusOK {
		return deadLetter{}, false
	}
	require.NoError(t, json.Unmarshal(a.body, &l))
	i := slices.IndexFunc(l.Items, func(d deadLetter) bool { return d.Subject == subject })
	if i < 0 {
		return deadLetter{}, false
	}
	return l.Items[i], true
}

// replayAtOnce gives the statuses of n requests at once, sorted.
func replayAtOnce(t *testing.T, c *client, path string, n int) (statuses []int) {
	t.Helper()
	answers := make(chan answer, n)
	for range n {
		go func() {
			a, _ := c.try("POST", path, nil)
			answers <- a
		}()
	}
	for range n {
		statuses = append(statuses, (<-answers).check(t, "POST", path).status)
	}
	slices.Sort(statuses)
	return statuses
}

// publish announces something about an order that is not there, as app does.
func publish(t *testing.T, app, what, orderID string) {
	t.Helper()
	data := map[string]any{"order_id": orderID, "return_id": uuid.NewString()}
	switch what {
	case "refunded":
		data["amount"] = money{100, "EUR"}
		data["lines"] = []map[string]any{{"sku": "NONE", "quantity": 1, "restock": false}}
	case "ticket_assigned":
		data = map[string]any{"ticket_id": orderID, "customer_id": uuid.NewString(), "agent_id": uuid.NewString()}
	}
	e := event.New(app, what, orderID, data)
	e.Version = 1
	body, err := json.Marshal(e)
	require.NoError(t, err)
	a := sidecarCall(t, app, "POST", "publish/events-"+app+"/"+app, event.ContentType, body)
	require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
}

// damage makes a document of an app unreadable, as a hand or a migration may,
// and gives what repairs it.
func damage(t *testing.T, app, key string) (repair func()) {
	t.Helper()
	store := "state/" + app + "-state"
	read := func() (value []byte, etag string) {
		a := sidecarCall(t, app, "GET", store+"/"+key, "", nil)
		require.Contains(t, []int{http.StatusOK, http.StatusNoContent}, a.status, "%s", a.body)
		return a.body, a.header.Get("ETag")
	}
	save := func(value []byte) {
		item := map[string]any{"key": key, "value": json.RawMessage(value)}
		if _, etag := read(); etag != "" {
			item["etag"] = etag
		}
		body, err := json.Marshal([]any{item})
		require.NoError(t, err)
		a := sidecarCall(t, app, "POST", store, "application/json", body)
		require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
	}
	was, _ := read()
	save([]byte(`"damaged"`))
	repair = sync.OnceFunc(func() {
		if len(was) > 0 {
			save(was)
			return
		}
		a := sidecarCall(t, app, "DELETE", store+"/"+key, "", nil)
		require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
	})
	t.Cleanup(func() {
		if t.Failed() {
			repair()
		}
	})
	return repair
}

// sidecarCall asks the sidecar of an app, as the app would.
func sidecarCall(t *testing.T, app, method, path, contentType string, body []byte) answer {
	t.Helper()
	a, err := the.AskSidecar(context.WithoutCancel(t.Context()), app, method, path, contentType, body) // it repairs after a failed test
	require.NoError(t, err)
	return answer{a.Status, a.Header, a.Body}
}
