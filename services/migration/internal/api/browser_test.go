package api_test

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/progress/progresstest"
	"tienda/services/migration/internal/routing"
	"tienda/tests/chromium"
)

const appToken = "a-token-for-the-page"

func serve(t *testing.T, c progress.Control) *httptest.Server {
	t.Helper()
	return serveBoth(t, c, desk(), hands())
}

func serveBoth(t *testing.T, c progress.Control, routes api.Routing, cut api.Cutover) *httptest.Server {
	t.Helper()
	doc, err := contract.Load(contracts.FS, api.App)
	require.NoError(t, err)
	h, err := httpapi.New(httpapi.Options{
		Contract: doc, Routes: append(app.NewHealth().Routes(), api.Routes(c, routes, cut, events.Nobody{})...), AppToken: appToken, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	require.Eventually(t, check, 20*time.Second, 50*time.Millisecond, what)
}

func TestThePageInABrowser(t *testing.T) {
	program := chromium.Named(t)
	t.Run("what it shows", func(t *testing.T) { shows(t, program) })
	t.Run("what it does", func(t *testing.T) { does(t, program) })
	t.Run("how requests are sent", func(t *testing.T) { routes(t, program) })
	t.Run("when it is not let in", func(t *testing.T) { notLetIn(t, program) })
	t.Run("when the app is away", func(t *testing.T) { goesAway(t, program) })
}

func shows(t *testing.T, program string) {
	for _, width := range []int{360, 1200} {
		s := serve(t, progresstest.Midway(time.Now()))
		b := chromium.Open(t, program, width)
		b.Navigate(s.URL + "/#token=" + appToken)
		eventually(t, "the phase", func() bool { return strings.Contains(b.Text("phase"), "copying") })
		for id, texts := range map[string][]string{
			"facts":        {"northwind", "1.5 s, 1.0 MiB", "1.0 GiB", "orders", "1, limit 100"},
			"kinds":        {"77 of 77 (100 %)", "414 of 830 (50 %), 120/s", "! 1 rejected", "0 of 0 (0 %)"},
			"excluded":     {"2 rows of orders, test orders"},
			"lag":          {"Lag now 1.9 s", "10 min ago"},
			"preflight":    {"✓ ok wal_level", "! warning replica_identity order_details.note", "ALTER TABLE order_details REPLICA IDENTITY FULL;"},
			"rejects":      {"orders:10248", "unmappable"},
			"verification": {"✕ Not equal: 1 missing, 0 extra, 1 different of 907 compared", "orders:10250", "/totals/total/amount"},
		} {
			eventually(t, id, func() bool { return b.Text(id) != "" })
			for _, text := range texts {
				require.Contains(t, b.Text(id), text)
			}
		}
		require.Equal(t, "50", b.Value(`document.querySelector('[data-kind=orders] progress').value`))
		require.Equal(t, "60", b.Value(`document.querySelector('#lag polyline').points.length`))
		b.Value(`document.querySelectorAll('details').forEach(d => d.open = true)`)
		require.Contains(t, b.Text("rejects"), "status: <b>lost</b>", "what the source says is no markup")
		require.Equal(t, "0", b.Value(`document.querySelectorAll('#rejects b').length`))
		require.Equal(t, "true", b.Value(`document.documentElement.scrollWidth <= innerWidth`), "nothing beyond %d pixels", width)
		require.Equal(t, "true", b.Value(`[...document.querySelectorAll('button:not([hidden])')].every(b => b.getBoundingClientRect().height >= 40)`))
		require.Equal(t, "/", b.Value(`location.pathname + location.hash`), "the token does not stay in the address")
		require.Empty(t, b.Complaints())
		if dir := os.Getenv("BROWSER_PICTURES"); dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "page-"+b.Value("innerWidth")+".png"), b.Picture(), 0o600))
		}
	}
}

func does(t *testing.T, program string) {
	c := progresstest.Midway(time.Now())
	s := serve(t, c)
	b := chromium.Open(t, program, 1000)
	b.Navigate(s.URL + "/#token=" + appToken)
	eventually(t, "rejects", func() bool { return b.Text("rejects") != "" })
	press := func(what, answer string) {
		b.Value(`document.querySelector('[data-do="` + what + `"]').click()`)
		eventually(t, answer, func() bool { return strings.Contains(b.Text("answer"), answer) })
	}
	press("start", "Started.")
	eventually(t, "following", func() bool { return strings.Contains(b.Text("phase"), "following") })
	press("verify", "begun")
	press("repair", "2 written")
	b.Value(`document.querySelector('#rejects details').open = true`)
	press("rejects/retry", "1 taken, 0 left")
	eventually(t, "no rejects", func() bool { return b.Text("rejects") == "None." })
	press("stop", "Stopped.")
	eventually(t, "why", func() bool { return b.Text("reason") == "stopped: on request" })
	require.Equal(t, []string{"start", "verify", "repair", "retry", "stop"}, c.Did())

	c.Set(func(s *progress.Status) {
		s.Phase, s.Reason = progress.Copying, ""
		s.Kinds[1].Copied, s.Kinds[1].ChunksDone = 829, 9
	})
	eventually(t, "it goes on by itself", func() bool { return strings.Contains(b.Text("kinds"), "829 of 830 (100 %)") })
	var many []progress.Reject
	for range 60 {
		many = append(many, progress.Reject{ID: "x", Kind: "users", Key: "users:1", At: time.Now()})
	}
	c.Rejected(many...)
	count := func() string { return b.Value(`document.querySelectorAll('#rejects details').length`) }
	eventually(t, "a page of rejects", func() bool { return count() == "50" })
	b.Value(`document.getElementById('more').click()`)
	eventually(t, "all", func() bool { return count() == "60" && b.Value(`document.getElementById('more').hidden`) == "true" })

	c.Finds(progress.Finding{Check: "wal_level", Level: progress.Blocked, Detail: "wal_level is replica"})
	press("start", "✕ The preflight has found")
	eventually(t, "what forbids it", func() bool { return strings.Contains(b.Text("preflight"), "✕ blocked wal_level") })

	c.Fail(fault.New(fault.Unavailable, "source_unavailable", "The source does not answer."))
	eventually(t, "the app's problem", func() bool { return strings.Contains(b.Text("away"), "The source does not answer.") })
	c.Fail(errors.New("secret"))
	press("stop", "✕ Something failed on our side")
}

