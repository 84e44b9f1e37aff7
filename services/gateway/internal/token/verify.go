package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

const (
	issuer    = "tienda"
	audience  = "tienda"
	tokenType = "at+jwt" // RFC 9068
	leeway    = 30 * time.Second
	longest   = 4096 // bytes of a token
)

// errToken answers every token that does not hold, whatever the cause: the
// cause is for the log only.
var errToken = fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid. Sign in again, or renew it.")

// Verifier checks access tokens and remembers those that held.
type Verifier struct {
	keys   *Keys
	parser *jwt.Parser
}

// NewVerifier gives a verifier over the keys.
func NewVerifier(keys *Keys) *Verifier {
	return &Verifier{keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(keys.now), jwt.WithStrictDecoding(),
	)}
}

type claims struct {
	jwt.RegisteredClaims
	Roles   []string `json:"roles"`
	Session string   `json:"sid"`
}

// Verify gives the user that a token stands for. The error is Unauthenticated
// for a token that does not hold, Unavailable while there are no keys.
func (v *Verifier) Verify(ctx context.Context, token string) (caller.Caller, error) {
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
	if c.IssuedAt == nil {
		return caller.Caller{}, errors.New("no iat")
	}
	who := caller.Caller{UserID: user.String(), Session: session.String()}
	for _, r := range c.Roles {
		if role := caller.Role(r); slices.Contains(caller.Roles, role) && !slices.Contains(who.Roles, role) {
			who.Roles = append(who.Roles, role)
		}
	}
	return who, nil
}
