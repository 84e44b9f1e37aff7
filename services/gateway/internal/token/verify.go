package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

const (
	audience  = "tienda"
	shop      = "tienda" // client_id of those who sign in with a password
	tokenType = "at+jwt" // RFC 9068
	leeway    = 30 * time.Second
	longest   = 4096 // bytes of a token
	// longestLife is how long a token may be good: for so long revoked sessions
	// are remembered.
	longestLife = 10 * time.Minute
)

// errToken answers every token that does not hold, whatever the cause: the
// cause is for the log only.
var errToken = fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid. Sign in again, or renew it.")

// errEnded answers the token of a session that was ended: to renew it is no use.
var errEnded = fault.New(fault.Unauthenticated, "session_ended", "The session of this access token has ended. Sign in again.")

// Verifier checks access tokens and remembers those that held.
type Verifier struct {
	keys    *Keys
	revoked func(session string) bool
	parser  *jwt.Parser
}

// NewVerifier gives a verifier of an issuer's tokens over its keys. revoked says
// whether a session has ended; it is asked at every check, the remembered tokens
// included.
func NewVerifier(issuer string, keys *Keys, revoked func(session string) bool) *Verifier {
	return &Verifier{keys: keys, revoked: revoked, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(keys.now), jwt.WithStrictDecoding(),
	)}
}

type claims struct {
	jwt.RegisteredClaims
	ClientID string   `json:"client_id"`
	Session  string   `json:"sid"`
	Roles    []string `json:"roles"`
	Scope    string   `json:"scope"`
}

// Verify gives the user or the service account that a token stands for. The error
// is Unauthenticated for a token that does not hold, or whose session has ended,
// Unavailable while there are no keys.
func (v *Verifier) Verify(ctx context.Context, token string) (caller.Caller, error) {
	who, err := v.holds(ctx, token)
	if err == nil && v.revoked(who.Session) {
		return caller.Caller{}, errEnded
	}
	return who, err
}

func (v *Verifier) holds(ctx context.Context, token string) (caller.Caller, error) {
	if len(token) > longest {
		return caller.Caller{}, errToken.Because(errors.New("too long"))
	}
	digest := sha256.Sum256([]byte(token))
	if set := v.keys.set.Load(); set != nil {
		if c, ok := set.verified.get(digest, v.keys.now()); ok {
			return c, nil
		}
	}
	var used *keySet
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, err := headerFits(t.Header)
		if err != nil {
			return nil, err
		}
		if used, err = v.keys.current(ctx, kid); err != nil {
			return nil, err
		}
		key, ok := used.byID[kid]
		if !ok {
			return nil, fmt.Errorf("unknown key %.64q", kid)
		}
		return key, nil
	})
	if errors.Is(err, ErrNoKeys) {
		return caller.Caller{}, ErrNoKeys
	}
	if err != nil {
		return caller.Caller{}, errToken.Because(err)
	}
	who, err := c.caller()
	if err != nil {
		return caller.Caller{}, errToken.Because(err)
	}
	used.verified.put(digest, who, c.ExpiresAt.Add(leeway))
	return who, nil
}

// headerFits refuses tokens of another type, and those that bring a key of
// their own or demand an extension.
func headerFits(h map[string]any) (kid string, err error) {
	if h["typ"] != tokenType {
		return "", errors.New("not an access token")
	}
	for _, name := range []string{"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "crit"} {
		if _, there := h[name]; there {
			return "", fmt.Errorf("header %s is not taken", name)
		}
	}
	kid, _ = h["kid"].(string)
	if kid == "" {
		return "", errors.New("no kid")
	}
	return kid, nil
}

// caller gives the identity. It becomes header values: so IDs must be UUIDs,
// and roles that are not known are left out.
func (c claims) caller() (caller.Caller, error) {
	user, err := uuid.Parse(c.Subject)
	if err != nil {
		return caller.Caller{}, fmt.Errorf("sub: %w", err)
	}
	session, err := uuid.Parse(c.Session)
	if err != nil {
		return caller.Caller{}, fmt.Errorf("sid: %w", err)
	}
	switch {
	case c.IssuedAt == nil:
		return caller.Caller{}, errors.New("no iat")
	case c.ExpiresAt.Sub(c.IssuedAt.Time) > longestLife:
		return caller.Caller{}, errors.New("good for too long")
	case c.ID == "":
		return caller.Caller{}, errors.New("no jti")
	}
	who := caller.Caller{UserID: user.String(), Session: session.String()}
	if c.ClientID == c.Subject {
		return c.machine(who)
	}
	if c.ClientID != shop || c.Scope != "" {
		return caller.Caller{}, fmt.Errorf("client_id %.64q is not the shop's own, or a user with scopes", c.ClientID)
	}
	for _, r := range c.Roles {
		if role := caller.Role(r); slices.Contains(caller.Roles, role) && !slices.Contains(who.Roles, role) {
			who.Roles = append(who.Roles, role)
		}
	}
	return who, nil
}

// machine gives the identity of a service account: scopes and no roles. One that
// is not known is left out, and one at least must be left.
func (c claims) machine(who caller.Caller) (caller.Caller, error) {
	if len(c.Roles) > 0 {
		return caller.Caller{}, errors.New("a service account with roles")
	}
	for s := range strings.FieldsSeq(c.Scope) {
		if slices.Contains(caller.Scopes, s) && !slices.Contains(who.Scopes, s) {
			who.Scopes = append(who.Scopes, s)
		}
	}
	if !who.Machine() {
		return caller.Caller{}, errors.New("a service account without scopes")
	}
	return who, nil
}
