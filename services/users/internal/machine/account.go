// Package machine is the service accounts: programs that call the shop with a
// client ID and a secret of their own, and may do what their scopes say.
package machine

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Prefix is what every secret begins with, so that scanners of source code and
// logs can know one.
const Prefix = "tienda_sa_"

const secretBytes = 32

// What the rules of this package refuse.
var (
	ErrClient = fault.New(fault.Unauthenticated, "invalid_client", "There is no such service account, or the secret is wrong.")
	ErrScope  = fault.New(fault.Invalid, "invalid_scope", "The service account may not do that.").At("/scope", "is not among its scopes")
	errGone   = fault.New(fault.Conflict, "service_account_revoked", "The service account is revoked. Make another one.")
)

// Account is one service account. Its JSON form is how it is stored.
type Account struct {
	ID         string     `json:"id"` // UUIDv7; the client ID
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	SecretHash []byte     `json:"secret_hash"` // SHA-256: the secret is random
	Session    string     `json:"session"`     // what its tokens end with; another one with each secret
	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by"` // the admin
	SecretAt   time.Time  `json:"secret_at"`  // when the secret was made
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`

	ended []string
}

// Ended lists the sessions that were ended since the account was read.
func (a *Account) Ended() []string { return slices.Clone(a.ended) }

// create gives an account and its secret.
func create(by, name string, scopes []string, now time.Time) (Account, string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return Account{}, "", fault.New(fault.Unprocessable, "invalid_value", "A value is well formed, but cannot be used.").At("/name", "is blank")
	}
	a := Account{ID: uuid.Must(uuid.NewV7()).String(), Name: name, Scopes: normal(scopes), CreatedAt: now.UTC(), CreatedBy: by}
	return a, a.newSecret(now), nil
}

// normal gives known scopes in their fixed order, each once.
func normal(scopes []string) (out []string) {
	for _, s := range caller.Scopes {
		if slices.Contains(scopes, s) {
			out = append(out, s)
		}
	}
	return out
}

func (a *Account) newSecret(now time.Time) string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails since Go 1.24
	secret := Prefix + base64.RawURLEncoding.EncodeToString(b)
	a.SecretHash = hash(secret)
	if a.Session != "" {
		a.ended = append(a.ended, a.Session)
	}
	a.Session, a.SecretAt = uuid.Must(uuid.NewV7()).String(), now.UTC()
	return secret
}

// rotate gives another secret; the one before and its tokens are good no more.
func (a *Account) rotate(now time.Time) (string, error) {
	if a.RevokedAt != nil {
		return "", errGone
	}
	return a.newSecret(now), nil
}

// revoke ends the account for good. A second time changes nothing.
func (a *Account) revoke(now time.Time) {
	if a.RevokedAt == nil {
		at := now.UTC()
		a.RevokedAt, a.ended = &at, append(a.ended, a.Session)
	}
}

// check holds a secret to the account, in the same time whatever is wrong.
func (a *Account) check(secret string) bool {
	same := subtle.ConstantTimeCompare(hash(secret), a.SecretHash) == 1
	return same && a.RevokedAt == nil && a.ID != ""
}

// grant gives the scopes of a token: those that are asked for, which must be
// the account's; all where none is named.
func (a *Account) grant(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return a.Scopes, nil
	}
	for _, s := range asked {
		if !slices.Contains(a.Scopes, s) {
			return nil, ErrScope
		}
	}
	return normal(asked), nil
}

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
