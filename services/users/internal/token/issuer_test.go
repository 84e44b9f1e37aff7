package token

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// memory is a Store; down makes it fail.
type memory struct {
	mu     sync.Mutex
	keys   Keys
	down   error
	writes int
}

func (m *memory) Keys(context.Context) (Keys, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Keys{Keys: append([]SigningKey(nil), m.keys.Keys...)}, m.down
}

func (m *memory) UpdateKeys(_ context.Context, change func(*Keys) error) (Keys, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := Keys{Keys: append([]SigningKey(nil), m.keys.Keys...)}
	if m.down != nil {
		return Keys{}, m.down
	}
	if err := change(&next); err != nil {
		return Keys{}, err
	}
	m.keys = next
	m.writes++
	return next, nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func secretOf(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

// started gives an issuer that has its first key.
func started(t *testing.T, m *memory, now func() time.Time) *Issuer {
	t.Helper()
	i := NewIssuer(rules(), m, now)
	s, err := NewSealer(sealKeyText())
	require.NoError(t, err)
	i.sealer.Store(s)
	_, err = i.turn(t.Context())
	require.NoError(t, err)
	return i
}

// read checks a token with another library than it is made with, by the keys
// that are published.
func read(t *testing.T, i *Issuer, text string) (*jwt.Token, error) {
	t.Helper()
	keys, err := i.Published(t.Context())
	require.NoError(t, err)
	return jwt.Parse(text, func(tok *jwt.Token) (any, error) {
		for _, k := range JWKS(keys).Keys {
			if k.ID == tok.Header["kid"] {
				x, err := base64.RawURLEncoding.DecodeString(k.X)
				return ed25519.PublicKey(x), err
			}
		}
		return nil, errors.New("unknown key")
	}, jwt.WithIssuer("https://shop.example"), jwt.WithAudience(Audience), jwt.WithValidMethods([]string{"EdDSA"}),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(i.now))
}

func TestIssue(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	i := started(t, &memory{}, func() time.Time { return now })
	text, err := i.Issue("user-1", "session-1", []caller.Role{caller.Customer, caller.Admin})
	require.NoError(t, err)
	parsed, err := read(t, i, text)
	require.NoError(t, err)
	keys, err := i.Published(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": keys[0].ID}, parsed.Header)
	c, ok := parsed.Claims.(jwt.MapClaims)
	require.True(t, ok)
	require.NotEmpty(t, c["jti"])
	delete(c, "jti")
	require.Equal(t, jwt.MapClaims{
		"iss": "https://shop.example", "aud": "tienda", "sub": "user-1", "client_id": "tienda", "sid": "session-1", "roles": []any{"customer", "admin"},
		"iat": float64(now.Unix()), "exp": float64(now.Add(Lifetime).Unix()),
	}, c)

	text, err = i.IssueMachine("account-1", "session-2", []string{"orders:read", "users:read"})
	require.NoError(t, err)
	parsed, err = read(t, i, text)
	require.NoError(t, err)
	c, _ = parsed.Claims.(jwt.MapClaims)
	delete(c, "jti")
	require.Equal(t, jwt.MapClaims{
		"iss": "https://shop.example", "aud": "tienda", "sub": "account-1", "client_id": "account-1", "sid": "session-2", "scope": "orders:read users:read",
		"iat": float64(now.Unix()), "exp": float64(now.Add(Lifetime).Unix()),
	}, c)
}

func TestTheSetHoldsNothingPrivate(t *testing.T) {
	i := started(t, &memory{}, time.Now)
	keys, err := i.Published(t.Context())
	require.NoError(t, err)
	private, err := i.sealer.Load().open(keys[0])
	require.NoError(t, err)
	b, err := json.Marshal(JWKS(keys))
	require.NoError(t, err)
	require.NotContains(t, string(b), base64.RawURLEncoding.EncodeToString(private.Seed()))
	require.NotContains(t, string(b), `"d"`)
	require.NotContains(t, string(b), keys[0].Sealed)
}

// The thumbprint of RFC 8037, appendix A.
func TestKeysAreNamedByThumbprint(t *testing.T) {
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	require.NoError(t, err)
	id, err := thumbprint(x)
	require.NoError(t, err)
	require.Equal(t, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", id)
}

// Tokens are issued and checked all the time while the key changes: none is
// refused while it is good, and the old key is refused when its last is not.
func TestARotationUnderWay(t *testing.T) {
	now := noon
	i := started(t, &memory{}, func() time.Time { return now })
	old, err := i.Published(t.Context())
	require.NoError(t, err)
	_, err = i.Rotate(t.Context(), false)
	require.NoError(t, err)
	_, err = i.Rotate(t.Context(), false)
	require.ErrorIs(t, err, ErrRotating)
	type issued struct {
		text string
		exp  time.Time
	}
	var good []issued
	var last string // token of the old key
	kids := map[any]bool{}
	for range 40 * 6 {
		now = now.Add(10 * time.Second)
		_, err := i.turn(t.Context())
		require.NoError(t, err)
		text, err := i.Issue("u", "s", nil)
		require.NoError(t, err)
		good = append(good, issued{text, now.Add(Lifetime)})
		for len(good) > 0 && !now.Before(good[0].exp) {
			good = good[1:]
		}
		for _, g := range good {
			parsed, err := read(t, i, g.text)
			require.NoError(t, err)
			kids[parsed.Header["kid"]] = true
			if parsed.Header["kid"] == old[0].ID {
				last = g.text
			}
		}
	}
	require.Len(t, kids, 2)
	parsed, err := read(t, i, last)
	require.ErrorContains(t, err, "unknown key", "%v", parsed)
}

func TestACompromisedKeyIsReplaced(t *testing.T) {
	i := started(t, &memory{}, time.Now)
	text, err := i.Issue("u", "s", nil)
	require.NoError(t, err)
	keys, err := i.Rotate(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	_, err = read(t, i, text)
	require.ErrorContains(t, err, "unknown key")
	text, err = i.Issue("u", "s", nil)
	require.NoError(t, err)
	_, err = read(t, i, text)
	require.NoError(t, err)
}

// While the store is away the last reading serves, but a replica that may have
// missed a rotation does not sign.
func TestWithoutTheStore(t *testing.T) {
	now := noon
	m := &memory{}
	i := started(t, m, func() time.Time { return now })
	m.fail(errors.New("away"))
	_, err := i.turn(t.Context())
	require.Error(t, err)
	now = now.Add(i.cfg.Overlap - 1)
	require.NoError(t, i.Ready(t.Context()))
	_, err = i.Published(t.Context())
	require.NoError(t, err)
	now = now.Add(1)
	require.ErrorIs(t, i.Ready(t.Context()), ErrNoKey)
	_, err = i.Issue("u", "s", nil)
	require.ErrorIs(t, err, ErrNoKey)
	m.fail(nil)
	_, err = i.turn(t.Context())
	require.NoError(t, err)
	require.NoError(t, i.Ready(t.Context()))
}

func TestWithoutAKey(t *testing.T) {
	i := NewIssuer(rules(), &memory{}, time.Now)
	_, err := i.Issue("u", "s", nil)
	require.ErrorIs(t, err, ErrNoKey)
	_, err = i.Published(t.Context())
	require.ErrorIs(t, err, ErrNoKey)
	_, err = i.Rotate(t.Context(), false)
	require.ErrorIs(t, err, ErrNoKey)
}

// Three replicas start over an empty store and run for a day: at each turn one of
// them makes the key, and all sign with it.
func TestReplicasMakeOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, secret := &memory{}, sealKeyText()
		cfg := rules()
		cfg.Rotation = 2 * time.Hour
		ctx, stop := context.WithCancel(t.Context())
		var replicas []*Issuer
		var wg sync.WaitGroup
		for range 3 {
			i := NewIssuer(cfg, m, time.Now)
			replicas = append(replicas, i)
			wg.Go(func() { _ = Keeper(i, secretOf(secret), slog.New(slog.DiscardHandler))(ctx) })
		}
		synctest.Wait()
		for range 12 {
			kids := map[any]bool{}
			for _, i := range replicas {
				text, err := i.Issue("u", "s", nil)
				require.NoError(t, err)
				for _, by := range replicas {
					tok, err := read(t, by, text)
					require.NoError(t, err)
					kids[tok.Header["kid"]] = true
				}
			}
			require.Len(t, kids, 1)
			time.Sleep(cfg.Rotation)
			synctest.Wait()
		}
		stop()
		wg.Wait()
		require.Equal(t, 13, m.writes, "one key each two hours")
	})
}

func TestKeeperTriesUntilItHasTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := NewIssuer(rules(), &memory{}, time.Now)
		var log strings.Builder
		good := sealKeyText()
		answers := []struct {
			text string
			err  error
		}{{"", errors.New("no sidecar")}, {"not a key", nil}, {good, nil}}
		secret := func(context.Context) (string, error) {
			a := answers[0]
			answers = answers[1:]
			return a.text, a.err
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		require.NoError(t, Keeper(i, secret, slog.New(slog.NewTextHandler(&log, nil)))(ctx), "a stop is no failure")
		require.NoError(t, i.Ready(ctx))
		require.Empty(t, answers)
		require.NotContains(t, log.String(), good)
		require.Contains(t, log.String(), "a new signing key was made")
	})
}