func routes(t *testing.T, program string) {
	d, p := desk(), hands()
	s := serveBoth(t, progresstest.Midway(time.Now()), d, p)
	b := chromium.Open(t, program, 1000)
	b.Navigate(s.URL + "/#token=" + appToken)
	eventually(t, "the table", func() bool { return strings.Contains(b.Text("routing"), "catalog") })
	poll := func(applied int64, shadow ...routing.Shadow) {
		_, err := d.Poll(t.Context(), routing.Report{Replica: replica, Applied: applied, Shadow: shadow})
		require.NoError(t, err)
	}
	poll(0)
	eventually(t, "a gateway", func() bool { return strings.Contains(b.Text("routing"), "! 0 of 1 gateways have applied version 1") })
	poll(1)
	eventually(t, "who has applied it", func() bool { return strings.Contains(b.Text("routing"), "✓ 1 of 1 gateways have applied version 1") })
	press := func(what string) {
		b.Value(`document.querySelector('[data-routing="` + what + `"]').click()`)
	}
	is := func() routing.Service {
		state, err := d.State(t.Context())
		require.NoError(t, err)
		return state.Services["catalog"]
	}
	eventually(t, "the cut-overs", func() bool { return strings.Contains(b.Text("cutovers"), "the monolith is in charge") })
	b.Value(`document.querySelector('[data-cutover="catalog begin"]').click()`)
	eventually(t, "asked for", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Equal(p.asked, []string{"catalog begin"}) && strings.Contains(b.Text("cutover-answer"), "under way")
	})
	press("catalog fence")
	eventually(t, "fenced", func() bool { return is().Fenced && strings.Contains(b.Text("routing"), "writes are held") })
	press("catalog shop")
	eventually(t, "moved", func() bool { return is() == routing.Service{To: routing.Shop, Fenced: true} })
	eventually(t, "shown", func() bool {
		return b.Value(`document.querySelector('[data-routing="catalog monolith"]') !== null`) == "true"
	})
	press("catalog fence")
	eventually(t, "open", func() bool { return !is().Fenced })
	poll(3, routing.Shadow{Route: "GET /v1/products", Service: "catalog", Same: 7, Differ: 1, Differences: []routing.Difference{{Monolith: 200, Shop: 200, Pointers: []string{"/items/0/name"}}}})
	eventually(t, "differences", func() bool {
		b.Value(`document.querySelectorAll('#differences details').forEach(d => d.open = true)`)
		return strings.Contains(b.Text("differences"), "/items/0/name")
	})
	require.Empty(t, b.Complaints())
}

func notLetIn(t *testing.T, program string) {
	s := serve(t, progresstest.Midway(time.Now()))
	b := chromium.Open(t, program, 1000)
	b.Navigate(s.URL + "/")
	eventually(t, "no token", func() bool { return strings.Contains(b.Text("away"), "needs the app token") })
	b.Value(`location.hash = "token=guess"`)
	eventually(t, "a wrong one", func() bool { return strings.Contains(b.Text("away"), "not taken") })
	require.Empty(t, b.Text("facts"))
	b.Value(`location.hash = "token=` + appToken + `"`)
	eventually(t, "let in", func() bool {
		return b.Text("facts") != "" && b.Value(`document.getElementById('away').hidden`) == "true"
	})
	b.Call("Page.reload", nil, nil)
	eventually(t, "a reload needs no other link", func() bool { return b.Text("facts") != "" })
}

func goesAway(t *testing.T, program string) {
	s := serve(t, progresstest.Midway(time.Now()))
	b := chromium.Open(t, program, 1000)
	b.Navigate(s.URL + "/#token=" + appToken)
	eventually(t, "the facts", func() bool { return b.Text("facts") != "" })
	s.CloseClientConnections()
	s.Close()
	eventually(t, "it says so", func() bool { return strings.Contains(b.Text("away"), "not reachable. What is shown is of") })
	require.Equal(t, "true", b.Value(`document.getElementById('main').classList.contains('stale')`))
	require.Contains(t, b.Text("facts"), "northwind", "what was known stays")
}
