package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

func passwordGrant(email, password string, more ...string) map[string]string {
	in := map[string]string{"grant_type": "password", "email": email, "password": password}
	for i := 0; i+1 < len(more); i += 2 {
		in[more[i]] = more[i+1]
	}
	return in
}

// A guesser is slowed down through the gateway, for an account and for none;
// the owner's device gets in meanwhile, by header and by cookie.
func TestGuessersAndOwners(t *testing.T) {
	c, u := newCustomer(t)
	a := c.call(t, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password"))
	require.Equal(t, http.StatusOK, a.status)
	device := a.header.Get("Device-Token")
	require.NotEmpty(t, device)
	require.Contains(t, a.header.Get("Set-Cookie"), "tienda_device="+device)
	require.Contains(t, a.header.Get("Set-Cookie"), "HttpOnly")

	for _, email := range []string{u.Email, "nobody-" + u.ID + "@example.com"} {
		failed := 0
		for {
			a := guest().call(t, "POST", "/v1/auth/token", passwordGrant(email, "wrong password"))
			if a.status == http.StatusTooManyRequests {
				require.Contains(t, string(a.body), "too_many_attempts")
				require.NotEmpty(t, a.header.Get("Retry-After"))
				break
			}
			require.Equal(t, http.StatusUnauthorized, a.status, "%s", a.body)
			failed++
			require.Less(t, failed, 20, "nobody stops the guesser")
		}
		require.GreaterOrEqual(t, failed, 5)
	}
	// Each failure makes the wait longer; the owner comes while there is one.
	for guest().call(t, "POST", "/v1/auth/token", passwordGrant(u.Email, "wrong password")).status != http.StatusTooManyRequests {
	}
	require.Equal(t, http.StatusOK, guest().call(t, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password"), "Device-Token", device).status)
	require.Equal(t, http.StatusOK, guest().call(t, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password"), "Cookie", "tienda_device="+device).status)
}

// The whole life of a second factor, every route of it.
func TestSecondFactor(t *testing.T) {
	c, u := newCustomer(t)
	type state struct {
		Enabled bool `json:"enabled"`
		Left    int  `json:"recovery_codes_left"`
	}
	type codes struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	require.Equal(t, state{}, must[state](t, c, http.StatusOK, "GET", "/v1/me/totp", nil))
	require.Equal(t, "wrong_password", c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/me/totp", map[string]string{"password": "wrong"}).Code)
	started := must[struct {
		Secret string `json:"secret"`
		URL    string `json:"otpauth_url"`
	}](t, c, http.StatusOK, "POST", "/v1/me/totp", map[string]string{"password": "a long password"})
	require.True(t, strings.HasPrefix(started.URL, "otpauth://totp/Tienda:"), started.URL)
	code := func(from time.Time) string {
		t.Helper()
		code, err := totp.GenerateCode(started.Secret, from)
		require.NoError(t, err)
		return code
	}
	first := code(time.Now())
	kept := must[codes](t, c, http.StatusOK, "POST", "/v1/me/totp/confirm", map[string]string{"totp": first}).RecoveryCodes
	require.Len(t, kept, 10)

	require.Equal(t, "second_factor_required", guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password")).Code)
	require.Equal(t, "invalid_second_factor", guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password", "totp", first)).Code)
	must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password", "totp", code(time.Now().Add(30*time.Second))))
	must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password", "recovery_code", kept[0]))
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", passwordGrant(u.Email, "a long password", "recovery_code", kept[0]))
	require.Equal(t, state{true, 9}, must[state](t, c, http.StatusOK, "GET", "/v1/me/totp", nil))

	change := map[string]string{"current_password": "a long password", "new_password": "a longer password"}
	require.Equal(t, "second_factor_required", c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/me/password", change).Code)

	fresh := must[codes](t, c, http.StatusOK, "POST", "/v1/me/totp/recovery-codes", map[string]string{"password": "a long password", "recovery_code": kept[1]}).RecoveryCodes
	require.Len(t, fresh, 10)
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/me/totp", map[string]string{"password": "a long password", "recovery_code": fresh[0]})
	c.login(t, u.Email, "a long password")
}

func TestPasswordsThatEverybodyHas(t *testing.T) {
	for _, password := range []string{"password1", "Qwertyuiop", "someone@example.com"} {
		p := guest().refused(t, http.StatusUnprocessableEntity, "POST", "/v1/users", map[string]string{"email": "someone@example.com", "password": password, "name": "X"})
		require.Equal(t, []string{"/password"}, p.names())
	}
}

// An account of another system, with that system's hash, signs in twice: over
// the wrapped hash, and over the one that took its place.
func TestAnImportedHash(t *testing.T) {
	tokens, err := the.Tokens()
	require.NoError(t, err)
	email := "old" + uuid.NewString() + "@example.com"
	line := `{"email":"` + email + `","name":"O","password_hash":{"format":"sha1","hash":"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"}}`
	url := fmt.Sprintf("http://127.0.0.1:%d/internal/v1/import/users", the.Of("gateway")[0].HTTPPort)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(line))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("dapr-app-id", "users")
	req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.JSONEq(t, `{"accepted":1,"rejected":0,"errors":[]}`, string(body))
	for range 2 {
		guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", passwordGrant(email, "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"))
		guest().login(t, email, "password")
	}
}
