package api

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"tienda/services/users/internal/account"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/totp"
)

// Where a device's token is: an app sends the header, a browser the cookie.
const (
	headerDevice = "Device-Token"
	cookieDevice = "tienda_device"
)

func (a *API) byPassword(w http.ResponseWriter, r *http.Request, in grantRequest) (account.User, session.Token, error) {
	if err := a.deviceKeys.Ready(r.Context()); err != nil {
		return account.User{}, session.Token{}, err
	}
	entered, err := a.signIns.Enter(r.Context(), signin.Attempt{
		Email: cmp.Or(in.Email, in.Username), Password: in.Password, Proof: totp.Proof{Code: in.TOTP, Recovery: in.RecoveryCode},
		Device: deviceToken(r), From: clientOf(r),
	})
	if err != nil {
		return account.User{}, session.Token{}, retryAfter(w, err)
	}
	setDevice(w, r, entered.Device)
	return entered.User, entered.Token, nil
}

func deviceToken(r *http.Request) string {
	if token := r.Header.Get(headerDevice); token != "" {
		return token
	}
	if c, err := r.Cookie(cookieDevice); err == nil {
		return c.Value
	}
	return ""
}

// setDevice hands a device's token out. The cookie is Secure only where the
// client came by HTTPS: a shop on a developer's machine is plain HTTP.
func setDevice(w http.ResponseWriter, r *http.Request, token string) {
	w.Header().Set(headerDevice, token)
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure is not a constant, as said above
		Name: cookieDevice, Value: token, Path: "/v1/auth", MaxAge: int(device.Lifetime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
}

// retryAfter says in the answer to a *throttle.Wait how long to wait.
func retryAfter(w http.ResponseWriter, err error) error {
	if wait := (*throttle.Wait)(nil); errors.As(err, &wait) {
		w.Header().Set("Retry-After", strconv.Itoa(wait.Seconds()))
	}
	return err
}
