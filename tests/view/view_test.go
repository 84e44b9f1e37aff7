package view

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/tests/chromium"
	"tienda/tests/shop"
)

// The page of a shop that sells, refuses an event, and loses a process. Like the other
// page it is tried in the browser that BROWSER names; VIEW_PICTURES is a folder for what
// it looked like, which docs/images has.
func TestTheViewInABrowser(t *testing.T) {
	program := chromium.Named(t)
	bin := filepath.Join(t.TempDir(), "bin")
	require.NoError(t, shop.Build(t.Context(), bin))
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: t.TempDir(), Profile: os.Getenv("PROFILE"), Replicas: []string{"catalog=2"}, View: true})
	require.NoError(t, err)
	defer s.Stop()
	w := &world{s, map[caller.Role]string{}}
	b := chromium.Open(t, program, 1200)
	b.Navigate(s.View)
	eventually(t, "all is up", func() bool { return strings.HasPrefix(b.Text("state"), "✓") })
	require.Equal(t, "/", b.Value(`location.pathname + location.hash`), "the token does not stay in the address")

	sku := w.sku(t)
	sells(t, w, b, sku)
	followsATrace(t, w, b, sku)
	replaysADeadLetter(t, w, b, w.sku(t))
	isForEverybody(t, b)
	showsAKilledReplica(t, w, b, bin)
	require.Empty(t, b.Complaints(), "nothing is logged as an error, nothing refused by the page's policy")
}

// sells buys until the rates are seen, in the tables and in the drawing.
func sells(t *testing.T, w *world, b *chromium.Browser, sku string) {
	eventually(t, "rates", func() bool {
		w.buy(t, sku)
		return strings.Contains(b.Text("routes"), "POST /v1/orders") && strings.Contains(b.Text("history"), "requests/s now") &&
			b.Value(`document.querySelector('path.live[data-edge="app:orders app:catalog"]') !== null`) == "true" &&
			b.Value(`document.querySelector('path.live[data-edge="client:clients app:gateway"]') !== null`) == "true"
	})
	for _, node := range []string{"app:users", "app:support", "topic:orders", "topic:deadletter-catalog"} {
		require.Equal(t, "true", b.Value(fmt.Sprintf(`document.querySelector('[data-node=%q]') !== null`, node)), node)
	}
	require.Contains(t, b.Value(`document.querySelector('[data-node="app:catalog"]').textContent`), "catalog-2 up, sidecar up")
	require.Contains(t, b.Value(`document.querySelector('[data-node="app:orders"]').textContent`), "orders-state")
	require.NotEqual(t, "0", b.Value(`parseFloat(document.getElementById('history').innerText)`))
	require.NotContains(t, b.Text("routes"), "/healthz", "what probes ask is no traffic")
	eventually(t, "latencies", func() bool { return strings.Contains(b.Text("history"), "95 % of them within") })
	keep(t, "view.png", b.PictureOf("#topology", 900))
	keep(t, "requests.png", b.PictureOf("#requests", 500))
}

// followsATrace finds what a checkout and a shipment have set going in all apps.
func followsATrace(t *testing.T, w *world, b *chromium.Browser, sku string) {
	order := w.buy(t, sku)
	opened := func(name, apps string, spans ...string) {
		eventually(t, "the trace of "+name, func() bool {
			b.Value(fmt.Sprintf(`[...document.querySelectorAll('#trace-list button')].find(b => b.textContent === %q)?.click()`, name))
			text := b.Text("trace")
			for _, s := range spans {
				if !strings.Contains(text, s) {
					return false
				}
			}
			return b.Value(`document.querySelector('.falls')?.dataset.apps`) == apps
		})
	}
	opened("POST /v1/orders", "catalog gateway orders users", "gateway sidecar", "orders sidecar", "publish tienda.orders.confirmed", "mail order_confirmed", "PUT /internal/v1/reservations/{order_id}")
	require.Equal(t, "trace", b.Value(`document.activeElement.id`), "who opens a trace with the keyboard is there")
	keep(t, "trace.png", b.PictureOf("#trace", 900))
	b.Value(`document.querySelector('.falls summary').click()`)
	require.Contains(t, b.Text("trace"), "http.response.status_code")
	w.call(t, caller.SupportAgent, http.StatusOK, "POST", "/v1/orders/"+order+"/ship", nil, nil)
	opened("POST /v1/orders/{id}/ship", "catalog gateway orders support", "publish tienda.orders.shipped", "POST /events/orders")
}

