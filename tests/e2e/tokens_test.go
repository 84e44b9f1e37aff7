package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/shop"
)

// overlap is short, so that a rotation ends while a test waits.
const overlap = 4 * time.Second

type keyList = list[struct {
	Kid   string `json:"kid"`
	State string `json:"state"`
}]

type serviceAccount struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	Revoked  string `json:"revoked_at"`
}

func accountOf(role caller.Role) demo.Account {
	for _, a := range demo.Accounts {
		if a.Role == role {
			return a
		}
	}
	panic("no demo account is a " + role)
}

// refreshed renews the client's tokens.
func (c *client) refreshed(t testing.TB) {
	t.Helper()
	tk := must[tokens](t, &client{base: c.base}, http.StatusOK, "POST", "/v1/auth/token",
		map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
	c.token, c.refresh, c.session = tk.AccessToken, tk.RefreshToken, tk.SessionID
}

func kidOf(t testing.TB, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
	require.NoError(t, err)
	var h struct{ Kid string }
	require.NoError(t, json.Unmarshal(raw, &h))
	return h.Kid
}

// A shop with two replicas of users and of the gateway: what a session's end, a
// rotation and two refreshes at once mean on all of them.
func TestTokensOnEveryReplica(t *testing.T) {
	t.Setenv("USERS_KEY_OVERLAP", overlap.String())
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: t.TempDir(), Profile: os.Getenv("PROFILE"), Replicas: []string{"users=2", "gateway=2"}, Log: verbose()})
	require.NoError(t, err)
	defer s.Stop()
	var gateways []string
	for _, g := range s.Of("gateway") {
		gateways = append(gateways, fmt.Sprintf("http://127.0.0.1:%d", g.Port))
	}
	require.Len(t, gateways, 2)
	w := &replicas{Shop: s, gateways: gateways}
	a := accountOf(caller.Admin)
	w.admin = &client{base: s.Gateway}
	w.admin.login(t, a.Email, a.Password)

	t.Run("sessions end", w.sessionsEnd)
	t.Run("refreshes at once", w.refreshesAtOnce)
	t.Run("a client in Node", w.node)
	t.Run("a rotation under traffic", w.rotation)
	t.Run("a compromised key", w.compromised)
}

type replicas struct {
	*shop.Shop
	gateways []string
	admin    *client
}

func (w *replicas) customer(t *testing.T) (*client, string) {
	t.Helper()
	c := &client{base: w.Gateway}
	email := "c" + uuid.NewString() + "@example.com"
	must[user](t, c, http.StatusCreated, "POST", "/v1/users", map[string]string{"email": email, "password": "a long password", "name": "Lucía"})
	c.login(t, email, "a long password")
	return c, email
}

// everywhere says what each gateway answers to a token.
func (w *replicas) everywhere(t *testing.T, token, path string) (codes []string) {
	t.Helper()
	for _, g := range w.gateways {
		a := (&client{base: g, token: token}).call(t, "GET", path, nil)
		if a.status == http.StatusUnauthorized {
			var p problemDoc
			require.NoError(t, json.Unmarshal(a.body, &p))
			codes = append(codes, p.Code)
			continue
		}
		codes = append(codes, http.StatusText(a.status))
	}
	return codes
}

// endsWithin waits until every gateway refuses a token, for two seconds at most.
func (w *replicas) endsWithin(t *testing.T, what, token, path string, end func()) {
	t.Helper()
	require.Equal(t, []string{"OK", "OK"}, w.everywhere(t, token, path), what) // both remember it now
	end()
	began := time.Now()
	within(t, 2*time.Second, what, func() bool {
		codes := w.everywhere(t, token, path)
		return codes[0] == "session_ended" && codes[1] == "session_ended"
	})
	t.Logf("%s: refused by both after %d ms", what, time.Since(began).Milliseconds())
}

