package forward

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
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
	{"Accept-Language", "catalog"}, {"Accept-Language", "orders"}, // one of the shop's (package route)
	{"Cart-Token", "orders"},
	{"Payment-Signature", "orders"}, // of a payment provider's callback
	{"User-Agent", "users"},         // by which a user knows a session
	{"Device-Token", "users"},
	{"If-None-Match", "users"}, // of the documents that may be kept
}

// outward is what passes towards the client.
var outward = []string{
	"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language", "Etag", "Location", "Set-Cookie", "Cache-Control", "Cart-Token", "Device-Token",
	"Retry-After", "Idempotency-Replayed", "Last-Modified", "Www-Authenticate", "Allow", "Link",
}

// pass copies what passes. Vary is added to what the gateway's own edge says in it.
func pass(to, from http.Header) {
	if v := from["Vary"]; len(v) > 0 {
		to["Vary"] = slices.Concat(to["Vary"], v)
	}
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
func (f *Forwarder) header(r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) (http.Header, error) {
	app := to.App
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
	if to.Upstream == nil || to.Upstream.Identity {
		who.SetHeader(h)
	}
	t.SetHeader(h)
	if f.cfg.HTTPS && sets { // without it the app's cookie is not marked Secure
		h["X-Forwarded-Proto"] = []string{"https"}
	}
	if to.Upstream != nil { // which is no app: what is said to a sidecar is not for it
		return h, nil
	}
	if app == "users" && who.Address != "" { // where it is from is no business of the others
		h[caller.HeaderAddress] = []string{who.Address}
	}
	h["Dapr-App-Id"] = []string{app}
	if f.cfg.APIToken != "" {
		h[sidecar.HeaderAPIToken] = []string{f.cfg.APIToken}
	}
	return h, nil
}

// relative turns a Location at an upstream into the path that clients know it
// by; any other address of an upstream is left out.
func relative(h http.Header, up *route.Upstream) {
	if up == nil || len(h["Location"]) == 0 {
		return
	}
	at, err := url.Parse(h.Get("Location"))
	if err == nil && at.Host == "" && at.Scheme == "" && up.Base.Path == "" {
		return
	}
	within := err == nil && (at.Host == "" || at.Scheme == up.Base.Scheme && at.Host == up.Base.Host)
	path, inBase := "", false
	if within {
		path, inBase = trimBase(at.Path, up.Base.Path)
	}
	if !inBase {
		delete(h, "Location")
		return
	}
	h["Location"] = []string{(&url.URL{Path: path, RawQuery: at.RawQuery}).String()}
}

func trimBase(path, base string) (string, bool) {
	rest := path
	if base != "" {
		if len(path) < len(base) || path[:len(base)] != base {
			return "", false
		}
		rest = path[len(base):]
	}
	return rest, len(rest) > 0 && rest[0] == '/'
}

// answer writes the app's answer to the client. When it breaks off midway the
// connection is cut, so that the client cannot take it for whole.
func (f *Forwarder) answer(w http.ResponseWriter, resp *http.Response, to *route.Route, t trace.Trace) {
	h := w.Header()
	pass(h, resp.Header)
	relative(h, to.Upstream)
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
