package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func part(t testing.TB, v any) string {
	t.Helper()
	js, err := json.Marshal(v)
	require.NoError(t, err)
	return b64(js)
}

// forger makes tokens that nobody may take.
type forger struct {
	i         *issuerOf // the shop's, with the key "a"
	evil      *issuerOf // a stranger's, with keys "a" and "x"
	good      string
	h, c, sig string // the parts of good
}

func newForger(t testing.TB, i *issuerOf) forger {
	f := forger{i: i, evil: newIssuer(t, "a", "x"), good: i.sign(t, "a", i.claims(), nil)}
	p := strings.Split(f.good, ".")
	f.h, f.c, f.sig = p[0], p[1], p[2]
	return f
}

func (f forger) public() ed25519.PublicKey { return f.i.keys["a"].Public().(ed25519.PublicKey) }

// claims are good ones with one of them changed; nil takes it away.
func (f forger) claims(name string, value any) jwt.MapClaims {
	c := f.i.claims()
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

// header is a good one with names and values changed.
func (f forger) header(pairs ...any) map[string]any {
	h := map[string]any{"alg": "EdDSA", "kid": "a", "typ": "at+jwt"}
	for n := 0; n+1 < len(pairs); n += 2 {
		h[pairs[n].(string)] = pairs[n+1]
	}
	return h
}

// withClaim and withHeader are signed by the shop's own key, so that nothing but
// the change can be why they are refused.
func (f forger) withClaim(t testing.TB, name string, value any) string {
	return f.i.sign(t, "a", f.claims(name, value), nil)
}

func (f forger) withHeader(t testing.TB, name string, value any) string {
	return f.i.sign(t, "a", f.i.claims(), map[string]any{name: value})
}

// signRaw signs header and claims that no library would write.
func (f forger) signRaw(header, claims string) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(ed25519.Sign(f.i.keys["a"], []byte(text)))
}

// signAs signs with another algorithm, under the name of the shop's key.
func (f forger) signAs(t testing.TB, method jwt.SigningMethod, key any) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, f.i.claims())
	tok.Header["kid"], tok.Header["typ"] = "a", "at+jwt"
	s, err := tok.SignedString(key)
	require.NoError(t, err)
	return s
}