func (w *replicas) sessionsEnd(t *testing.T) {
	c, email := w.customer(t)
	again := func() *client {
		n := &client{base: w.gateways[1]}
		n.login(t, email, "a long password")
		return n
	}
	revoked, reused, other := again(), again(), again()
	w.endsWithin(t, "revoked by its ID", revoked.token, "/v1/me", func() {
		must[any](t, c, http.StatusNoContent, "DELETE", "/v1/auth/sessions/"+revoked.session, nil)
	})
	used := reused.refresh
	reused.refreshed(t)
	reused.refreshed(t)
	w.endsWithin(t, "a refresh token used twice", reused.token, "/v1/me", func() {
		(&client{base: w.Gateway}).refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": used})
	})
	w.endsWithin(t, "all others", other.token, "/v1/me", func() {
		must[any](t, c, http.StatusNoContent, "DELETE", "/v1/auth/sessions?except=current", nil)
	})
	w.endsWithin(t, "logout", c.token, "/v1/me", func() { must[any](t, c, http.StatusNoContent, "POST", "/v1/auth/logout", nil) })
	last := again()
	w.endsWithin(t, "all", last.token, "/v1/me", func() { must[any](t, last, http.StatusNoContent, "DELETE", "/v1/auth/sessions", nil) })

	m := must[serviceAccount](t, w.admin, http.StatusCreated, "POST", "/v1/ops/service-accounts", map[string]any{"name": "ERP", "scopes": []string{"users:read"}})
	path := "/v1/ops/service-accounts/" + m.ClientID
	w.machineEnds(t, "a new secret", &m, func() {
		m.Secret = must[serviceAccount](t, w.admin, http.StatusOK, "POST", path+"/secret", nil).Secret
	})
	w.machineEnds(t, "an account that ends", &m, func() { must[any](t, w.admin, http.StatusNoContent, "DELETE", path, nil) })
}

func (w *replicas) machineEnds(t *testing.T, what string, m *serviceAccount, end func()) {
	t.Helper()
	path := "/v1/users/" + uuid.NewString() // not found: that it is let in is enough
	tk := must[tokens](t, &client{base: w.Gateway}, http.StatusOK, "POST", "/v1/auth/token",
		map[string]string{"grant_type": "client_credentials", "client_id": m.ClientID, "client_secret": m.Secret})
	require.Equal(t, []string{"Not Found", "Not Found"}, w.everywhere(t, tk.AccessToken, path))
	end()
	within(t, 2*time.Second, what, func() bool {
		codes := w.everywhere(t, tk.AccessToken, path)
		return codes[0] == "session_ended" && codes[1] == "session_ended"
	})
}

// Of many refreshes at once exactly one wins, through whichever replicas, and the
// session lives on with its token alone.
func (w *replicas) refreshesAtOnce(t *testing.T) {
	c, _ := w.customer(t)
	for round := range 5 {
		var mu sync.Mutex
		var won []tokens
		status := map[int]int{}
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				a, err := (&client{base: w.gateways[n%2]}).try("POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					status[0]++
					return
				}
				status[a.status]++
				if a.status == http.StatusOK {
					var tk tokens
					if json.Unmarshal(a.body, &tk) == nil {
						won = append(won, tk)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusConflict: 7}, status, "round %d", round)
		require.Equal(t, c.session, won[0].SessionID)
		c.token, c.refresh = won[0].AccessToken, won[0].RefreshToken
		require.Len(t, must[list[any]](t, c, http.StatusOK, "GET", "/v1/auth/sessions", nil).Items, 1)
	}
}

func (w *replicas) keys(t *testing.T) (kids, states []string) {
	t.Helper()
	for _, k := range must[keyList](t, w.admin, http.StatusOK, "GET", "/v1/ops/signing-keys", nil).Items {
		kids, states = append(kids, k.Kid), append(states, k.State)
	}
	return kids, states
}

