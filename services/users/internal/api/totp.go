package api

import (
	"context"
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/totp"
)

// getTOTP: 1 state call.
func (a *API) getTOTP(w http.ResponseWriter, r *http.Request) error {
	f, err := a.factors.Status(r.Context(), caller.From(r.Context()).UserID)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, totpAnswer{Enabled: f.On, RecoveryCodesLeft: len(f.Recovery)})
}

// startTOTP: 5 state calls (the try is counted, then forgotten).
func (a *API) startTOTP(w http.ResponseWriter, r *http.Request) error {
	var in ownerRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	started, err := a.factors.Start(r.Context(), caller.From(r.Context()).UserID, in.Password)
	if err != nil {
		return retryAfter(w, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpapi.Write(w, http.StatusOK, totpStartAnswer{Secret: started.Secret, URL: started.URL, ExpiresAt: started.Until})
}

// confirmTOTP: 4 state calls.
func (a *API) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	var in confirmRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	codes, err := a.factors.Confirm(r.Context(), caller.From(r.Context()).UserID, in.TOTP)
	if err != nil {
		return retryAfter(w, err)
	}
	return writeCodes(w, codes)
}

// stopTOTP: 5 state calls.
func (a *API) stopTOTP(w http.ResponseWriter, r *http.Request) error {
	var in ownerRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.factors.Stop(r.Context(), caller.From(r.Context()).UserID, in.Password, in.proof()); err != nil {
		return retryAfter(w, err)
	}
	return httpapi.NoContent(w)
}

// renewRecoveryCodes: 5 state calls.
func (a *API) renewRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	var in ownerRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	codes, err := a.factors.Renew(r.Context(), caller.From(r.Context()).UserID, in.Password, in.proof())
	if err != nil {
		return retryAfter(w, err)
	}
	return writeCodes(w, codes)
}

func (in factorRequest) proof() totp.Proof {
	return totp.Proof{Code: in.TOTP, Recovery: in.RecoveryCode}
}

// alsoFactor has the second factor shown, where it is on: 1 state call, 3 then.
func (a *API) alsoFactor(in factorRequest) account.Also {
	return func(ctx context.Context, userID string) error { return a.factors.Prove(ctx, userID, in.proof()) }
}

func writeCodes(w http.ResponseWriter, codes []string) error {
	w.Header().Set("Cache-Control", "no-store")
	return httpapi.Write(w, http.StatusOK, recoveryAnswer{RecoveryCodes: codes})
}
