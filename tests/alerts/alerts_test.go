//go:build alerts

package alerts

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the stores of the profile local

	"tienda/internal/event"
	"tienda/tests/customer"
	"tienda/tests/shop"
)

// damages are what sets the alerts off.
var damages = []struct {
	name    string
	options func(t *testing.T, dir string) shop.Options
	alone   bool // without the customers who go about
	waits   bool // most of its time: beside the others that do
	ready   func(t *testing.T, c *scene)
	damage  func(t *testing.T, c *scene)
	fires   []string // the alerts that it is for
	also    []string // those that it may set off as well
}{
	{
		name: "the store of catalog takes no writes", damage: lockTheStock,
		fires: []string{"ReservationsFail", "OrdersStayPending", "CheckoutsFail", "ClientsSeeErrors", "RouteIsSlow"},
	},
	{
		name: "the broker stands still", waits: true, damage: stopTheBroker,
		fires: []string{"EventsWait", "OutboxFills"},
	},
	{
		name: "parts stand still", waits: true, options: ownRoutes, damage: stopParts,
		fires: []string{"AppIsGone", "AppUnreached", "RevocationsAreStale", "CatalogIsStale", "RouteTableRefused"},
		also:  []string{"ClientsSeeErrors", "CheckoutsFail", "RouteIsSlow", "EventsWait"},
	},
	{
		name: "mail server and payment provider stand still", alone: true, waits: true, ready: sellByCard, damage: stopMailAndPayments,
		fires: []string{"MailWaits", "MailGivenUp", "PaymentsAreOwed"},
	},
	{
		name: "events are refused", damage: refuseEvents,
		fires: []string{"DeadLetters", "DeadLettersFill"},
	},
	{
		name: "many write one document", options: replicas("orders=2"), alone: true, damage: writeOneCart,
		fires: []string{"WritersConflict"},
		also:  []string{"ClientsSeeErrors", "RouteIsSlow"}, // past 24 tries, some seconds, the answer is 503
	},
	{
		name: "somebody tries passwords", options: clusterLimits, alone: true, waits: true, damage: tryPasswords,
		fires: []string{"ManyRefusedByLimits"},
	},
}

// A shop that is well sets off nothing.
func TestAShopThatIsWell(t *testing.T) {
	const well = 20 // scrapes: a minute
	c := open(t, t.TempDir(), shop.Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer c.crowd(ctx)()
	defer stop()
	c.waits(t, well+1)
	v := judge(t, c.figures.until(well+1, well, longest))
	require.NotEmpty(t, v.Rules)
	require.Empty(t, v.fired())
	require.Greater(t, c.figures.last("tienda_gateway_request_seconds_count", "route", "/v1/orders", "method", "POST", "status", "2xx"), 100.0, "the customers buy")
	require.Greater(t, c.figures.last("tienda_gateway_request_seconds_count", "route", "/v1/me", "status", "2xx"), 100.0, "and are known")
}

// Each alert fires for the damage that it is there for, and before that it does not.
func TestEachAlertFires(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			if d.waits {
				t.Parallel()
			}
			o, dir := shop.Options{}, t.TempDir()
			if d.options != nil {
				o = d.options(t, dir)
			}
			c := open(t, dir, o)
			ctx, stop := context.WithCancel(t.Context())
			if !d.alone {
				defer c.crowd(ctx)()
			}
			defer stop()
			if d.ready != nil {
				d.ready(t, c)
			}
			c.waits(t, atRest)
			c.damaged = c.figures.scrapes()
			d.damage(t, c)
			c.fires(t, d.fires, d.also)
		})
	}
}

// An alert without a damage that sets it off fails here.
func TestNoAlertIsLeftOut(t *testing.T) {
	tried := map[string]bool{}
	for _, d := range damages {
		for _, name := range d.fires {
			tried[name] = true
		}
	}
	rules := judge(t, record{Times: []int64{}, Series: []*series{}}).Rules
	require.NotEmpty(t, rules)
	for name := range rules {
		require.True(t, tried[name], "nothing sets %s off", name)
		delete(tried, name)
	}
	require.Empty(t, tried, "of no alert")
}

func replicas(of ...string) func(*testing.T, string) shop.Options {
	return func(*testing.T, string) shop.Options { return shop.Options{Replicas: of} }
}

// lockTheStock keeps a transaction open in the file of catalog's state, so that nobody else
// can write. What is read is as it was.
func lockTheStock(t *testing.T, c *scene) {
	db, err := sql.Open("sqlite", c.store("catalog")+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	one, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = one.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = one.Close()
		_ = db.Close()
	})
}

// stopTheBroker stops it, and makes more changes of stock than may be left unannounced
// without somebody being told.
func stopTheBroker(t *testing.T, c *scene) {
	pause(t, c.Of("broker")[0].PID)
	var shown customer.List[struct{ SKUs []string }]
	a := c.must(t, c.manager, http.MethodGet, "/v1/products?in_stock=true&limit=100", nil)
	a.Into(&shown)
	var skus []string
	for _, p := range shown.Items {
		skus = append(skus, p.SKUs...)
	}
	require.NotEmpty(t, skus)
	const changes, each = 8500, 500 // writers are refused at 16,384
	for n := 0; n < changes; n += each {
		var lines bytes.Buffer
		for i := range each {
			fmt.Fprintf(&lines, `{"sku":%q,"delta":1,"reason":"delivery %d"}`+"\n", skus[(n+i)%len(skus)], n+i)
		}
		c.must(t, c.manager, http.MethodPost, "/v1/stock-updates", lines.Bytes())
	}
}

