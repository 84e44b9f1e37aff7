package forward

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
)

// CartCookie is the guest's cart.
const CartCookie = "tienda_cart"

// cookies are those that pass, each to one app: the guest's cart, and the
// device that has signed in before.
var cookies = map[string]string{"orders": CartCookie, "users": "tienda_device"}

// inward is what passes towards an app besides identity and trace: only what
// the app reads, because each header costs in two sidecars.
var inward = []struct {
	name string
	app  string // "": every app
}{
	{"Content-Type", ""}, {"If-Match", ""}, {"Idempotency-Key", ""},
	{"Cart-Token", "orders"},
	{"User-Agent", "users"}, // by which a user knows a session
	{"Device-Token", "users"},
}

// outward is what passes towards the client.
var outward = []string{
	"Content-Type", "Content-Encoding", "Content-Language", "Etag", "Location", "Set-Cookie", "Cache-Control", "Cart-Token", "Device-Token",
	"Retry-After", "Idempotency-Replayed", "Last-Modified", "Www-Authenticate", "Allow", "Link",
}

func pass(to, from http.Header) {
	for _, name := range outward {
		if v := from[name]; len(v) > 0 {
			to[name] = v
		}
	}
}

// A sidecar takes request headers and address of 16 KiB together (dapr.yaml);
// what is larger than these bounds gets a clear answer instead of a cut line.
const (
	longestHeader = 1 << 10
	longestQuery  = 4 << 10
)

// header gives the header of the request to the app.
func (f *Forwarder) header(r *http.Request, app string, who caller.Caller, t trace.Trace) (http.Header, error) {
	var bad []fault.Field
	if len(r.URL.RawQuery) > longestQuery {
		bad = append(bad, fault.Field{Name: "query", Reason: "is longer than " + strconv.Itoa(longestQuery) + " bytes"})
	}
	h := make(http.Header, 8)
	for _, in := range inward {
		name, values := in.name, r.Header[in.name]
		if in.app != "" && in.app != app {
			continue
		}
		size := 0
		for _, v := range values {
			size += len(v)
		}
		switch {
		case len(values) == 0:
		case size > longestHeader:
			bad = append(bad, fault.Field{Name: name, Reason: "is longer than " + strconv.Itoa(longestHeader) + " bytes"})
		default:
			h[name] = values
		}
	}
	if tags := h["If-Match"]; len(tags) == 1 {
		h["If-Match"] = []string{version(tags[0])}
	}
	name, sets := cookies[app]
	if sets && len(r.Header["Cookie"]) > 0 {
		if c, err := r.Cookie(name); err == nil && len(c.Value) <= longestHeader {
			h["Cookie"] = []string{name + "=" + c.Value}
		}
	}
	if len(bad) > 0 {
		return nil, fault.BadFields(bad...)
	}
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = []string{""} // else the transport names itself
	}
	who.SetHeader(h)
	t.SetHeader(h)
	if f.cfg.HTTPS && sets { // without it the app's cookie is not marked Secure
		h["X-Forwarded-Proto"] = []string{"https"}
	}
	h["Dapr-App-Id"] = []string{app}
	if f.cfg.APIToken != "" {
		h[sidecar.HeaderAPIToken] = []string{f.cfg.APIToken}
	}
	return h, nil
}

// answer writes the app's answer to the client. When it breaks off midway the
// connection is cut, so that the client cannot take it for whole.
func (f *Forwarder) answer(w http.ResponseWriter, resp *http.Response, t trace.Trace) {
	h := w.Header()
	pass(h, resp.Header)
	if resp.StatusCode >= http.StatusBadRequest && mediaType(resp) == problem.ContentType {
		named(resp, t.RequestID)
	}
	if resp.ContentLength >= 0 && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.FormatInt(resp.ContentLength, 10)}
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// named puts the request ID into a problem document that has none, which only
// an app that is not made with ours sends.
func named(resp *http.Response, requestID string) {
	body, err := io.ReadAll(resp.Body)
	if err != nil || bytes.Contains(body, []byte(`"request_id"`)) {
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) == nil && doc != nil {
		doc["request_id"], _ = json.Marshal(requestID)
		if with, err := json.Marshal(doc); err == nil {
			body = with
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}
