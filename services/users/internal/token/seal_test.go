package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sealKeyText() string {
	b := make([]byte, sealKeyBytes)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

func TestSealedKeys(t *testing.T) {
	first, second := sealKeyText(), sealKeyText()
	s, err := NewSealer(first + "\n")
	require.NoError(t, err)
	k, err := s.newKey()
	require.NoError(t, err)
	private, err := s.open(k)
	require.NoError(t, err)
	require.True(t, k.Public.Equal(private.Public()))

	stored, err := json.Marshal(Keys{Keys: []SigningKey{k}})
	require.NoError(t, err)
	for _, form := range []string{base64.StdEncoding.EncodeToString(private.Seed()), base64.RawURLEncoding.EncodeToString(private.Seed()), string(private.Seed()), first} {
		require.NotContains(t, string(stored), form)
	}
	var back Keys
	require.NoError(t, json.Unmarshal(stored, &back))
	again, err := s.open(back.Keys[0])
	require.NoError(t, err)
	require.Equal(t, private, again)

	both, err := NewSealer(second + " " + first)
	require.NoError(t, err)
	_, err = both.open(k)
	require.NoError(t, err, "what the key-encryption key before has sealed can be opened")
	newer, err := both.newKey()
	require.NoError(t, err)
	onlySecond, err := NewSealer(second)
	require.NoError(t, err)
	_, err = onlySecond.open(newer)
	require.NoError(t, err, "the first one seals")
	_, err = onlySecond.open(k)
	require.ErrorContains(t, err, "not among those of the secret store")
}

// Who can write to the store gains nothing by it.
func TestSealsThatDoNotHold(t *testing.T) {
	s, err := NewSealer(sealKeyText())
	require.NoError(t, err)
	a, err := s.newKey()
	require.NoError(t, err)
	b, err := s.newKey()
	require.NoError(t, err)
	parts := strings.Split(a.Sealed, ".")
	for name, change := range map[string]func(*SigningKey){
		"another key's seal":   func(k *SigningKey) { k.Sealed = b.Sealed },
		"another key's public": func(k *SigningKey) { k.Public = b.Public },
		"another ID":           func(k *SigningKey) { k.ID = b.ID },
		"nothing":              func(k *SigningKey) { k.Sealed = "" },
		"no JWE":               func(k *SigningKey) { k.Sealed = "seed" },
		"a changed text": func(k *SigningKey) {
			k.Sealed = strings.Join([]string{parts[0], parts[1], parts[2], "AAAA", parts[4]}, ".")
		},
		"alg none": func(k *SigningKey) {
			k.Sealed = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","enc":"A256GCM"}`)) + strings.TrimPrefix(k.Sealed, parts[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := a
			change(&k)
			_, err := s.open(k)
			require.Error(t, err)
		})
	}
}

func TestKeyEncryptionKeysThatAreNone(t *testing.T) {
	good := sealKeyText()
	for _, bad := range []string{"", " \n", "secret", good[1:], good + "x", good + " x", base64.StdEncoding.EncodeToString(make([]byte, 16))} {
		_, err := NewSealer(bad)
		require.Error(t, err, bad)
		if word := strings.TrimSpace(bad); word != "" {
			require.NotContains(t, err.Error(), word, "errors are logged")
		}
	}
}
