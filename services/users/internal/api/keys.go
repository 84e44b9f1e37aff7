package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/token"
)

// discoveryKept is how long the discovery document may be kept.
const discoveryKept = time.Hour

// discovery is what OpenID Connect Discovery 1.0 and RFC 8414 require, as far as
// it is true here. There are no ID tokens and no authorization endpoint: the
// algorithm is that of the access tokens.
type discovery struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	Responses     []string `json:"response_types_supported"`
	Grants        []string `json:"grant_types_supported"`
	Auth          []string `json:"token_endpoint_auth_methods_supported"`
	Scopes        []string `json:"scopes_supported"`
	Subjects      []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Claims        []string `json:"claims_supported"`
	Docs          string   `json:"service_documentation"`
}

// discovery: no state call.
func (a *API) discovery(w http.ResponseWriter, r *http.Request) error {
	issuer := a.tokens.Config().Issuer
	return writeKept(w, r, discoveryKept, discovery{
		Issuer: issuer, TokenEndpoint: issuer + "/v1/auth/token", JWKS: issuer + "/.well-known/jwks.json",
		Responses: []string{}, Grants: []string{"password", "refresh_token", "client_credentials"},
		Auth: []string{"none", "client_secret_post"}, Scopes: caller.Scopes,
		Subjects: []string{"public"}, Algorithms: []string{"EdDSA"},
		Claims: []string{"iss", "aud", "sub", "client_id", "sid", "roles", "scope", "iat", "exp", "jti"},
		Docs:   issuer + "/openapi.yaml",
	})
}

// jwks: 1 state call, so that a key is published from the moment it is made.
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.tokens.Published(r.Context())
	if err != nil {
		return err
	}
	return writeKept(w, r, a.tokens.Config().Kept(), token.JWKS(keys))
}

// writeKept sends a document that may be kept for a while, or 304 to who has it.
func writeKept(w http.ResponseWriter, r *http.Request, kept time.Duration, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(kept.Seconds())))
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if known = strings.TrimPrefix(strings.TrimSpace(known), "W/"); known == tag || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	return httpapi.WriteRaw(w, http.StatusOK, body)
}

type keyAnswer struct {
	ID         string      `json:"kid"`
	State      token.State `json:"state"`
	X          string      `json:"x"`
	CreatedAt  time.Time   `json:"created_at"`
	SignsFrom  time.Time   `json:"signs_from"`
	SignsUntil *time.Time  `json:"signs_until,omitempty"`
	RemovedAt  *time.Time  `json:"removed_at,omitempty"`
}

func (a *API) writeKeys(w http.ResponseWriter, keys []token.SigningKey) error {
	out := listAnswer[keyAnswer]{Items: make([]keyAnswer, len(keys))}
	for i, k := range keys {
		out.Items[i] = keyAnswer{
			ID: k.ID, State: a.tokens.State(k), X: base64.RawURLEncoding.EncodeToString(k.Public),
			CreatedAt: k.CreatedAt, SignsFrom: k.SignsFrom, SignsUntil: k.SignsUntil, RemovedAt: k.RemovedAt,
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// listKeys: 1 state call.
func (a *API) listKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.tokens.Published(r.Context())
	if err != nil {
		return err
	}
	return a.writeKeys(w, keys)
}

// rotateKeys: 2 state calls.
func (a *API) rotateKeys(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Compromised bool `json:"compromised"`
	}
	if err := httpapi.Decode(r, &in); err != nil && !errors.Is(err, io.EOF) { // the body may be left out
		return err
	}
	keys, err := a.tokens.Rotate(r.Context(), in.Compromised)
	if err != nil {
		return err
	}
	return a.writeKeys(w, keys)
}

type revocationsAnswer struct {
	Now      time.Time `json:"now"`
	Sessions []string  `json:"sessions"`
	Keys     []string  `json:"keys"`
}

// listRevocations: 2 state calls.
func (a *API) listRevocations(w http.ResponseWriter, r *http.Request) error {
	var since time.Time
	if v := r.URL.Query().Get("since"); v != "" {
		since, _ = time.Parse(time.RFC3339Nano, v) // the contract has checked it
	}
	var out revocationsAnswer
	var err error
	if out.Sessions, out.Now, err = a.revoked.Since(r.Context(), since); err != nil {
		return err
	}
	keys, err := a.tokens.Published(r.Context())
	if err != nil {
		return err
	}
	for _, k := range keys {
		out.Keys = append(out.Keys, k.ID)
	}
	return httpapi.Write(w, http.StatusOK, out)
}