// malleable gives a signature that satisfies the equation and is not canonical:
// S + L in place of S.
func (f forger) malleable(t testing.TB) string {
	sig, err := base64.RawURLEncoding.DecodeString(f.sig)
	require.NoError(t, err)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := make([]byte, 32)
	for n := range s {
		s[n] = sig[63-n] // little-endian
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	for n := range sum {
		sig[63-n] = sum[n]
	}
	return f.h + "." + f.c + "." + b64(sig)
}

func (f forger) corpus(t testing.TB) map[string]string {
	now := f.i.time()
	der, err := x509.MarshalPKIXPublicKey(f.public())
	require.NoError(t, err)
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk, err := json.Marshal(JWK{Kty: "OKP", Crv: "Ed25519", X: b64(f.public()), Kid: "a", Alg: "EdDSA", Use: "sig"})
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	evilX := b64(f.evil.keys["x"].Public().(ed25519.PublicKey))
	evilJWK := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": evilX}
	unsigned := func(alg string) string { return part(t, f.header("alg", alg)) + "." + f.c + "." }
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte(part(t, f.header("alg", "HS256")) + "." + f.c))
	claims, err := json.Marshal(f.i.claims())
	require.NoError(t, err)
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: &ec.PublicKey, KeyID: "a"}, (&jose.EncrypterOptions{}).WithType("at+jwt"))
	require.NoError(t, err)
	jwe, err := encrypter.Encrypt(claims)
	require.NoError(t, err)
	encrypted, err := jwe.CompactSerialize()
	require.NoError(t, err)
	machine := f.i.claims()
	delete(machine, "roles")
	machine["client_id"] = user
	with := func(base jwt.MapClaims, name string, value any) jwt.MapClaims {
		c := jwt.MapClaims{}
		for k, v := range base {
			c[k] = v
		}
		c[name] = value
		return c
	}

	return map[string]string{
		// no token at all, or pieces of one
		"empty":                           "",
		"a word":                          "x",
		"dots only":                       "..",
		"header and claims":               f.h + "." + f.c,
		"empty signature":                 f.h + "." + f.c + ".",
		"no header":                       "." + f.c + "." + f.sig,
		"no claims":                       f.h + ".." + f.sig,
		"four parts":                      f.good + ".x",
		"blank after it":                  f.good + " ",
		"blank before it":                 " " + f.good,
		"line end inside":                 f.h + "\n." + f.c + "." + f.sig,
		"NUL after it":                    f.good + "\x00",
		"padded":                          f.good + "==",
		"standard base64 in place of URL": f.h + "." + f.c + ".+/" + f.sig[2:],
		"two tokens":                      f.good + "," + f.good,
		"JSON serialization":              `{"protected":"` + f.h + `","payload":"` + f.c + `","signature":"` + f.sig + `"}`,
		"JWE":                             encrypted,
		"over 4096 bytes":                 f.withClaim(t, "jti", strings.Repeat("x", longest)),
		// another signature
		"truncated signature":            f.good[:len(f.good)-2],
		"signature with a trailing byte": f.good + "AA",
		"signature of zeros":             f.h + "." + f.c + "." + b64(make([]byte, 64)),
		"signature that is malleable":    f.malleable(t),
		"signature of another token":     f.h + "." + part(t, f.claims("sub", session)) + "." + f.sig,
		"claims of another token":        f.h + "." + part(t, f.claims("roles", []string{"admin"})) + "." + f.sig,
		"header of another token":        part(t, f.header("kid", "a", "x", 1)) + "." + f.c + "." + f.sig,
		"signed by a stranger, our kid":  f.evil.sign(t, "a", f.i.claims(), nil),
		"signed by a stranger, his kid":  f.evil.sign(t, "x", f.i.claims(), nil),
		"non-canonical base64":           f.good[:len(f.good)-1] + string(f.good[len(f.good)-1]+1),
		// another algorithm
		"alg none":                          unsigned("none"),
		"alg None":                          unsigned("None"),
		"alg NONE":                          unsigned("NONE"),
		"alg nOnE with a signature":         unsigned("nOnE") + f.sig,
		"alg none, a library's":             f.signAs(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"alg empty":                         unsigned("") + f.sig,
		"alg null":                          part(t, f.header("alg", nil)) + "." + f.c + "." + f.sig,
		"alg that is a list":                part(t, f.header("alg", []string{"EdDSA"})) + "." + f.c + "." + f.sig,
		"alg in small letters":              f.signRaw(`{"alg":"eddsa","kid":"a","typ":"at+jwt"}`, string(claims)),
		"alg Ed25519, fully specified":      f.signRaw(`{"alg":"Ed25519","kid":"a","typ":"at+jwt"}`, string(claims)),
		"alg Ed448":                         f.signRaw(`{"alg":"Ed448","kid":"a","typ":"at+jwt"}`, string(claims)),
		"no alg":                            f.signRaw(`{"kid":"a","typ":"at+jwt"}`, string(claims)),
		"HS256, the public key's bytes":     f.signAs(t, jwt.SigningMethodHS256, []byte(f.public())),
		"HS256, the public key's PEM":       f.signAs(t, jwt.SigningMethodHS256, pemText),
		"HS256, the public key's DER":       f.signAs(t, jwt.SigningMethodHS256, der),
		"HS256, the public key's base64":    f.signAs(t, jwt.SigningMethodHS256, []byte(b64(f.public()))),
		"HS256, the public JWK":             f.signAs(t, jwt.SigningMethodHS256, jwk),
		"HS384, the public key's bytes":     f.signAs(t, jwt.SigningMethodHS384, []byte(f.public())),
		"HS512, the public key's bytes":     f.signAs(t, jwt.SigningMethodHS512, []byte(f.public())),
		"HS256, an empty key":               part(t, f.header("alg", "HS256")) + "." + f.c + "." + b64(mac.Sum(nil)),
		"RS256":                             f.signAs(t, jwt.SigningMethodRS256, rs),
		"PS256":                             f.signAs(t, jwt.SigningMethodPS256, rs),
		"ES256":                             f.signAs(t, jwt.SigningMethodES256, ec),
		"our alg, an ES256 signature of it": part(t, f.header()) + "." + f.c + "." + strings.Split(f.signAs(t, jwt.SigningMethodES256, ec), ".")[2],
		// another header
		"no kid":                         f.withHeader(t, "kid", nil),
		"kid that is a number":           f.withHeader(t, "kid", 7),
		"kid that is a list":             f.withHeader(t, "kid", []string{"a"}),
		"kid that is empty":              f.withHeader(t, "kid", ""),
		"kid that is a path":             f.withHeader(t, "kid", "../../../../dev/null"),
		"kid that is SQL":                f.withHeader(t, "kid", "a' UNION SELECT 'a"),
		"kid that is a URL":              f.withHeader(t, "kid", "http://127.0.0.1/key"),
		"kid with a blank":               f.withHeader(t, "kid", "a "),
		"kid in another case":            f.withHeader(t, "kid", "A"),
		"no typ":                         f.withHeader(t, "typ", nil),
		"typ JWT":                        f.withHeader(t, "typ", "JWT"),
		"typ of an ID token":             f.withHeader(t, "typ", "id_token+jwt"),
		"typ of a logout token":          f.withHeader(t, "typ", "logout+jwt"),
		"typ that is a list":             f.withHeader(t, "typ", []string{"at+jwt"}),
		"jwk of a stranger":              f.evil.sign(t, "x", f.i.claims(), map[string]any{"kid": "a", "jwk": evilJWK}),
		"jwk, rightly signed":            f.withHeader(t, "jwk", evilJWK),
		"jku, rightly signed":            f.withHeader(t, "jku", "http://127.0.0.1/keys"),
		"jku of a stranger":              f.evil.sign(t, "x", f.i.claims(), map[string]any{"jku": "https://evil.example/keys"}),
		"x5u, rightly signed":            f.withHeader(t, "x5u", "http://127.0.0.1/cert"),
		"x5c, rightly signed":            f.withHeader(t, "x5c", []string{base64.StdEncoding.EncodeToString(der)}),
		"x5t, rightly signed":            f.withHeader(t, "x5t", "AAAA"),
		"x5t#S256, rightly signed":       f.withHeader(t, "x5t#S256", "AAAA"),
		"crit b64":                       f.withHeader(t, "crit", []string{"b64"}),
		"crit that is empty":             f.withHeader(t, "crit", []string{}),
		"header that is no object":       f.signRaw(`[]`, string(claims)),
		"header that is no JSON":         f.signRaw(`{"alg":"EdDSA"`, string(claims)),
		"header with something after it": f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}{}`, string(claims)),
		// other claims, rightly signed
		"claims that are no object":     f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}`, `"x"`),
		"claims that are null":          f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}`, `null`),
		"claims that are empty":         f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}`, `{}`),
		"claims that are another token": f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}`, f.good),
		"wrong iss":                     f.withClaim(t, "iss", "https://evil.example"),
		"iss with a slash":              f.withClaim(t, "iss", issuer+"/"),
		"iss in capitals":               f.withClaim(t, "iss", strings.ToUpper(issuer)),
		"iss that is a list":            f.withClaim(t, "iss", []string{issuer}),
		"no iss":                        f.withClaim(t, "iss", nil),
		"wrong aud":                     f.withClaim(t, "aud", "other"),
		"aud that begins alike":         f.withClaim(t, "aud", "tienda2"),
		"aud of others":                 f.withClaim(t, "aud", []string{"other", "more"}),
		"aud that is empty":             f.withClaim(t, "aud", []string{}),
		"no aud":                        f.withClaim(t, "aud", nil),
		"expired":                       f.withClaim(t, "exp", now.Add(-leeway-time.Second).Unix()),
		"no exp":                        f.withClaim(t, "exp", nil),
		"exp that is text":              f.withClaim(t, "exp", "tomorrow"),
		"exp that is negative":          f.withClaim(t, "exp", -1),
		"exp beyond all numbers":        f.signRaw(`{"alg":"EdDSA","kid":"a","typ":"at+jwt"}`, strings.Replace(string(claims), `"exp":`, `"exp":1e400,"old":`, 1)),
		"good for a year":               f.withClaim(t, "exp", now.AddDate(1, 0, 0).Unix()),
		"iat in the future":             f.withClaim(t, "iat", now.Add(leeway+3*time.Second).Unix()),
		"no iat":                        f.withClaim(t, "iat", nil),
		"iat that is text":              f.withClaim(t, "iat", "now"),
		"nbf in the future":             f.withClaim(t, "nbf", now.Add(time.Minute).Unix()),
		"no sub":                        f.withClaim(t, "sub", nil),
		"sub that is no ID":             f.withClaim(t, "sub", "1\r\nTienda-Roles: admin"),
		"sub that is a list":            f.withClaim(t, "sub", []string{user}),
		"no sid":                        f.withClaim(t, "sid", nil),
		"sid that is no ID":             f.withClaim(t, "sid", "admin"),
		"no jti":                        f.withClaim(t, "jti", nil),
		"roles that are text":           f.withClaim(t, "roles", "admin"),
		"no client_id":                  f.withClaim(t, "client_id", nil),
		"client_id of another":          f.withClaim(t, "client_id", uuid.NewString()),
		"a user with scopes":            f.withClaim(t, "scope", "catalog:write"),
		"a machine without scopes":      f.i.sign(t, "a", machine, nil),
		"a machine of unknown scopes":   f.i.sign(t, "a", with(machine, "scope", "everything"), nil),
		"a machine with roles":          f.i.sign(t, "a", with(with(machine, "scope", "users:read"), "roles", []string{"admin"}), nil),
		"a machine's scopes as a list":  f.i.sign(t, "a", with(machine, "scope", []string{"users:read"}), nil),
	}
}

// Every forged token is refused alike, and none makes us ask for keys more than
// once in a while.
func TestForgedTokens(t *testing.T) {
	i := newIssuer(t, "a")
	v := verifier(t, i)
	f := newForger(t, i)
	corpus := f.corpus(t)
	require.Greater(t, len(corpus), 100)
	before := i.fetches.Load()
	for name, forged := range corpus {
		require.NotEqual(t, f.good, forged, name)
		for range 2 { // nothing of it is remembered
			_, err := v.Verify(t.Context(), forged)
			require.Error(t, err, name)
			require.Equal(t, fault.Unauthenticated, fault.KindOf(err), name)
			require.Equal(t, "invalid_token", fault.CodeOf(err), name)
		}
	}
	require.LessOrEqual(t, i.fetches.Load(), before+1)
	_, err := v.Verify(t.Context(), f.good)
	require.NoError(t, err, "what the forged ones are made of is good")
	for name, good := range map[string]string{
		"expired, within the leeway": f.withClaim(t, "exp", i.time().Add(-leeway+time.Second).Unix()),
		"issued within the leeway":   f.withClaim(t, "iat", i.time().Add(leeway-time.Second).Unix()),
		"aud with others":            f.withClaim(t, "aud", []string{"other", "tienda"}),
	} {
		_, err := v.Verify(t.Context(), good)
		require.NoError(t, err, name)
	}
}

// FuzzVerify changes tokens: whatever is taken must carry a signature of the
// shop's key over just these bytes, and name a user whose values are header-safe.
func FuzzVerify(f *testing.F) {
	i := newIssuer(f, "a")
	v := verifier(f, i)
	forged := newForger(f, i)
	for _, token := range forged.corpus(f) {
		f.Add(token)
	}
	f.Add(forged.good)
	f.Fuzz(func(t *testing.T, token string) {
		who, err := v.Verify(t.Context(), token)
		if err != nil {
			require.Equal(t, "invalid_token", fault.CodeOf(err))
			require.Empty(t, who)
			return
		}
		at := strings.LastIndexByte(token, '.')
		sig, err := base64.RawURLEncoding.DecodeString(token[at+1:])
		require.NoError(t, err)
		require.True(t, ed25519.Verify(forged.public(), []byte(token[:at]), sig))
		require.NoError(t, uuid.Validate(who.UserID))
		require.NoError(t, uuid.Validate(who.Session))
		for _, r := range who.Roles {
			require.NotContains(t, string(r), "\n")
		}
	})
}
