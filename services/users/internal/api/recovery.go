package api

import (
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
)

// recoveryRoutes are those of e-mail verification and of passwords.
func (a *API) recoveryRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: http.MethodPost, Path: "/v1/users/verify-email", Who: httpapi.Anyone, Handle: a.verifyEmail},
		{Method: http.MethodPost, Path: "/v1/me/verification", Who: httpapi.SignedIn, Handle: a.askVerification},
		{Method: http.MethodPost, Path: "/v1/me/email", Who: httpapi.SignedIn, Handle: a.askNewEmail},
		{Method: http.MethodPost, Path: "/v1/me/password", Who: httpapi.SignedIn, Handle: a.changePassword},
		{Method: http.MethodPost, Path: "/v1/auth/password-reset", Who: httpapi.Anyone, Handle: a.askReset},
		{Method: http.MethodPost, Path: "/v1/auth/password-reset/confirm", Who: httpapi.Anyone, Handle: a.resetPassword},
	}
}

// verifyEmail: 4 state calls; 8 if the account gets another address by it.
func (a *API) verifyEmail(w http.ResponseWriter, r *http.Request) error {
	var in proofRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if _, err := a.accounts.VerifyEmail(r.Context(), in.Token); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// askVerification: 3 state calls.
func (a *API) askVerification(w http.ResponseWriter, r *http.Request) error {
	if err := a.accounts.AskVerification(r.Context(), caller.From(r.Context()).UserID); err != nil {
		return err
	}
	return accepted(w)
}

// askNewEmail: 9 state calls, 4 of them to count the try and to forget it.
func (a *API) askNewEmail(w http.ResponseWriter, r *http.Request) error {
	var in newEmailRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.accounts.AskNewEmail(r.Context(), caller.From(r.Context()).UserID, in.Email, in.Password, a.alsoFactor(in.factorRequest)); err != nil {
		return retryAfter(w, err)
	}
	return accepted(w)
}

// changePassword: 11 state calls, 4 of them to count the try and to forget it.
func (a *API) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in changePasswordRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c := caller.From(r.Context())
	u, err := a.accounts.ChangePassword(r.Context(), c.UserID, in.Current, in.New, c.Session, a.alsoFactor(in.factorRequest))
	if err != nil {
		return retryAfter(w, err)
	}
	a.remember(w, r, u.Email)
	return a.ended(w, r, c.UserID, c.Session)
}

// askReset: 2 state calls, and 2 to count what the address asks for, whether
// somebody has the e-mail or nobody.
func (a *API) askReset(w http.ResponseWriter, r *http.Request) error {
	var in resetRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.throttles.Admit(r.Context(), "reset", caller.From(r.Context()).Address); err != nil {
		return retryAfter(w, err)
	}
	if err := a.accounts.AskReset(r.Context(), in.Email); err != nil {
		return err
	}
	return accepted(w)
}

// resetPassword: 6 state calls.
func (a *API) resetPassword(w http.ResponseWriter, r *http.Request) error {
	var in confirmResetRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	u, err := a.accounts.ResetPassword(r.Context(), in.Token, in.New)
	if err != nil {
		return err
	}
	a.remember(w, r, u.Email)
	return a.ended(w, r, u.ID, "")
}

// remember gives the device of whoever has just set the password another token,
// since all of before are forgotten: it lets nobody in, but who guesses at the
// account meanwhile must not keep the owner out.
func (a *API) remember(w http.ResponseWriter, r *http.Request, email string) {
	if token, err := a.signIns.Remember(email); err == nil { // without the key it is a stranger's for one more time
		setDevice(w, r, token)
	}
}

// ended ends the sessions of a user whose password has changed, but for one. If
// the store is away just now, or the client goes, the letter that tells the user
// makes up for it within seconds: the password has changed, and that is the
// answer.
func (a *API) ended(w http.ResponseWriter, r *http.Request, userID, except string) error {
	if err := a.sessions.EndAll(r.Context(), userID, except, time.Time{}); err != nil && fault.KindOf(err) != fault.Unavailable && r.Context().Err() == nil {
		return err
	}
	return httpapi.NoContent(w)
}

func accepted(w http.ResponseWriter) error {
	return httpapi.Write(w, http.StatusAccepted, acceptedAnswer{Status: "accepted"})
}
