package api_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/progress/progresstest"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func call(t *testing.T, s *contracttest.Server, method, path string) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: method, Path: path})
}

func TestEveryRoute(t *testing.T) {
	c := progresstest.Midway(now)
	s := contracttest.New(t, api.App, api.Routes(c, desk(), hands(), events.Nobody{}))

	var status progress.Status
	call(t, s, "GET", "/v1/migration").JSON(t, &status)
	want, err := c.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, status)

	var preflight struct {
		Status   progress.Level
		Findings []progress.Finding
	}
	call(t, s, "GET", "/v1/migration/preflight").JSON(t, &preflight)
	require.Equal(t, progress.Warning, preflight.Status, "the worst")
	require.Len(t, preflight.Findings, 2)

	var rejects struct {
		Items []progress.Reject
		Next  string `json:"next_cursor"`
	}
	c.Rejected(progress.Reject{ID: "x", Kind: "users", Key: "users:1", At: now})
	call(t, s, "GET", "/v1/migration/rejects?limit=1").JSON(t, &rejects)
	require.Equal(t, "orders:10248", rejects.Items[0].Key)
	require.NotEmpty(t, rejects.Next)
	call(t, s, "GET", "/v1/migration/rejects?limit=1&cursor="+rejects.Next).JSON(t, &rejects)
	require.Equal(t, "users:1", rejects.Items[0].Key)
	call(t, s, "GET", "/v1/migration/rejects?kind=users").JSON(t, &rejects)
	require.Len(t, rejects.Items, 1)

	var report progress.Report
	call(t, s, "GET", "/v1/migration/verify").JSON(t, &report)
	wantReport, err := c.Report(t.Context())
	require.NoError(t, err)
	require.Equal(t, wantReport, report)

	for _, what := range []string{"start", "stop", "verify"} {
		a := call(t, s, "POST", "/v1/migration/"+what)
		require.Equal(t, http.StatusAccepted, a.Status)
		a.JSON(t, &status)
	}
	require.Equal(t, progress.Stopped, status.Phase)
	require.JSONEq(t, `{"written":2}`, string(call(t, s, "POST", "/v1/migration/repair").Body))
	require.JSONEq(t, `{"taken":2,"left":0}`, string(call(t, s, "POST", "/v1/migration/rejects/retry").Body))
	require.Equal(t, []string{"start", "stop", "verify", "repair", "retry"}, c.Did())

	for _, topic := range events.Topics {
		sent := map[string]any{"specversion": "1.0", "id": "e", "source": topic, "type": "tienda." + topic + ".document_changed", "docversion": 1, "data": map[string]any{"kind": "k", "id": "i"}}
		require.Equal(t, http.StatusOK, s.Do(t, contracttest.Request{Method: "POST", Path: "/changes/" + topic, Body: sent, ContentType: event.ContentType}).Status)
	}
	for _, path := range []string{"/", "/page.css", "/page/page.js", "/healthz", "/readyz", "/metrics"} {
		require.Equal(t, http.StatusOK, call(t, s, "GET", path).Status, path)
	}
	tryRouting(t, s)
	tryCutover(t, s)
	s.RequireAllTried(t)
}

// What has not happened yet is an empty list or a 404, never null.
func TestAMoveThatHasNotBegun(t *testing.T) {
	c := &progresstest.Control{}
	c.Set(func(s *progress.Status) { s.Phase = progress.Idle })
	s := contracttest.New(t, api.App, api.Routes(c, desk(), hands(), events.Nobody{}))
	for path, want := range map[string]string{"/v1/migration": `"kinds":[]`, "/v1/migration/preflight": `"findings":[]`, "/v1/migration/rejects": `"items":[]`} {
		require.Contains(t, string(call(t, s, "GET", path).Body), want)
	}
	require.Equal(t, http.StatusNotFound, call(t, s, "GET", "/v1/migration/verify").Status)
}

