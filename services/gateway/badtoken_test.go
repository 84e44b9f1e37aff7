package main

import (
	"crypto/ed25519"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// badToken is one way in which a token is not good; code is what its holder is told.
type badToken struct {
	claims jwt.MapClaims  // over those of a good token of an admin; nil values are left out
	header map[string]any // over {kid, typ}
	key    any            // "" signs with the shop's own
	raw    string         // instead of all that
	code   string
}

// badTokens are the columns of the matrix that the end-to-end tests cannot make,
// for want of the shop's key: all else about them is right.
func badTokens(t *testing.T) map[string]badToken {
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	const invalid = "invalid_token"
	return map[string]badToken{
		"expired":                 {claims: jwt.MapClaims{"iat": time.Now().Add(-20 * time.Minute).Unix(), "exp": time.Now().Add(-10 * time.Minute).Unix()}, code: invalid},
		"not good yet":            {claims: jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}, code: invalid},
		"without an end":          {claims: jwt.MapClaims{"exp": nil}, code: invalid},
		"good for a day":          {claims: jwt.MapClaims{"exp": time.Now().Add(24 * time.Hour).Unix()}, code: invalid},
		"for another audience":    {claims: jwt.MapClaims{"aud": "another shop"}, code: invalid},
		"for nobody":              {claims: jwt.MapClaims{"aud": nil}, code: invalid},
		"of another issuer":       {claims: jwt.MapClaims{"iss": "https://issuer.example"}, code: invalid},
		"an ID token":             {header: map[string]any{"typ": "JWT"}, code: invalid},
		"signed by another":       {key: other, code: invalid},
		"of a key nobody has":     {header: map[string]any{"kid": "another"}, key: other, code: invalid},
		"with a key of its own":   {header: map[string]any{"jwk": map[string]any{"kty": "OKP"}}, code: invalid},
		"not signed":              {header: map[string]any{"alg": "none"}, key: jwt.UnsafeAllowNoneSignatureType, code: invalid},
		"of a session that ended": {claims: jwt.MapClaims{"sid": endedSession}, code: "session_ended"},
		"a refresh token":         {raw: strings.Repeat("A", 107), code: invalid},
	}
}

func (s *shop) bad(t *testing.T, b badToken) string {
	t.Helper()
	if b.raw != "" {
		return "Bearer " + b.raw
	}
	claims := jwt.MapClaims{"iss": "http://127.0.0.1:8080", "aud": "tienda", "jti": uuid.NewString(), "sub": uuid.NewString(),
		"client_id": "tienda", "sid": uuid.NewString(), "roles": []string{"admin"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for name, v := range b.claims {
		claims[name] = v
		if v == nil {
			delete(claims, name)
		}
	}
	var method jwt.SigningMethod = jwt.SigningMethodEdDSA
	var key any = s.key
	if b.key != nil {
		key = b.key
	}
	if b.header["alg"] == "none" {
		method = jwt.SigningMethodNone
	}
	tok := jwt.NewWithClaims(method, claims)
	tok.Header["kid"], tok.Header["typ"] = "k", "at+jwt"
	maps.Copy(tok.Header, b.header)
	signed, err := tok.SignedString(key)
	require.NoError(t, err)
	return "Bearer " + signed
}

// withoutToken are the gateway's own pages. They are the same for everybody and
// look at no token, so that a probe need not know of any.
var withoutToken = map[string]bool{"/": true, "/openapi.yaml": true, "/healthz": true, "/readyz": true}

// No operation of the public contract, those open to everybody among them, goes
// on with a token that is not good, and no app hears of it.
func TestNoOperationTakesABadToken(t *testing.T) {
	var asked atomic.Int32
	apps := func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"x","status":503,"code":"sent_on"}`)
	}
	s := start(t, apps, map[string]string{"GATEWAY_LIMIT_FACTOR": "1000"})
	good, kinds := s.bad(t, badToken{}), badTokens(t)
	sentOn := 0
	for _, op := range s.public.Operations() {
		path := strings.NewReplacer("{id}", uuid.NewString(), "{receipt}", uuid.NewString(), "{shipment}", uuid.NewString(), "{message}", uuid.NewString(), "{attachment}", uuid.NewString(), "{sku}", "A-1", "{slug}", "shirts", "{code}", "TEN", "{provider}", "sandbox", "{kind}", "stock").Replace(op.Path)
		asked.Store(0)
		require.NotEqual(t, http.StatusUnauthorized, s.do(t, op.Method, path, "", "Authorization", good).Code, "%s %s with a good one", op.Method, op.Path)
		sentOn += min(1, int(asked.Load()))
		asked.Store(0)
		for name, b := range kinds {
			w := s.do(t, op.Method, path, "", "Authorization", s.bad(t, b))
			if withoutToken[op.Path] {
				require.Equal(t, http.StatusOK, w.Code, op.Path)
				continue
			}
			require.Equal(t, http.StatusUnauthorized, w.Code, "%s %s with a token that is %s", op.Method, op.Path, name)
			require.Contains(t, w.Body.String(), b.code, name)
			require.NotEmpty(t, w.Header().Get("WWW-Authenticate"), name)
		}
		require.Zero(t, asked.Load(), "%s %s reached an app", op.Method, op.Path)
	}
	require.Greater(t, sentOn, 60, "a good token opens them")
	t.Logf("%d operations, %d kinds of token", len(s.public.Operations()), len(kinds))
}
