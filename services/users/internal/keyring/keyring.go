// Package keyring holds the service's own secret keys: what it seals and signs
// for nobody but itself.
package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"tienda/internal/fault"
)

// Bytes is the length of a key.
const Bytes = 32

// ErrNoKeys is the answer of a ring until its keys are read.
var ErrNoKeys = fault.New(fault.Unavailable, "no_keys", "Keys are not there yet. Try again.").Elsewhere()

// ErrSealed says that what was to be opened is damaged, or another's.
var ErrSealed = errors.New("keyring: cannot be opened")

type key struct {
	seal cipher.AEAD
	sign []byte
}

// Ring is a secret's keys: the first seals and signs, and all of them open and
// verify, so that a new key can be put before the old one. Safe for concurrent
// use.
type Ring struct {
	name string
	keys atomic.Pointer[[]key]
}

// New gives an empty ring for the secret of that name.
func New(name string) *Ring { return &Ring{name: name} }

// Use sets the keys: base64 of 32 bytes each, with white space between them.
func (r *Ring) Use(text string) error {
	var keys []key
	for i, word := range strings.Fields(text) {
		secret, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(secret) != Bytes {
			return fmt.Errorf("key %d of the secret %s is not base64 of %d bytes", i+1, r.name, Bytes)
		}
		k, err := derive(secret)
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return fmt.Errorf("the secret %s has no key", r.name)
	}
	r.keys.Store(&keys)
	return nil
}

// derive makes of a secret one key for each use.
func derive(secret []byte) (k key, err error) {
	sealing, err := hkdf.Key(sha256.New, secret, nil, "tienda users seal", Bytes)
	if err != nil {
		return k, err
	}
	if k.sign, err = hkdf.Key(sha256.New, secret, nil, "tienda users sign", Bytes); err != nil {
		return k, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return k, err
	}
	k.seal, err = cipher.NewGCMWithRandomNonce(block)
	return k, err
}

// Ready says whether there are keys; ErrNoKeys.
func (r *Ring) Ready(context.Context) error {
	if r.keys.Load() == nil {
		return ErrNoKeys
	}
	return nil
}

// Seal encrypts with AES-256-GCM; about has to be given again to open it, so
// that it cannot be moved to somebody else. ErrNoKeys.
func (r *Ring) Seal(plain []byte, about string) ([]byte, error) {
	keys := r.keys.Load()
	if keys == nil {
		return nil, ErrNoKeys
	}
	return (*keys)[0].seal.Seal(nil, nil, plain, []byte(about)), nil
}

// Open gives what was sealed; ErrSealed, ErrNoKeys.
func (r *Ring) Open(sealed []byte, about string) ([]byte, error) {
	keys := r.keys.Load()
	if keys == nil {
		return nil, ErrNoKeys
	}
	for _, k := range *keys {
		if plain, err := k.seal.Open(nil, nil, sealed, []byte(about)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

// Sign gives the HMAC-SHA-256 of a text; ErrNoKeys.
func (r *Ring) Sign(text []byte) ([]byte, error) {
	keys := r.keys.Load()
	if keys == nil {
		return nil, ErrNoKeys
	}
	return mac((*keys)[0].sign, text), nil
}

// Verify says whether Sign has made sum of the text.
func (r *Ring) Verify(text, sum []byte) bool {
	keys := r.keys.Load()
	if keys == nil {
		return false
	}
	good := false
	for _, k := range *keys {
		good = hmac.Equal(mac(k.sign, text), sum) || good
	}
	return good
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(text)
	return h.Sum(nil)
}

// Random gives a fresh key as Use takes it.
func Random() string {
	b := make([]byte, Bytes)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}

// Bounds of the pauses between tries to read the keys.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// Loader gives the part of an app that reads the keys, trying until it has
// them. read answers with the secret of that name.
func Loader(r *Ring, read func(ctx context.Context, name string) (string, error), log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			text, err := read(ctx, r.name)
			if err == nil {
				err = r.Use(text)
			}
			if err == nil || ctx.Err() != nil {
				return nil //nolint:nilerr // told to stop before it had the keys
			}
			log.Warn("no keys yet, trying again", "secret", r.name, "error", err, "in", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
		}
	}
}