func TestWhoMayCall(t *testing.T) {
	c := progresstest.Midway(now)
	s := contracttest.New(t, api.App, api.Routes(c, desk(), hands(), events.Nobody{}))
	admin := caller.Caller{UserID: "a", Roles: []caller.Role{caller.Admin}, App: "gateway"}
	for _, r := range api.Routes(c, desk(), hands(), events.Nobody{}) {
		if strings.HasPrefix(r.Path, "/internal/") {
			continue // the gateway's
		}
		if strings.HasPrefix(r.Path, "/changes/") {
			sent := contracttest.Request{Method: r.Method, Path: r.Path, NoToken: true, Body: `{"specversion":"1.0","id":"e","source":"s","type":"t"}`, ContentType: event.ContentType}
			require.Equal(t, http.StatusForbidden, s.Do(t, sent).Status)
			sent.NoToken, sent.As = false, caller.Caller{App: "orders"}
			require.Equal(t, http.StatusForbidden, s.Do(t, sent).Status)
			continue
		}
		if !strings.HasPrefix(r.Path, "/v1/") {
			require.Equal(t, http.StatusOK, s.Do(t, contracttest.Request{Method: r.Method, Path: strings.ReplaceAll(r.Path, "{script}", "page.js"), NoToken: true}).Status)
			continue
		}
		for _, in := range []contracttest.Request{
			{NoToken: true}, {NoToken: true, As: caller.Caller{App: api.App}}, {As: caller.Caller{App: "orders"}}, {As: admin}, {As: caller.Caller{App: "gateway"}},
		} {
			in.Method, in.Path = r.Method, r.Path
			require.Equal(t, http.StatusForbidden, s.Do(t, in).Status, "%+v", in)
		}
	}
	require.Empty(t, c.Did())
	require.Equal(t, http.StatusOK, s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/migration", As: caller.Caller{App: api.App}}).Status)
}

func TestRefusals(t *testing.T) {
	c := progresstest.Midway(now)
	s := contracttest.New(t, api.App, api.Routes(c, desk(), hands(), events.Nobody{}))
	for _, path := range []string{"/v1/migration/rejects?limit=0", "/v1/migration/rejects?limit=101", "/v1/migration/rejects?kind=Orders%3B", "/v1/migration/rejects?cursor=x", "/v1/migration/rejects?sort=1", "/page/..%2froutes.js"} {
		require.Equal(t, http.StatusBadRequest, call(t, s, "GET", path).Status, path)
	}
	require.Equal(t, http.StatusNotFound, call(t, s, "GET", "/page/none.js").Status)

	c.Finds(progress.Finding{Check: "wal_level", Level: progress.Blocked, Detail: "wal_level is replica", Do: "ALTER SYSTEM SET wal_level = logical;"})
	a := call(t, s, "POST", "/v1/migration/start")
	require.Equal(t, http.StatusConflict, a.Status)
	require.Contains(t, string(a.Body), "preflight_blocked")

	phase := func(p progress.Phase) { c.Set(func(s *progress.Status) { s.Phase = p }) }
	phase("")
	require.Equal(t, http.StatusServiceUnavailable, call(t, s, "GET", "/v1/migration").Status, "its own state is not read yet")
	phase(progress.Idle)

	c.Fail(errors.New("dial tcp: password=x"))
	for _, r := range api.Routes(c, desk(), hands(), events.Nobody{}) {
		if strings.HasPrefix(r.Path, "/v1/") && !strings.HasPrefix(r.Path, "/v1/migration/routing") && !strings.HasPrefix(r.Path, "/v1/migration/cutover") {
			a := call(t, s, r.Method, r.Path)
			require.Equal(t, http.StatusInternalServerError, a.Status, r.Path)
			require.NotContains(t, string(a.Body), "password")
		}
	}
	c.Fail(fault.New(fault.Unavailable, "source_unavailable", "The source does not answer."))
	require.Equal(t, http.StatusServiceUnavailable, call(t, s, "GET", "/v1/migration").Status)
}

// slow is a migration whose repair takes as long as it is let.
type slow struct{ progress.Control }

func (slow) Repair(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// What is not done before the server would cut the answer off says so.
func TestNotDoneYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := contracttest.New(t, api.App, api.Routes(slow{progresstest.Midway(now)}, desk(), hands(), events.Nobody{}))
		a := call(t, s, "POST", "/v1/migration/repair")
		require.Equal(t, http.StatusServiceUnavailable, a.Status)
		require.Contains(t, string(a.Body), "not_done_yet")
	})
}

// The page has no data and loads nothing but its own files; nothing in it needs what
// its policy forbids.
func TestThePage(t *testing.T) {
	s := contracttest.New(t, api.App, api.Routes(progresstest.Midway(now), desk(), hands(), events.Nobody{}))
	get := func(path string) contracttest.Answer {
		a := s.Do(t, contracttest.Request{Method: "GET", Path: path, NoToken: true})
		require.Equal(t, http.StatusOK, a.Status, path)
		require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		require.Contains(t, a.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';")
		require.NotContains(t, a.Header.Get("Content-Security-Policy"), "unsafe")
		require.NotRegexp(t, `https?://[^w]`, string(a.Body), path)
		return a
	}
	html := string(get("/").Body)
	require.NotRegexp(t, `(?i)<script(?:[^>]*)>[^<]|<style|\son[a-z]+=|\sstyle=|javascript:`, html)
	require.NotContains(t, html, "northwind")
	linked := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(html, -1)
	require.NotEmpty(t, linked)
	scripts := map[string]bool{}
	for next := linked; len(next) > 0; next = next[1:] {
		path := next[0][1]
		if scripts[path] {
			continue
		}
		scripts[path] = true
		script := string(get(path).Body)
		require.NotRegexp(t, `innerHTML|insertAdjacentHTML|document\.write|eval\(`, script, "what comes from the source is text")
		for _, m := range regexp.MustCompile(`from "\./([a-z]+\.js)"`).FindAllStringSubmatch(script, -1) {
			next = append(next, []string{"", "/page/" + m[1]})
		}
	}
	require.Contains(t, scripts, "/page/kit.js")
}
