package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/problem"
)

const doc = `
openapi: 3.1.0
info: {title: Test, version: "1"}
paths:
  /open: {get: {operationId: open, responses: {"200": {description: ok}}}}
  /mine: {get: {operationId: mine, responses: {"200": {description: ok}}}}
  /staff: {get: {operationId: staff, responses: {"200": {description: ok}}}}
  /inside: {get: {operationId: inside, x-callers: [orders], responses: {"200": {description: ok}}}}
  /own: {get: {operationId: own, responses: {"200": {description: ok}}}}
  /probe: {get: {operationId: probe, responses: {"200": {description: ok}}}}
  /panic: {get: {operationId: panics, responses: {"200": {description: ok}}}}
  /broken: {get: {operationId: broken, responses: {"200": {description: ok}}}}
  /body:
    post:
      operationId: body
      x-max-body-bytes: 20
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
`

func handler(t *testing.T, routes ...Route) (http.Handler, error) {
	t.Helper()
	c, err := contract.Load(fstest.MapFS{"openapi/t.yaml": {Data: []byte(doc)}}, "t")
	require.NoError(t, err)
	return New(Options{Contract: c, Routes: routes, AppToken: "secret", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

func routes() []Route {
	ok := func(w http.ResponseWriter, _ *http.Request) error { return Write(w, http.StatusOK, "ok") }
	return []Route{
		{http.MethodGet, "/open", Anyone, ok},
		{http.MethodGet, "/mine", SignedIn, ok},
		{http.MethodGet, "/staff", Only(caller.SupportAgent), ok},
		{http.MethodGet, "/inside", Apps("orders"), ok},
		{http.MethodGet, "/own", Own("users"), ok},
		{http.MethodGet, "/probe", Probe, ok},
		{http.MethodGet, "/panic", Anyone, func(http.ResponseWriter, *http.Request) error { panic("boom") }},
		{http.MethodGet, "/broken", Anyone, func(http.ResponseWriter, *http.Request) error { return errors.New("dial tcp 10.0.0.1: secret") }},
		{http.MethodPost, "/body", Anyone, ok},
	}
}

func TestWhoMayCall(t *testing.T) {
	h, err := handler(t, routes()...)
	require.NoError(t, err)
	customer := caller.Caller{UserID: "u", Roles: []caller.Role{caller.Customer}}
	agent := caller.Caller{UserID: "a", Roles: []caller.Role{caller.SupportAgent}}
	admin := caller.Caller{UserID: "b", Roles: []caller.Role{caller.Admin}}
	orders, users := caller.Caller{App: "orders"}, caller.Caller{App: "users"}
	tests := []struct {
		path    string
		as      caller.Caller
		noToken bool
		want    int
	}{
		{path: "/open", want: 200},
		{path: "/open", noToken: true, want: 403},
		{path: "/mine", want: 401},
		{path: "/mine", as: customer, want: 200},
		{path: "/mine", as: customer, noToken: true, want: 403},
		{path: "/staff", want: 401},
		{path: "/staff", as: customer, want: 403},
		{path: "/staff", as: agent, want: 200},
		{path: "/staff", as: admin, want: 200},
		{path: "/inside", want: 403},
		{path: "/inside", as: users, want: 403},
		{path: "/inside", as: orders, want: 200},
		{path: "/own", want: 200},
		{path: "/own", noToken: true, want: 403},
		{path: "/own", as: users, want: 200},
		{path: "/own", as: users, noToken: true, want: 403},
		{path: "/own", as: orders, want: 403},
		{path: "/own", as: caller.Caller{App: "?"}, want: 403},
		{path: "/own", as: caller.Caller{UserID: "b", Roles: []caller.Role{caller.Admin}, App: "gateway"}, want: 403},
		{path: "/probe", noToken: true, want: 200},
		{path: "/nowhere", want: 404},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		tt.as.SetHeader(r.Header)
		r.Header.Set(caller.HeaderApp, tt.as.App)
		if !tt.noToken {
			r.Header.Set(HeaderAppToken, "secret")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, tt.want, w.Code, "%+v: %s", tt, w.Body)
	}
}

// An app whose client slips in the name of another app beside its own is neither.
func TestNoServicePosesAsAnother(t *testing.T) {
	h, err := handler(t, routes()...)
	require.NoError(t, err)
	tests := []struct {
		path  string
		names []string
		want  int
	}{
		{"/inside", []string{"orders"}, 200},
		{"/inside", []string{"orders", "orders"}, 200},
		{"/inside", []string{"gateway", "orders"}, 403},
		{"/inside", []string{"orders", "gateway"}, 403},
		{"/inside", []string{"orders", "orders", "gateway"}, 403},
		{"/inside", []string{"orders", ""}, 403},
		{"/inside", []string{"", "orders"}, 403},
		{"/inside", []string{"orders, gateway"}, 403},
		{"/inside", []string{"gateway,orders"}, 403},
		{"/inside", []string{"Orders"}, 403},
		{"/inside", nil, 403},
		{"/own", nil, 200},
		{"/own", []string{"users"}, 200},
		{"/own", []string{"orders", "users"}, 403}, // not as if nobody had called
		{"/own", []string{"users", "orders"}, 403},
		{"/own", []string{"", "users"}, 403},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		r.Header.Set(HeaderAppToken, "secret")
		for _, name := range tt.names {
			r.Header.Add("dapr-caller-app-id", name)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, tt.want, w.Code, "%s %q", tt.path, tt.names)
	}
}

// An app that asks for no token is open to whatever runs beside it, but not the
// routes that are its own.
func TestOwnRoutesNeedATokenAlways(t *testing.T) {
	c, err := contract.Load(fstest.MapFS{"openapi/t.yaml": {Data: []byte(doc)}}, "t")
	require.NoError(t, err)
	h, err := New(Options{Contract: c, Routes: routes(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	require.NoError(t, err)
	for path, want := range map[string]int{"/open": 200, "/own": 403} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, w.Code, path)
	}
}

func TestErrorsShowNothingInternal(t *testing.T) {
	h, err := handler(t, routes()...)
	require.NoError(t, err)
	for _, path := range []string{"/panic", "/broken"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set(HeaderAppToken, "secret")
		r.Header.Set("X-Request-Id", "request-1234")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
		require.NotContains(t, w.Body.String(), "secret")
		require.NotContains(t, w.Body.String(), "boom")
		var d problem.Document
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &d))
		require.Equal(t, "request-1234", d.RequestID)
	}
}

func TestBodyLimitAndMethod(t *testing.T) {
	h, err := handler(t, routes()...)
	require.NoError(t, err)
	tests := []struct {
		method, body, media string
		want                int
	}{
		{"POST", `{}`, "application/json", 200},
		{"POST", `{"a":"` + strings.Repeat("x", 30) + `"}`, "application/json", 413},
		{"POST", `{}`, "text/plain", 415},
		{"POST", ``, "application/json", 400},
		{"GET", ``, "", 405},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, "/body", strings.NewReader(tt.body))
		r.Header.Set(HeaderAppToken, "secret")
		r.Header.Set("Content-Type", tt.media)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, tt.want, w.Code, "%+v: %s", tt, w.Body)
	}
}

