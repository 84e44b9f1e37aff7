// Package shopper says whose cart and orders a request is about: a signed-in
// user's, or those of a guest who is known only by a token.
package shopper

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"tienda/internal/fault"
)

// Owner is whose a cart or an order is: "user:<user ID>" or "guest:<hash of
// the token>". The token itself is stored nowhere, so that who reads the
// store cannot act for a guest.
type Owner string

const (
	userPrefix  = "user:"
	guestPrefix = "guest:"
	tokenBytes  = 32
	hashDigits  = 32
)

// User gives the owner that a user is.
func User(id string) Owner { return Owner(userPrefix + id) }

// UserID gives the user behind an owner, "" for a guest.
func (o Owner) UserID() string {
	id, ok := strings.CutPrefix(string(o), userPrefix)
	if !ok {
		return ""
	}
	return id
}

// Shopper is who a request is from. A user may carry a guest token as well,
// from before signing in. The zero Shopper is nobody.
type Shopper struct {
	User  string // user ID, "" when not signed in
	Guest Owner  // owner behind the guest token, "" without one
}

// ErrNobody answers a request that needs a user or a guest token.
var ErrNobody = fault.New(fault.Unauthenticated, "sign_in", "Sign in, or send the guest token that your cart came with.")

// Owner gives whose cart the request works on, "" for nobody.
func (s Shopper) Owner() Owner {
	if s.User != "" {
		return User(s.User)
	}
	return s.Guest
}

// Joining gives the guest whose cart has to join the user's, "" if none has.
func (s Shopper) Joining() Owner {
	if s.User == "" {
		return ""
	}
	return s.Guest
}

// Owns says whether something of owner o is the shopper's to see.
func (s Shopper) Owns(o Owner) bool {
	return o != "" && (o == s.Owner() || o == s.Guest)
}

// NewToken makes a guest token: 32 random bytes in base64url.
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Guest gives the owner behind a guest token. An ill-formed one is
// fault.Invalid and names "Cart-Token".
func Guest(token string) (Owner, error) {
	if b, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(b) != tokenBytes {
		return "", fault.BadField("Cart-Token", "is not a guest token")
	}
	sum := sha256.Sum256([]byte(token))
	return Owner(guestPrefix + hex.EncodeToString(sum[:])[:hashDigits]), nil
}
