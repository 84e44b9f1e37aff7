package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start runs a sandbox and gives its URL, and what ends it.
func start(t *testing.T, dir string, more ...string) (url string, end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	args := append([]string{"-addr", "127.0.0.1:0", "-ledger", filepath.Join(dir, "l", "ledger.ndjson"), "-callbacks", "http://127.0.0.1:9"}, more...)
	go func() { done <- run(ctx, args, func(string) string { return "" }, in) }()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	fields := strings.Fields(line)
	require.Equal(t, []string{"sandbox", "payment", "provider", "ready", "on"}, fields[:5])
	var once sync.Once
	end = func() {
		once.Do(func() {
			stop()
			require.NoError(t, <-done)
			_ = in.Close()
		})
	}
	t.Cleanup(end)
	return "http://" + fields[5], end
}

func post(t *testing.T, url, key, body string) (int, operation) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var o operation
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&o))
	return resp.StatusCode, o
}

const euros = `{"amount":900,"currency":"EUR","token":"sandbox_approves"}`

// Eight requests with one key at once are one operation, and it is there after a
// start over the file; half a line at its end is what nobody was told.
func TestOneKeyOneOperationWhateverHappens(t *testing.T) {
	dir := t.TempDir()
	url, end := start(t, dir)
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() {
			resp, err := http.DefaultClient.Do(withKey(t, url+"/v1/authorisations", "key-of-one", euros))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			var o operation
			_ = json.NewDecoder(resp.Body).Decode(&o)
			ids[i] = o.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id)
		require.Equal(t, ids[0], id)
	}
	end()
	file := filepath.Join(dir, "l", "ledger.ndjson")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(b, []byte("\n")))
	require.NotContains(t, string(b), "sandbox_approves", "no token is kept")
	require.NoError(t, os.WriteFile(file, append(b, `{"id":"half`...), 0o600))

	url, _ = start(t, dir)
	status, o := post(t, url+"/v1/authorisations", "key-of-one", euros)
	require.Equal(t, 200, status)
	require.Equal(t, ids[0], o.ID)
	status, o = post(t, url+"/v1/authorisations/"+o.ID+"/captures", "key-of-two", `{"amount":900,"currency":"EUR"}`)
	require.Equal(t, 200, status, o.Code)
}

func withKey(t *testing.T, url, key, body string) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Idempotency-Key", key)
	return req
}

func TestWhatIsRefused(t *testing.T) {
	url, _ := start(t, t.TempDir())
	_, held := post(t, url+"/v1/authorisations", "key-of-auth", euros)
	at := url + "/v1/authorisations/" + held.ID
	for name, c := range map[string]struct {
		url, key, body string
		status         int
		code           string
	}{
		"no key":           {url + "/v1/authorisations", "", euros, 400, "invalid_request"},
		"no JSON":          {url + "/v1/authorisations", "key-of-bad", "{", 400, "invalid_request"},
		"a negative sum":   {url + "/v1/authorisations", "key-of-bad", `{"amount":-1,"currency":"EUR","token":"sandbox_approves"}`, 400, "invalid_request"},
		"a real token":     {url + "/v1/authorisations", "key-of-bad", `{"amount":1,"currency":"EUR","token":"tok_live"}`, 422, "token_unknown"},
		"a reused key":     {url + "/v1/authorisations", "key-of-auth", `{"amount":1,"currency":"EUR","token":"sandbox_approves"}`, 422, "idempotency_key_reused"},
		"another currency": {at + "/captures", "key-of-bad", `{"amount":1,"currency":"USD"}`, 422, "currency_differs"},
		"too much":         {at + "/captures", "key-of-bad", `{"amount":901,"currency":"EUR"}`, 422, "amount_exceeded"},
		"nothing taken":    {at + "/refunds", "key-of-bad", `{"amount":1,"currency":"EUR"}`, 422, "amount_exceeded"},
		"nothing there":    {url + "/v1/authorisations/none/void", "key-of-bad", "{}", 404, "authorisation_unknown"},
		"declined":         {url + "/v1/authorisations", "key-of-no-1", `{"amount":1,"currency":"EUR","token":"sandbox_declines"}`, 402, "card_declined"},
	} {
		status, o := post(t, c.url, c.key, c.body)
		require.Equal(t, c.status, status, name)
		require.Equal(t, c.code, o.Code, name)
	}
}

// at gives the time of a signature's stamp.
func at(stamp string) time.Time {
	n, _ := strconv.ParseInt(stamp, 10, 64)
	return time.Unix(n, 0)
}

// hook is a shop that fails once, and counts the events that it hears.
type hook struct {
	*httptest.Server
	heard chan string
}

func newHook(t *testing.T, secret string) *hook {
	h := &hook{heard: make(chan string, 16)}
	var failed atomic.Bool
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		stamp, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Payment-Signature"), "t="), ",")
		if want := sign(secret, b, at(stamp)); want != r.Header.Get("Payment-Signature") {
			t.Errorf("signed %s, want %s", r.Header.Get("Payment-Signature"), want)
		}
		if !failed.Swap(true) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var e struct {
			ID        string
			Operation operation
		}
		_ = json.Unmarshal(b, &e)
		h.heard <- e.ID + " " + e.Operation.Status
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(h.Close)
	return h
}

func TestItCallsBack(t *testing.T) {
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets.json")
	require.NoError(t, os.WriteFile(secrets, []byte(`{"payment-callbacks-sandbox":"s3cret"}`), 0o600))
	shop := newHook(t, "s3cret")
	url, end := start(t, dir, "-callbacks", shop.URL, "-secrets", secrets)
	status, o := post(t, url+"/v1/authorisations", "key-of-late", `{"amount":900,"currency":"EUR","token":"sandbox_calls_late"}`)
	require.Equal(t, 202, status)
	require.Equal(t, "pending", o.Status)
	end() // what was not told is told after a start
	url, _ = start(t, dir, "-callbacks", shop.URL, "-secrets", secrets)
	require.Equal(t, "evt_"+o.ID+" approved", <-shop.heard)
	status, o = post(t, url+"/v1/authorisations", "key-of-twice", `{"amount":900,"currency":"EUR","token":"sandbox_calls_twice"}`)
	require.Equal(t, 200, status)
	for range 2 {
		require.Equal(t, "evt_"+o.ID+" approved", <-shop.heard)
	}
}

func TestBehaviours(t *testing.T) {
	for token, want := range map[string]string{
		"sandbox_approves": approves, "sandbox_approves_7": approves, "sandbox_declines": declines, "sandbox_declines_capture": declinesCapture,
		"sandbox_declines_capture_x": declinesCapture, "sandbox_declines_x": declines, "sandbox_declines_first_capture": declinesFirst, "sandbox_nonsense": "", "approves": "", "sandbox_": "", "4111111111111111": "",
	} {
		got, ok := behaviour(token)
		require.Equal(t, want, got, token)
		require.Equal(t, want != "", ok, token)
	}
}

func TestItListensOnThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:80", "127.0.0.1"} {
		err := run(t.Context(), []string{"-addr", addr, "-ledger", filepath.Join(t.TempDir(), "l")}, func(string) string { return "" }, io.Discard)
		require.ErrorContains(t, err, "this machine alone", addr)
	}
}
