package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tienda/services/gateway/internal/route"
)

// What browsers may send and read across origins, and for how many seconds
// they may remember it.
const (
	corsSend = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Cart-Token, Device-Token, X-Request-Id, Traceparent, Tracestate"
	corsRead = "ETag, Cart-Token, Device-Token, Location, X-Request-Id, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy"
	corsKeep = "600"
)

var varyOrigin = []string{"Origin"}

// Origins are the web origins whose pages may call the gateway.
type Origins struct {
	exact   []string
	anyPort []string // "http://localhost": with every port
}

// ParseOrigins reads a comma separated list: "https://shop.example,
// http://localhost:*". There is no "*" for all of them, because the cart's
// cookie is sent along.
func ParseOrigins(list string) (Origins, error) {
	var o Origins
	var errs []error
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		origin, anyPort := strings.CutSuffix(s, ":*")
		u, err := url.Parse(origin)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != origin ||
			strings.Contains(u.Host, "*") || (anyPort && u.Port() != ""):
			errs = append(errs, fmt.Errorf("%q is not an origin such as https://shop.example or http://localhost:*", s))
		case anyPort:
			o.anyPort = append(o.anyPort, origin)
		default:
			o.exact = append(o.exact, origin)
		}
	}
	return o, errors.Join(errs...)
}

func (o Origins) allow(origin string) bool {
	if slices.Contains(o.exact, origin) {
		return true
	}
	for _, a := range o.anyPort {
		if rest, ok := strings.CutPrefix(origin, a); ok && (rest == "" || isPort(rest)) {
			return true
		}
	}
	return false
}

func isPort(s string) bool {
	if len(s) < 2 || len(s) > 6 || s[0] != ':' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// answer sets the CORS headers of an answer; done says that the request was a
// preflight and is answered. One of a foreign origin gets no CORS headers,
// which is a refusal to its browser.
func (o Origins) answer(w http.ResponseWriter, r *http.Request, table *route.Table) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" && len(o.exact)+len(o.anyPort) == 0 {
		return false
	}
	h := w.Header()
	h["Vary"] = varyOrigin // also without an Origin: whoever keeps that answer must not show it to one
	if origin == "" {
		return false
	}
	allowed := o.allow(origin)
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", corsRead)
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	if _, methods := table.Match(http.MethodOptions, r.URL.Path); allowed && len(methods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		h.Set("Access-Control-Allow-Headers", corsSend)
		h.Set("Access-Control-Max-Age", corsKeep)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