// Customers sign in, refresh and read all the time while the key changes: no
// request fails, and in the end the new key has signed.
func (w *replicas) rotation(t *testing.T) {
	var stop atomic.Bool
	var requests atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan string, 100)
	for n := range 4 {
		c, email := w.customer(t)
		wg.Go(func() {
			for turn := 0; !stop.Load(); turn++ {
				c.base = w.gateways[(n+turn)%2]
				body := map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh}
				if turn%8 == 0 {
					body = map[string]string{"grant_type": "password", "email": email, "password": "a long password"}
				}
				a, err := (&client{base: c.base}).try("POST", "/v1/auth/token", body)
				if err == nil && a.status == http.StatusOK {
					var tk tokens
					err = json.Unmarshal(a.body, &tk)
					c.token, c.refresh = tk.AccessToken, tk.RefreshToken
					if err == nil {
						a, err = c.try("GET", "/v1/me", nil)
					}
				}
				requests.Add(2)
				if err != nil || a.status != http.StatusOK {
					failed <- fmt.Sprintf("%v %d %s", err, a.status, a.body)
					return
				}
			}
		})
	}
	before := kidOf(t, w.admin.token)
	kids, _ := w.keys(t)
	old := kids[len(kids)-1]
	must[keyList](t, w.admin, http.StatusOK, "POST", "/v1/ops/signing-keys/rotate", map[string]any{})
	require.Equal(t, "rotation_under_way", w.admin.refused(t, http.StatusConflict, "POST", "/v1/ops/signing-keys/rotate", nil).Code)
	within(t, 30*time.Second, "the new key signs", func() bool {
		kids, states := w.keys(t)
		return states[len(states)-1] == "active" && kids[len(kids)-1] != old && states[len(states)-2] == "retiring"
	})
	fresh, _ := w.customer(t)
	require.NotEqual(t, old, kidOf(t, fresh.token))
	require.Equal(t, []string{"OK", "OK"}, w.everywhere(t, w.admin.token, "/v1/me"), "the token of the old key %s is good until it expires", before)
	stop.Store(true)
	wg.Wait()
	close(failed)
	for f := range failed {
		t.Error(f)
	}
	require.Greater(t, requests.Load(), int64(20))
	t.Logf("%d requests during a rotation, none failed", requests.Load())
}

// What a stolen key has signed is refused by every gateway, at once; sessions
// live on.
func (w *replicas) compromised(t *testing.T) {
	c, _ := w.customer(t)
	require.Equal(t, []string{"OK", "OK"}, w.everywhere(t, c.token, "/v1/me"))
	must[keyList](t, w.admin, http.StatusOK, "POST", "/v1/ops/signing-keys/rotate", map[string]any{"compromised": true})
	within(t, 2*time.Second, "the old key is refused", func() bool {
		codes := w.everywhere(t, c.token, "/v1/me")
		return codes[0] == "invalid_token" && codes[1] == "invalid_token"
	})
	eventually(t, "a refreshed token is taken", func() bool { // a replica of users may sign with the old key until it reads the keys again
		c.refreshed(t)
		codes := w.everywhere(t, c.token, "/v1/me")
		return codes[0] == "OK" && codes[1] == "OK"
	})
	w.admin.refused(t, http.StatusUnauthorized, "GET", "/v1/ops/signing-keys", nil)
	eventually(t, "the admin's refreshed token is taken", func() bool {
		w.admin.refreshed(t)
		return w.admin.call(t, "GET", "/v1/ops/signing-keys", nil).status == http.StatusOK
	})
	_, states := w.keys(t)
	require.Equal(t, []string{"active"}, states)
}

// A client in another language, with its usual libraries, signs in, checks
// tokens by JWKS, refreshes, and lives through a rotation.
func (w *replicas) node(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "this test needs Node.js 20 or later with npm (apt-get install nodejs npm)")
	}
	root, err := shop.Root()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "client"), os.DirFS(filepath.Join(root, "tests", "clients", "node"))))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = filepath.Join(dir, "client")
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)

	_, email := w.customer(t)
	m := must[serviceAccount](t, w.admin, http.StatusCreated, "POST", "/v1/ops/service-accounts", map[string]any{"name": "Node", "scopes": []string{"users:read", "orders:read"}})
	cmd := exec.CommandContext(ctx, "node", "client.mjs", w.Gateway, email, "a long password", m.ClientID, m.Secret)
	cmd.Dir = install.Dir
	var problems strings.Builder
	cmd.Stderr = &problems
	lines, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	type report struct {
		Ready, Done bool
		Kid         string
		Refreshes   int
	}
	var seen []report
	for s := bufio.NewScanner(lines); s.Scan(); {
		var r report
		require.NoError(t, json.Unmarshal(s.Bytes(), &r), "%s", s.Text())
		seen = append(seen, r)
		if r.Ready {
			must[keyList](t, w.admin, http.StatusOK, "POST", "/v1/ops/signing-keys/rotate", nil)
		}
	}
	require.NoError(t, cmd.Wait(), "%s", problems.String())
	require.Len(t, seen, 2)
	require.True(t, seen[1].Done)
	require.NotEqual(t, seen[0].Kid, seen[1].Kid)
	t.Logf("the client in Node refreshed %d times during the rotation", seen[1].Refreshes)
}