// replaysADeadLetter damages the stock of an order that is shipped: catalog refuses the
// event until it is repaired.
func replaysADeadLetter(t *testing.T, w *world, b *chromium.Browser, sku string) {
	order := w.buy(t, sku)
	repair := w.damage(t, "catalog", "stock:"+sku)
	began := time.Now()
	w.call(t, caller.SupportAgent, http.StatusOK, "POST", "/v1/orders/"+order+"/ship", nil, nil)
	eventually(t, "the dead letter", func() bool {
		return b.Value(fmt.Sprintf(`document.querySelector('[data-subject=%q]') !== null`, order)) == "true"
	})
	t.Logf("the dead letter is shown %.1f s after its event", time.Since(began).Seconds())
	require.Contains(t, b.Text("letter-list"), "1 dead letter waits")
	require.Contains(t, b.Text("problem-list"), "POST /events/orders", "and each try is a problem")
	require.Contains(t, b.Text("problem-list"), "internal", "with its code")
	keep(t, "letters.png", b.PictureOf("#letters", 900))
	repair()
	b.Value(fmt.Sprintf(`document.querySelector('[data-subject=%q] [data-do=replay]').click()`, order))
	eventually(t, "it is replayed", func() bool { return strings.Contains(b.Text("letter-answer"), "✓ tienda.orders.shipped") })
	eventually(t, "none waits", func() bool { return strings.Contains(b.Text("letter-list"), "None waits (1 replayed, 0 discarded)") })
}

// isForEverybody: narrow screens, keyboards, and those who need contrast.
func isForEverybody(t *testing.T, b *chromium.Browser) {
	for _, scheme := range []string{"light", "dark"} {
		b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil)
		require.Equal(t, scheme == "dark", b.Value(`matchMedia('(prefers-color-scheme: dark)').matches`) == "true")
		require.Equal(t, "", b.Value(faint), "text of less than 4.5 to 1, %s", scheme)
	}
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": true}, nil)
	require.Equal(t, "", b.Value(wide), "nothing beyond 360 pixels but what scrolls by itself")
	require.Equal(t, "true", b.Value(`document.documentElement.scrollWidth <= 360`))
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.Value(`document.activeElement.blur(); document.querySelector('[data-only=failed]').focus()`)
	b.Press("Enter", 13)
	require.Equal(t, "true", b.Value(`document.querySelector('[data-only=failed]').getAttribute('aria-pressed')`))
	eventually(t, "only those with problems", func() bool {
		return b.Value(`[...document.querySelectorAll('#trace-list tbody tr')].every(r => r.textContent.includes('✕'))`) == "true"
	})
	b.Value(`document.querySelector('[data-only=""]').click()`)
}

// faint names the colours of text that do not stand out from the ground.
const faint = `(() => {
  const light = (c) => c.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const bright = (c) => { const [r, g, b] = light(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = bright(getComputedStyle(document.body).backgroundColor);
  const bad = new Set();
  for (const e of document.querySelectorAll('main *, header *, nav *')) {
    if (!e.innerText || e.closest('.alert')) continue;
    const text = bright(getComputedStyle(e).color);
    if ((Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05) < 4.5) bad.add(e.className + ' ' + getComputedStyle(e).color);
  }
  return [...bad].join(', ');
})()`

// wide names what reaches beyond a narrow screen.
const wide = `[...document.querySelectorAll('body *')].filter(e => !e.closest('.table, .graph, .skip') && e.getBoundingClientRect().right > 360)
  .map(e => e.tagName + ' ' + (e.id || e.getAttribute('class')) + ' ' + e.textContent.slice(0, 40)).join(', ')`

// showsAKilledReplica kills one whose program is away, so that it cannot come back.
func showsAKilledReplica(t *testing.T, w *world, b *chromium.Browser, bin string) {
	require.NoError(t, w.Reload())
	program := filepath.Join(bin, "catalog")
	require.NoError(t, os.Rename(program, program+".away"))
	began := time.Now()
	require.NoError(t, syscall.Kill(w.Of("catalog")[1].PID, syscall.SIGKILL))
	row := func() string {
		return b.Value(`document.querySelector('[data-process="catalog-2"]').closest('tr').innerText`)
	}
	eventually(t, "it is down", func() bool {
		return strings.Contains(row(), "✕ down") && strings.Contains(b.Text("state"), "catalog-2")
	})
	took := time.Since(began)
	t.Logf("shown as down %.1f s after the kill", took.Seconds())
	require.Less(t, took, 15*time.Second)
	require.Contains(t, b.Text("incidents"), "catalog-2 ended (signal: killed)")
	require.NoError(t, os.Rename(program+".away", program))
	eventually(t, "it is up again", func() bool { return strings.Contains(row(), "✓ up") })
	require.Contains(t, b.Text("incidents"), "catalog-2 runs again")
}

// keep writes a picture to VIEW_PICTURES.
func keep(t *testing.T, name string, png []byte) {
	t.Helper()
	if dir := os.Getenv("VIEW_PICTURES"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), png, 0o600))
	}
}

// eventually polls for a minute and a half. What it asks may fail the test.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for until := time.Now().Add(90 * time.Second); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		if check() {
			return
		}
	}
	require.FailNow(t, "not in time: "+what)
}
