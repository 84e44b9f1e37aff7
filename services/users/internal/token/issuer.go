// Package token issues access tokens: short-lived JWTs in the form of RFC 9068,
// signed with an Ed25519 key, and the key set they are checked with. The keys
// change in the course of time; docs/adr/0014-signing-keys.md says how.
package token

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

const (
	// Audience is whom the access tokens are for.
	Audience = "tienda"
	// Shop is the client_id of those who sign in with a password: the shop's own
	// front, a public client.
	Shop = "tienda"
)

// ErrNoKey is what is answered while there is no key to sign with.
var ErrNoKey = fault.New(fault.Unavailable, "no_signing_key", "Signing in is not possible yet. Try again.").Elsewhere()

// Store keeps the signing keys, all in one document.
type Store interface {
	// Keys reads them; without any, an empty document.
	Keys(ctx context.Context) (Keys, error)
	// UpdateKeys changes them. It may run change several times.
	UpdateKeys(ctx context.Context, change func(*Keys) error) (Keys, error)
}

// Issuer signs access tokens once it has a key. Safe for concurrent use.
type Issuer struct {
	cfg   Config
	store Store
	now   func() time.Time

	sealer  atomic.Pointer[Sealer]
	signers atomic.Pointer[signers]
	mu      sync.Mutex // one use at a time, so that the newest reading stays
}

// signers are the keys as they were read, and who signs with them.
type signers struct {
	keys  Keys
	read  time.Time
	byKey map[string]jose.Signer
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
	ClientID string        `json:"client_id"`
	Session  string        `json:"sid"`
	Roles    []caller.Role `json:"roles,omitempty"`
	Scope    string        `json:"scope,omitempty"` // space separated
}

// NewIssuer gives an issuer without a key: see Keeper.
func NewIssuer(cfg Config, store Store, now func() time.Time) *Issuer {
	return &Issuer{cfg: cfg, store: store, now: now}
}

// Config gives what the issuer was made with.
func (i *Issuer) Config() Config { return i.cfg }

// State gives what a key is for now.
func (i *Issuer) State(k SigningKey) State { return k.State(i.now()) }

// Ready says whether there is a key to sign with; ErrNoKey.
func (i *Issuer) Ready(context.Context) error {
	_, err := i.signer(i.now())
	return err
}

// signer gives who signs now. A reading of the keys that is older than the
// overlap may miss a key that has taken over since, so it is not used.
func (i *Issuer) signer(now time.Time) (jose.Signer, error) {
	s := i.signers.Load()
	if s == nil || now.Sub(s.read) >= i.cfg.Overlap {
		return nil, ErrNoKey
	}
	for _, k := range s.keys.Keys {
		if k.State(now) == Active && s.byKey[k.ID] != nil {
			return s.byKey[k.ID], nil
		}
	}
	return nil, ErrNoKey
}

// Issue gives an access token of a user's session; ErrNoKey.
func (i *Issuer) Issue(userID, sessionID string, roles []caller.Role) (string, error) {
	return i.sign(claims{Claims: jwt.Claims{Subject: userID}, ClientID: Shop, Session: sessionID, Roles: roles})
}

// IssueMachine gives an access token of a service account: scopes and no roles;
// ErrNoKey.
func (i *Issuer) IssueMachine(clientID, sessionID string, scopes []string) (string, error) {
	return i.sign(claims{Claims: jwt.Claims{Subject: clientID}, ClientID: clientID, Session: sessionID, Scope: strings.Join(scopes, " ")})
}

func (i *Issuer) sign(c claims) (string, error) {
	now := i.now()
	signer, err := i.signer(now)
	if err != nil {
		return "", err
	}
	c.Audience, c.Issuer, c.ID = Audience, i.cfg.Issuer, uuid.NewString()
	c.IssuedAt, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(i.cfg.Lifetime))
	s, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return s, nil
}

// Published reads the keys that tokens may be checked with: all that may have
// signed one that is still good, and the next one. While the store is away, as
// they were read last. ErrNoKey before there are any. What is published is what
// this replica signs with from then on: a gateway asks each second.
func (i *Issuer) Published(ctx context.Context) ([]SigningKey, error) {
	read := i.now()
	keys, err := i.store.Keys(ctx)
	switch s := i.signers.Load(); {
	case err == nil && i.sealer.Load() != nil:
		_ = i.use(keys, read) // the keeper says what is wrong with a key
	case err != nil && s == nil:
		return nil, err
	case err != nil:
		keys = s.keys
	}
	out := keys.published(i.now())
	if len(out) == 0 {
		return nil, ErrNoKey
	}
	return out, nil
}

// JWKS gives keys as they are published.
func JWKS(keys []SigningKey) Set {
	set := Set{Keys: make([]Key, len(keys))}
	for i, k := range keys {
		set.Keys[i] = Key{Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Public), ID: k.ID, Alg: "EdDSA", Use: "sig"}
	}
	return set
}

// Rotate publishes a new key, which signs after the overlap; ErrRotating while
// one waits. With compromised, every key that there is stops being good at
// once, with all tokens that it has signed. It gives the keys as they are then.
func (i *Issuer) Rotate(ctx context.Context, compromised bool) ([]SigningKey, error) {
	keys, err := i.change(ctx, func(k *Keys, fresh SigningKey) error {
		if compromised {
			k.replace(fresh, i.now())
			return nil
		}
		return k.add(i.cfg, fresh, i.now())
	})
	if err != nil {
		return nil, err
	}
	return keys.published(i.now()), nil
}

// change writes the keys with a fresh one at hand, and uses them.
func (i *Issuer) change(ctx context.Context, do func(k *Keys, fresh SigningKey) error) (Keys, error) {
	sealer := i.sealer.Load()
	if sealer == nil {
		return Keys{}, ErrNoKey
	}
	fresh, err := sealer.newKey()
	if err != nil {
		return Keys{}, err
	}
	read := i.now()
	keys, err := i.store.UpdateKeys(ctx, func(k *Keys) error { return do(k, fresh) })
	if err != nil {
		return Keys{}, err
	}
	return keys, i.use(keys, read)
}

// use signs with keys from now on. A key that is published and cannot be opened
// is an error once it should sign: others may be in use meanwhile.
func (i *Issuer) use(keys Keys, read time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	old := i.signers.Load()
	if old != nil && old.read.After(read) {
		return nil
	}
	next := &signers{keys: keys, read: read, byKey: map[string]jose.Signer{}}
	var failed error
	for _, k := range keys.Keys {
		state := k.State(i.now())
		if state != Next && state != Active {
			continue
		}
		if old != nil && old.byKey[k.ID] != nil {
			next.byKey[k.ID] = old.byKey[k.ID]
			continue
		}
		private, err := i.sealer.Load().open(k)
		if err == nil {
			next.byKey[k.ID], err = newSigner(k.ID, private)
		}
		if err != nil {
			failed = err
		}
	}
	i.signers.Store(next)
	return failed
}

func newSigner(id string, private ed25519.PrivateKey) (jose.Signer, error) {
	s, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: id}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return s, nil
}