// A replica with another key-encryption key cannot sign, says so, and leaves the
// keys as they are.
func TestAWrongSecretChangesNothing(t *testing.T) {
	m := &memory{}
	right := started(t, m, time.Now)
	wrong := NewIssuer(rules(), m, time.Now)
	s, err := NewSealer(sealKeyText())
	require.NoError(t, err)
	wrong.sealer.Store(s)
	_, err = wrong.turn(t.Context())
	require.ErrorContains(t, err, "not among those of the secret store")
	require.ErrorIs(t, wrong.Ready(t.Context()), ErrNoKey)
	require.NoError(t, right.Ready(t.Context()))
	require.Equal(t, 1, m.writes)
}

// A replica that publishes what another one has made signs with it, too.
func TestWhatIsPublishedSigns(t *testing.T) {
	m, secret := &memory{}, sealKeyText()
	var both []*Issuer
	for range 2 {
		i := NewIssuer(rules(), m, time.Now)
		s, err := NewSealer(secret)
		require.NoError(t, err)
		i.sealer.Store(s)
		_, err = i.turn(t.Context())
		require.NoError(t, err)
		both = append(both, i)
	}
	_, err := both[0].Rotate(t.Context(), true)
	require.NoError(t, err)
	stale, err := both[1].Issue("u", "s", nil)
	require.NoError(t, err)
	_, err = read(t, both[1], stale) // reads what is published
	require.ErrorContains(t, err, "unknown key")
	text, err := both[1].Issue("u", "s", nil)
	require.NoError(t, err)
	_, err = read(t, both[0], text)
	require.NoError(t, err)
}