func TestRoutesAndContractMustAgree(t *testing.T) {
	_, err := handler(t, routes()[1:]...)
	require.ErrorContains(t, err, "GET /open has no route")
	_, err = handler(t, append(routes(), Route{http.MethodGet, "/more", Anyone, nil})...)
	require.ErrorContains(t, err, "GET /more is not in the contract")
	_, err = handler(t, append(routes(), routes()[0])...)
	require.ErrorContains(t, err, "stands twice")
	for name, who := range map[string]Access{"[]": Anyone, "[support]": Apps("support"), "[orders support]": Apps("support", "orders")} {
		others := routes()
		others[3].Who = who
		_, err = handler(t, others...)
		require.ErrorContains(t, err, "GET /inside is for the apps "+name+", x-callers of the contract names [orders]")
	}
}

// What passes the contract and does not fit the type is named all the same.
func TestDecodeNamesTheField(t *testing.T) {
	var in struct {
		Line struct {
			Quantity int `json:"quantity"`
		} `json:"line"`
	}
	for body, name := range map[string]string{`{"line":{"quantity":1.0}}`: "/line/quantity", `{"line":`: ""} {
		err := Decode(httptest.NewRequest(http.MethodPut, "/", strings.NewReader(body)), &in)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, fault.Invalid, f.Kind)
		require.Equal(t, []fault.Field{{Name: name, Reason: "does not fit this route"}}, f.Fields, body)
	}
}

func TestIfMatch(t *testing.T) {
	tests := []struct {
		header string
		want   int64
		bad    bool
	}{{"", 0, false}, {"*", 0, false}, {`"3"`, 3, false}, {`3`, 3, false}, {`"x"`, 0, true}, {`"0"`, 0, true}, {`W/"1"`, 0, true}}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodPut, "/", nil)
		r.Header.Set("If-Match", tt.header)
		got, err := IfMatch(r)
		require.Equal(t, tt.want, got)
		require.Equal(t, tt.bad, fault.KindOf(err) == fault.PreconditionFailed, tt.header)
	}
}
