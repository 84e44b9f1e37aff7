package view

import (
	"crypto/subtle"
	"net/http"
	"slices"

	"tienda/internal/webpage"
)

// Who may do what. The page can replay events as an admin, and other pages of the same
// browser, and other people of the same machine, reach its port:
//
//   - A request has to name this host: a name that somebody has pointed at 127.0.0.1
//     (DNS rebinding) is not served.
//   - What a browser sends from another page is refused (net/http's CrossOriginProtection).
//   - All but the page's own files needs the token of this run, in a header that no other
//     page can have sent without being asked first. There are no cookies.
//   - Spans need a token of their own, which opens nothing else.
const (
	tokenHeader = "Tienda-View-Token"
	spanHeader  = "tienda-view-spans"
)

// guard refuses what comes from elsewhere.
func (v *View) guard(next http.Handler) http.Handler {
	same := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		webpage.Secure(w.Header())
		if !slices.Contains(v.hosts, r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this is "+v.hosts[0])
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" && r.URL.Path != "/" {
			refuse(w, http.StatusForbidden, "another page may not ask")
			return
		}
		same.ServeHTTP(w, r)
	})
}

// needs lets pass who has a token.
func needs(header, token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(header)), []byte(token)) != 1 {
			refuse(w, http.StatusForbidden, "the token is not that of this run: open the address that the runner has printed")
			return
		}
		next.ServeHTTP(w, r)
	})
}
