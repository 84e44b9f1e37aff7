package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
)

// public is the contract that every answer of the gateway is held to, and tried
// the operations that answered with success somewhere in this suite.
var (
	public = func() *contract.Contract {
		c, err := contract.Load(contracts.FS, "public")
		if err != nil {
			panic(err)
		}
		return c
	}()
	triedMu sync.Mutex
	tried   = map[string]bool{}
)

// client is one user of the shop, a guest until it logs in.
type client struct {
	base      string
	token     string // access token
	refresh   string
	session   string
	cartToken string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request through the gateway and holds the answer to the public
// contract. body is sent as it is if it is a string, else as JSON.
func (c *client) call(t testing.TB, method, path string, body any, headers ...string) answer {
	t.Helper()
	a, err := c.try(method, path, body, headers...)
	require.NoError(t, err)
	return a.check(t, method, path)
}

// check holds an answer to the public contract.
func (a answer) check(t testing.TB, method, path string) answer {
	t.Helper()
	op := contracttest.Find(public, method, strings.SplitN(path, "?", 2)[0])
	if op == nil {
		return a
	}
	require.NoError(t, op.CheckResponse(a.status, a.header.Get("Content-Type"), a.body))
	require.NotEmpty(t, a.header.Get("X-Request-Id"))
	if a.status < 300 {
		triedMu.Lock()
		tried[op.Method+" "+op.Path] = true
		triedMu.Unlock()
	}
	return a
}

func (c *client) try(method, path string, body any, headers ...string) (answer, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		js, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		r = bytes.NewReader(js)
	}
	req, err := http.NewRequest(method, c.base+path, r)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cartToken != "" {
		req.Header.Set("Cart-Token", c.cartToken)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	if v := resp.Header.Get("Cart-Token"); v != "" {
		c.cartToken = v
	}
	return answer{resp.StatusCode, resp.Header, b}, nil
}

// must is call that expects a status and reads the answer.
func must[T any](t testing.TB, c *client, want int, method, path string, body any, headers ...string) T {
	t.Helper()
	a := c.call(t, method, path, body, headers...)
	require.Equal(t, want, a.status, "%s %s: %s", method, path, a.body)
	var v T
	if len(a.body) > 0 {
		require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	}
	return v
}

// refused expects a problem document and gives its code and field names.
func (c *client) refused(t testing.TB, want int, method, path string, body any, headers ...string) problemDoc {
	t.Helper()
	a := c.call(t, method, path, body, headers...)
	require.Equal(t, want, a.status, "%s %s: %s", method, path, a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p problemDoc
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.NotEmpty(t, p.Code)
	require.Equal(t, want, p.Status)
	return p
}

type problemDoc struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Fields []struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	} `json:"fields"`
}

func (p problemDoc) names() []string {
	var out []string
	for _, f := range p.Fields {
		out = append(out, f.Name)
	}
	return out
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	SessionID    string `json:"session_id"`
}

func (c *client) login(t testing.TB, email, password string) {
	t.Helper()
	c.token = "" // it may have ended, and would be refused
	tk := must[tokens](t, c, http.StatusOK, "POST", "/v1/auth/token",
		map[string]string{"grant_type": "password", "email": email, "password": password})
	c.token, c.refresh, c.session = tk.AccessToken, tk.RefreshToken, tk.SessionID
}

func verbose() io.Writer {
	if os.Getenv("E2E_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}
