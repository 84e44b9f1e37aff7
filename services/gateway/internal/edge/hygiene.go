package edge

import (
	"net/http"
	"net/netip"
	"strings"
)

// longestQuery is in bytes. With the path (package route) it bounds the URI.
const longestQuery = 4 << 10

var closing = []string{"close"}

// hopByHop takes out of a request what is for this connection only: the headers
// that Connection lists (RFC 9110, 7.6.1). Which headers go on to an app is a
// list of its own (package forward).
//
// A connection whose request came in chunks is closed after the answer. Where
// somebody sends a length as well, the server takes the chunks and forgets the
// length; a proxy that did the reverse would take the rest for another request,
// which is never read this way (RFC 9112, 6.1).
func hopByHop(out http.Header, r *http.Request) {
	for _, line := range r.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			r.Header.Del(strings.TrimSpace(name))
		}
	}
	if len(r.TransferEncoding) > 0 {
		out["Connection"] = closing
	}
}

// pattern stands for the path of a request in figures, which must not grow with
// what clients make up.
func (x *exchange) pattern(r *http.Request) string {
	switch {
	case x.route != "":
		return x.route
	case isProbe(r) || r.URL.Path == "/" || r.URL.Path == "/openapi.yaml":
		return r.URL.Path
	}
	return "none"
}

func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// text gives an address, "" for one that is not known.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
