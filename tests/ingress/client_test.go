package ingress_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// client is one who comes in by the door, from an address of the loopback network.
type client struct {
	http  *http.Client
	token string
	cart  string
}

// from gives a client of an address, and skips a test that has no nginx to try.
func from(t *testing.T, address string) *client {
	t.Helper()
	if door == nil {
		t.Skip("INGRESS names no nginx")
	}
	transport := door.Transport(address)
	t.Cleanup(transport.CloseIdleConnections)
	return &client{http: &http.Client{Transport: transport, Timeout: 70 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	proto  int
}

func (c *client) try(method, path, body string, headers ...string) (answer, error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, door.URL+path, r)
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cart != "" {
		req.Header.Set("Cart-Token", c.cart)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if v := resp.Header.Get("Cart-Token"); v != "" {
		c.cart = v
	}
	return answer{resp.StatusCode, resp.Header, b, resp.ProtoMajor}, err
}

func (c *client) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := c.try(method, path, body, headers...)
	require.NoError(t, err)
	return a
}

// must expects a status and reads the answer.
func must[T any](t *testing.T, c *client, want int, method, path string, body any, headers ...string) T {
	t.Helper()
	var js string
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(t, err)
		js = string(b)
	}
	a := c.call(t, method, path, js, headers...)
	require.Equal(t, want, a.status, "%s %s: %s", method, path, a.body)
	var v T
	if len(a.body) > 0 {
		require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	}
	return v
}

// problem is a problem document.
type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string `json:"request_id"`
}

// refused holds an answer to be a problem document of a status.
func (a answer) refused(t *testing.T, want int) problem {
	t.Helper()
	require.Equal(t, want, a.status, "%s", a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.body)
	var p problem
	require.NoError(t, json.Unmarshal(a.body, &p), "%s", a.body)
	require.Equal(t, want, p.Status)
	require.Equal(t, http.StatusText(want), p.Title)
	require.Equal(t, "about:blank", p.Type)
	require.NotEmpty(t, p.Code)
	require.NotEmpty(t, p.RequestID)
	require.Equal(t, a.header.Get("X-Request-Id"), p.RequestID)
	return p
}

func (c *client) login(t *testing.T, email, password string) {
	t.Helper()
	c.token = ""
	c.token = must[struct {
		Token string `json:"access_token"`
	}](t, c, http.StatusOK, "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": email, "password": password}).Token
}

// signUp registers and signs in.
func (c *client) signUp(t *testing.T) {
	t.Helper()
	email := "i" + uuid.NewString() + "@example.com"
	must[any](t, c, http.StatusCreated, "POST", "/v1/users", map[string]string{"email": email, "password": "a long password", "name": "Lucía"})
	c.login(t, email, "a long password")
}

// raw sends bytes over TLS and HTTP/1.1 that no client library would, and reads one answer.
func raw(t *testing.T, request string) answer {
	t.Helper()
	c := from(t, "")
	transport, _ := c.http.Transport.(*http.Transport)
	conf := transport.TLSClientConfig.Clone()
	conf.ServerName, conf.NextProtos = door.Host, []string{"http/1.1"}
	conn, err := (&tls.Dialer{Config: conf}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(door.HTTPS)))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "%q", request)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, b, resp.ProtoMajor}
}

// ask gives a raw request for a target as it is written.
func ask(method, target string, headers ...string) string {
	r := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, door.Host)
	for i := 0; i+1 < len(headers); i += 2 {
		r += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	return r + "\r\n"
}
