package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// The key of RFC 8037, appendix A, with the thumbprint that it states.
const (
	rfcKey   = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfcPrint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
)

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func rfcPEM(t *testing.T) string {
	t.Helper()
	seed, err := base64.RawURLEncoding.DecodeString(rfcKey)
	require.NoError(t, err)
	return pemOf(t, ed25519.NewKeyFromSeed(seed))
}

// The token is read with another library than it is made with.
func TestIssue(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	i := NewIssuer(func() time.Time { return now })
	require.NoError(t, i.UseKey(rfcPEM(t)))
	text, err := i.Issue("user-1", "session-1", []caller.Role{caller.Customer, caller.Admin})
	require.NoError(t, err)

	set, err := i.Public()
	require.NoError(t, err)
	require.Len(t, set.Keys, 1)
	require.Equal(t, rfcPrint, set.Keys[0].ID)

	parsed, err := jwt.Parse(text, func(tok *jwt.Token) (any, error) {
		require.Equal(t, map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": rfcPrint}, tok.Header)
		x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
		return ed25519.PublicKey(x), err
	}, jwt.WithIssuer(Name), jwt.WithAudience(Name), jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	require.NoError(t, err)
	c, ok := parsed.Claims.(jwt.MapClaims)
	require.True(t, ok)
	require.NotEmpty(t, c["jti"])
	delete(c, "jti")
	require.Equal(t, jwt.MapClaims{
		"iss": "tienda", "aud": "tienda", "sub": "user-1", "sid": "session-1", "roles": []any{"customer", "admin"},
		"iat": float64(now.Unix()), "exp": float64(now.Add(Lifetime).Unix()),
	}, c)
}

func TestTheSetHoldsNothingPrivate(t *testing.T) {
	i := NewIssuer(time.Now)
	require.NoError(t, i.UseKey(rfcPEM(t)))
	set, err := i.Public()
	require.NoError(t, err)
	b, err := json.Marshal(set)
	require.NoError(t, err)
	require.NotContains(t, string(b), rfcKey)
	require.NotContains(t, string(b), `"d"`)
}

func TestWrongKeys(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty": "", "no PEM": "secret", "no PKCS #8": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "ECDSA": pemOf(t, ec),
	} {
		t.Run(name, func(t *testing.T) {
			i := NewIssuer(time.Now)
			require.Error(t, i.UseKey(text))
			require.ErrorIs(t, i.Ready(t.Context()), ErrNoKey)
			_, err := i.Issue("u", "s", nil)
			require.ErrorIs(t, err, ErrNoKey)
			_, err = i.Public()
			require.ErrorIs(t, err, ErrNoKey)
		})
	}
}

func TestLoaderTriesUntilItHasTheKey(t *testing.T) {
	i := NewIssuer(time.Now)
	var log strings.Builder
	answers := []struct {
		pem string
		err error
	}{{"", errors.New("no sidecar")}, {"not a key", nil}, {rfcPEM(t), nil}}
	read := func(context.Context) (string, error) {
		a := answers[0]
		answers = answers[1:]
		return a.pem, a.err
	}
	require.NoError(t, Loader(i, read, slog.New(slog.NewTextHandler(&log, nil)))(t.Context()))
	require.NoError(t, i.Ready(t.Context()))
	require.Empty(t, answers)
	require.NotContains(t, log.String(), "PRIVATE")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := func(context.Context) (string, error) { return "", errors.New("gone") }
	require.NoError(t, Loader(NewIssuer(time.Now), none, slog.New(slog.DiscardHandler))(ctx), "a stop is no failure")
}
