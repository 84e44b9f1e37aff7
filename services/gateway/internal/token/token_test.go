package token

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

const (
	issuer  = "https://shop.example"
	user    = "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a10"
	session = "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11"
)

// issuerOf plays the users app: it publishes keys and signs tokens.
type issuerOf struct {
	mu      sync.Mutex
	keys    map[string]ed25519.PrivateKey
	down    bool
	fetches atomic.Int32
	now     time.Time
}

func newIssuer(t testing.TB, kids ...string) *issuerOf {
	i := &issuerOf{keys: map[string]ed25519.PrivateKey{}, now: time.Now()}
	for _, kid := range kids {
		i.add(t, kid)
	}
	return i
}

func (i *issuerOf) add(t testing.TB, kid string) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[kid] = key
}

func (i *issuerOf) remove(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, kid)
}

func (i *issuerOf) time() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *issuerOf) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

func (i *issuerOf) fetch(context.Context) (JWKS, error) {
	i.fetches.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return JWKS{}, errors.New("down")
	}
	var set JWKS
	for kid, key := range i.keys {
		set.Keys = append(set.Keys, JWK{Kty: "OKP", Crv: "Ed25519", Kid: kid, Alg: "EdDSA", Use: "sig",
			X: base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))})
	}
	return set, nil
}

func (i *issuerOf) claims() jwt.MapClaims {
	now := i.time()
	return jwt.MapClaims{"iss": issuer, "aud": "tienda", "client_id": "tienda", "sub": user, "sid": session, "jti": "1",
		"roles": []string{"customer", "support_agent"}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
}

func (i *issuerOf) sign(t testing.TB, kid string, c jwt.MapClaims, header map[string]any) string {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["kid"], token.Header["typ"] = kid, "at+jwt"
	for k, v := range header {
		token.Header[k] = v
		if v == nil {
			delete(token.Header, k)
		}
	}
	s, err := token.SignedString(i.keys[kid])
	require.NoError(t, err)
	return s
}

func verifier(t testing.TB, i *issuerOf) *Verifier {
	k := NewKeys(i.fetch, i.time, slog.New(slog.DiscardHandler))
	require.NoError(t, k.refresh(t.Context(), 0))
	return NewVerifier(issuer, k, nobody)
}

func nobody(string) bool { return false }

func TestAGoodTokenGivesItsUser(t *testing.T) {
	i := newIssuer(t, "a", "b")
	v := verifier(t, i)
	for _, kid := range []string{"a", "b", "a"} {
		who, err := v.Verify(t.Context(), i.sign(t, kid, i.claims(), nil))
		require.NoError(t, err)
		require.Equal(t, caller.Caller{UserID: user, Session: session, Roles: []caller.Role{caller.Customer, caller.SupportAgent}}, who)
	}
	c := i.claims()
	c["roles"] = []string{"root", "customer", "customer", "admin\r\nTienda-User: x"}
	who, err := v.Verify(t.Context(), i.sign(t, "a", c, nil))
	require.NoError(t, err)
	require.Equal(t, []caller.Role{caller.Customer}, who.Roles, "unknown roles are left out")

	c = i.claims()
	delete(c, "roles")
	c["client_id"], c["scope"] = user, "orders:read everything orders:read  users:read\r\nTienda-Roles: admin"
	for range 2 { // the second time from memory
		who, err = v.Verify(t.Context(), i.sign(t, "a", c, nil))
		require.NoError(t, err)
		require.Equal(t, caller.Caller{UserID: user, Session: session, Scopes: []string{caller.OrdersRead, caller.UsersRead}}, who)
	}
}

func TestARememberedTokenEnds(t *testing.T) {
	i := newIssuer(t, "a", "b")
	v := verifier(t, i)
	token := i.sign(t, "a", i.claims(), nil)
	for range 2 {
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	require.Equal(t, 1, v.keys.set.Load().verified.order.Len())

	// A withdrawn key ends its tokens at the next read of the keys.
	i.remove("a")
	require.NoError(t, v.keys.refresh(t.Context(), 0))
	_, err := v.Verify(t.Context(), token)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))

	token = i.sign(t, "b", i.claims(), nil)
	_, err = v.Verify(t.Context(), token)
	require.NoError(t, err)
	i.pass(10*time.Minute + leeway)
	_, err = v.Verify(t.Context(), token)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err), "expired")
}

func TestAnUnknownKeyIsLookedUpOnceInAWhile(t *testing.T) {
	i := newIssuer(t, "a")
	v := verifier(t, i)
	i.pass(unknownPause)
	i.add(t, "new")
	before := i.fetches.Load()
	var wg sync.WaitGroup
	token := i.sign(t, "new", i.claims(), nil)
	for range 20 {
		wg.Go(func() {
			_, err := v.Verify(t.Context(), token)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	require.Equal(t, before+1, i.fetches.Load(), "one fetch serves all")

	forged := newIssuer(t, "forged")
	for range 20 {
		_, err := v.Verify(t.Context(), forged.sign(t, "forged", i.claims(), nil))
		require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
	}
	require.Equal(t, before+1, i.fetches.Load(), "forged tokens do not make us ask")
}

func TestWithoutKeysNobodyIsRefused(t *testing.T) {
	i := newIssuer(t, "a")
	i.down = true
	k := NewKeys(i.fetch, i.time, slog.New(slog.DiscardHandler))
	require.Error(t, k.refresh(t.Context(), 0))
	require.Error(t, k.Ready(t.Context()))
	_, err := NewVerifier(issuer, k, nobody).Verify(t.Context(), i.sign(t, "a", i.claims(), nil))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

func TestPartReadsTheKeysOnceTheyAreThere(t *testing.T) {
	i := newIssuer(t, "a")
	i.down = true
	k := NewKeys(i.fetch, i.time, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Part(ctx) }()
	require.Eventually(t, func() bool { return i.fetches.Load() > 1 }, 5*time.Second, 5*time.Millisecond)
	i.mu.Lock()
	i.down = false
	i.mu.Unlock()
	require.Eventually(t, func() bool { return k.Ready(ctx) == nil }, 5*time.Second, 5*time.Millisecond)
	stop()
	require.NoError(t, <-done)
}

func TestKeySets(t *testing.T) {
	x := base64.RawURLEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	set, err := JWKS{Keys: []JWK{
		{Kty: "OKP", Crv: "Ed25519", Kid: "good", X: x}, {Kty: "RSA", Kid: "rsa"}, {Kty: "OKP", Crv: "X25519", Kid: "dh", X: x},
		{Kty: "OKP", Crv: "Ed25519", Kid: "enc", Use: "enc", X: x}, {Kty: "OKP", Crv: "Ed25519", X: x},
	}}.keys()
	require.NoError(t, err)
	require.Len(t, set, 1)
	_, err = JWKS{Keys: []JWK{{Kty: "OKP", Crv: "Ed25519", Kid: "short", X: "AAAA"}}}.keys()
	require.ErrorContains(t, err, "short")
	_, err = JWKS{}.keys()
	require.Error(t, err)
}

func TestTheCacheIsBounded(t *testing.T) {
	c := newCache(3)
	later := time.Now().Add(time.Minute)
	key := func(n int) (d digest) { d[0] = byte(n); return d }
	for n := range 5 {
		c.put(key(n), caller.Caller{UserID: fmt.Sprint(n)}, later)
		c.get(key(0), time.Now())
	}
	require.Len(t, c.byKey, 3)
	_, ok := c.get(key(0), time.Now())
	require.True(t, ok, "used again and again")
	_, ok = c.get(key(2), time.Now())
	require.False(t, ok)
}
