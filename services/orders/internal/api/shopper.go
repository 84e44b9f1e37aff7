package api

import (
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/services/orders/internal/shopper"
)

// Where a guest's token travels.
const (
	headerToken = "Cart-Token"
	cookieToken = "tienda_cart"
	cookieLife  = 30 * 24 * time.Hour
)

// who says whom a request is from. A cookie that holds no token is refused,
// and expired, so that a browser gets rid of it.
func who(w http.ResponseWriter, r *http.Request) (s shopper.Shopper, token string, err error) {
	s.User = caller.From(r.Context()).UserID
	token = r.Header.Get(headerToken)
	inCookie := false
	if token == "" {
		if c, err := r.Cookie(cookieToken); err == nil && c.Value != "" {
			token, inCookie = c.Value, true
		}
	}
	if token == "" {
		return s, "", nil
	}
	if s.Guest, err = shopper.Guest(token); err != nil && inCookie {
		expireCookie(w, r)
	}
	return s, token, err
}

func setCookie(w http.ResponseWriter, r *http.Request, token string) {
	writeCookie(w, r, token, int(cookieLife.Seconds()))
}

func expireCookie(w http.ResponseWriter, r *http.Request) { writeCookie(w, r, "", -1) }

// writeCookie marks the cookie Secure only where the client came by HTTPS: a
// shop on a developer's machine is plain HTTP.
func writeCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure is not a constant, as said above
		Name: cookieToken, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
