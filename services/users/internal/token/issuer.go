// Package token issues access tokens: short-lived JWTs in the form of RFC 9068,
// signed with the shop's Ed25519 key, and the key set they are checked with.
package token

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Name is both issuer and audience of the access tokens.
const Name = "tienda"

// Lifetime is how long an access token is good.
const Lifetime = 10 * time.Minute

// ErrNoKey is what is answered before the signing key has been read.
var ErrNoKey = fault.New(fault.Unavailable, "no_signing_key", "Signing in is not possible yet. Try again.")

// Issuer signs access tokens once it has its key. Safe for concurrent use.
type Issuer struct {
	now  func() time.Time
	keys atomic.Pointer[keys]
}

type keys struct {
	signer jose.Signer
	set    Set
}

// Set is a JSON Web Key Set (RFC 7517).
type Set struct {
	Keys []Key `json:"keys"`
}

// Key is a public Ed25519 key (RFC 8037).
type Key struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"` // base64url
	ID    string `json:"kid"`
	Alg   string `json:"alg"`
	Use   string `json:"use"`
}

type claims struct {
	jwt.Claims

	Audience string        `json:"aud"` // one string, where jwt.Claims would write a list
	Roles    []caller.Role `json:"roles"`
	Session  string        `json:"sid"`
}

// NewIssuer gives an issuer without a key: see UseKey.
func NewIssuer(now func() time.Time) *Issuer { return &Issuer{now: now} }

// UseKey takes a PKCS #8 PEM of an Ed25519 key to sign with. The key's ID is
// its RFC 7638 thumbprint, so that every replica names it alike.
func (i *Issuer) UseKey(pemText string) error {
	block, _ := pem.Decode([]byte(pemText))
	if block == nil {
		return errors.New("token: the signing key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return errors.New("token: the signing key is not PKCS #8") // the cause could quote it
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return fmt.Errorf("token: the signing key is %T, not Ed25519", parsed)
	}
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("token: the signing key has no public half")
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return fmt.Errorf("token: thumbprint: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(sum)
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: id}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	i.keys.Store(&keys{signer: signer, set: Set{Keys: []Key{{
		Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public), ID: id, Alg: "EdDSA", Use: "sig",
	}}}})
	return nil
}

// Ready says whether there is a key; ErrNoKey.
func (i *Issuer) Ready(context.Context) error {
	if i.keys.Load() == nil {
		return ErrNoKey
	}
	return nil
}

// Issue gives an access token of a user's session; ErrNoKey.
func (i *Issuer) Issue(userID, sessionID string, roles []caller.Role) (string, error) {
	k := i.keys.Load()
	if k == nil {
		return "", ErrNoKey
	}
	now := i.now()
	s, err := jwt.Signed(k.signer).Claims(claims{
		Claims: jwt.Claims{
			Issuer: Name, Subject: userID, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(Lifetime)),
		},
		Audience: Name, Roles: roles, Session: sessionID,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return s, nil
}

// Public gives the keys to check tokens with; ErrNoKey.
func (i *Issuer) Public() (Set, error) {
	k := i.keys.Load()
	if k == nil {
		return Set{}, ErrNoKey
	}
	return k.set, nil
}