// routeFile is the gateway's route table in the folder of a test.
func routeFile(dir string) string { return filepath.Join(dir, "routes.yaml") }

// ownRoutes has the gateway take its routes from a file.
func ownRoutes(t *testing.T, dir string) shop.Options {
	root, err := shop.Root()
	require.NoError(t, err)
	table, err := os.ReadFile(filepath.Join(root, "services", "gateway", "routes.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(routeFile(dir), table, 0o600))
	return shop.Options{Env: []string{"GATEWAY_ROUTES=" + routeFile(dir)}}
}

// stopParts stops users and the sidecar of catalog, and writes nonsense into the route table.
func stopParts(t *testing.T, c *scene) {
	require.NoError(t, os.WriteFile(routeFile(c.dir), []byte("routes: nonsense\n"), 0o600))
	pause(t, c.Of("catalog")[0].SidecarPID)
	pause(t, c.Of("users")[0].PID)
}

// sellByCard has more orders paid by card than may be owed for.
func sellByCard(t *testing.T, c *scene) {
	for range 25 {
		c.cards = append(c.cards, c.bought(t, "sandbox_approves"))
	}
}

// stopMailAndPayments stops both servers, ships what was paid by card, and has more bought
// than letters may wait for. Then it makes the letters a day older that orders tries next.
func stopMailAndPayments(t *testing.T, c *scene) {
	pause(t, c.Of("mailbox")[0].PID)
	pause(t, c.Of("sandbox")[0].PID)
	for _, id := range c.cards {
		c.must(t, c.agent, http.MethodPost, "/v1/orders/"+id+"/ship", nil)
	}
	for range 10 {
		c.bought(t, "")
	}
	var next []string
	require.Eventually(t, func() bool {
		next = c.letters(t)
		return len(next) > 30
	}, limit, time.Second)
	for _, id := range next[:5] {
		var letter map[string]any
		require.True(t, c.read(t, "mail:"+id, &letter), id)
		data, ok := letter["d"].(map[string]any)
		require.True(t, ok, "%v", letter)
		data["at"] = time.Now().Add(-25 * time.Hour)
		c.write(t, "mail:"+id, letter)
	}
}

// letters gives those that orders could not send, the next to be tried first.
func (c *scene) letters(t *testing.T) (ids []string) {
	due := map[string]time.Time{}
	for page := range 16 {
		var list struct {
			Data struct{ Due map[string]time.Time } `json:"d"`
		}
		if c.read(t, fmt.Sprintf("mail-list:%d", page), &list) {
			maps.Copy(due, list.Data.Due)
		}
	}
	return slices.SortedFunc(maps.Keys(due), func(a, b string) int {
		return cmp.Or(due[a].Compare(due[b]), strings.Compare(a, b))
	})
}

// read reads a document of orders past the app; false: it is not there.
func (c *scene) read(t *testing.T, key string, into any) bool {
	a, err := c.AskSidecar(t.Context(), "orders", http.MethodGet, "state/orders-state/"+key, "", nil)
	require.NoError(t, err)
	return a.Status == http.StatusOK && json.Unmarshal(a.Body, into) == nil
}

// write replaces a document of orders past the app.
func (c *scene) write(t *testing.T, key string, value any) {
	body, err := json.Marshal([]map[string]any{{"key": key, "value": value}})
	require.NoError(t, err)
	a, err := c.AskSidecar(t.Context(), "orders", http.MethodPost, "state/orders-state", "application/json", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, a.Status, "%s", a.Body)
}

// refuseEvents has catalog refuse an event, and puts more of them where the sidecar puts
// refused ones: to have each tried for 7 s would take hours.
func refuseEvents(t *testing.T, c *scene) {
	publish := func(topic, data string, more string) {
		a, err := c.AskSidecar(t.Context(), "catalog", http.MethodPost, "publish/events-orders/"+topic+more, event.ContentType, []byte(data))
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, a.Status, "%s", a.Body)
	}
	bad := func() string {
		e := event.New("orders", "shipped", uuid.NewString(), map[string]any{"nothing": "of it"})
		e.Version = 1
		js, err := json.Marshal(e)
		require.NoError(t, err)
		return string(js)
	}
	a, err := c.AskSidecar(t.Context(), "orders", http.MethodPost, "publish/events-orders/orders", event.ContentType, []byte(bad()))
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, a.Status, "%s", a.Body)
	for range 1600 {
		publish("deadletter-catalog", bad(), "?metadata.rawPayload=true")
	}
}

// writeOneCart has many put things into one guest's cart at the same time.
func writeOneCart(t *testing.T, c *scene) {
	token := c.must(t, nil, http.MethodPut, "/v1/cart/items/"+c.sku, map[string]int{"quantity": 1}).Got("Cart-Token")
	require.NotEmpty(t, token)
	for n := range 32 {
		c.keepOn(t, 0, func(ctx context.Context) {
			c.web.Send(ctx, http.MethodPut, "/v1/cart/items/"+c.sku, map[string]int{"quantity": 1 + n}, "Cart-Token", token)
		})
	}
}

// clusterLimits are those of clients that have an address each.
func clusterLimits(t *testing.T, dir string) shop.Options {
	file, err := shop.WithLimits(dir)
	require.NoError(t, err)
	return shop.Options{RunFile: file}
}

// tryPasswords signs in with wrong passwords, ten times a second.
func tryPasswords(t *testing.T, c *scene) {
	c.keepOn(t, 100*time.Millisecond, func(ctx context.Context) {
		c.web.Send(ctx, http.MethodPost, "/v1/auth/token", map[string]string{"grant_type": "password", "email": c.agent.Email, "password": strings.Repeat("x", 12)})
	})
}
