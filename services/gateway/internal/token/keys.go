// Package token verifies access tokens against the public keys of the users
// app.
package token

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tienda/internal/fault"
)

// How often keys are read again: as a matter of course, after a failure
// (growing up to retryMax), and when a token names an unknown key.
const (
	refreshEvery  = 5 * time.Minute
	retryFirst    = 100 * time.Millisecond
	retryMax      = 5 * time.Second
	unknownPause  = 5 * time.Second
	fetchLimit    = 5 * time.Second
	largestKeySet = 100
)

// JWKS is a set of public keys (RFC 7517), of which only Ed25519 keys for
// signatures count.
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is one public key (RFC 8037).
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
}

// Fetch reads the keys from where they are published.
type Fetch func(ctx context.Context) (JWKS, error)

// Keys holds the keys and reads them again from time to time.
type Keys struct {
	fetch Fetch
	log   *slog.Logger
	now   func() time.Time

	set     atomic.Pointer[keySet]
	mu      sync.Mutex // held while fetching: one fetch at a time
	fetched time.Time  // when the last fetch began, guarded by mu
}

// keySet is one state of the published keys. Tokens are remembered for the
// set that verified them, so that a withdrawn key ends its tokens.
type keySet struct {
	byID     map[string]ed25519.PublicKey
	verified *cache
}

// ErrNoKeys answers while no keys have been read yet.
var ErrNoKeys = fault.New(fault.Unavailable, "users_unavailable", "Sign-in cannot be checked at the moment. Try again.")

// NewKeys gives an empty set of keys; Part fills it.
func NewKeys(fetch Fetch, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{fetch: fetch, now: now, log: log}
}

// Ready gives nil once keys are there.
func (k *Keys) Ready(context.Context) error {
	if k.set.Load() == nil {
		return errors.New("the keys of access tokens are not read yet")
	}
	return nil
}

// Part reads the keys, at once and then regularly, until ctx ends.
func (k *Keys) Part(ctx context.Context) error {
	wait := retryFirst
	for {
		pause := refreshEvery
		if err := k.refresh(ctx, 0); err != nil {
			// Before the first success this is an app that is not up yet.
			if ctx.Err() == nil && (k.set.Load() != nil || wait == retryMax) {
				k.log.WarnContext(ctx, "the keys of access tokens could not be read, will be tried again", "error", err)
			}
			pause, wait = wait, min(2*wait, retryMax)
		} else {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// refresh reads the keys unless that was begun less than pause ago.
func (k *Keys) refresh(ctx context.Context, pause time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if pause > 0 && k.now().Sub(k.fetched) < pause {
		return nil
	}
	k.fetched = k.now()
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	jwks, err := k.fetch(ctx)
	if err != nil {
		return err
	}
	set, err := jwks.keys()
	if err != nil {
		return err
	}
	if old := k.set.Load(); old == nil || !old.same(set) {
		k.set.Store(&keySet{byID: set, verified: newCache(remembered)})
	}
	return nil
}

// follow brings the keys to what the users app says there is: one that is not
// named is taken no longer, and an unknown one is read.
func (k *Keys) follow(ctx context.Context, kids []string) error {
	set := k.set.Load()
	if set == nil {
		return nil // Part is at it
	}
	missing := slices.ContainsFunc(kids, func(kid string) bool { return set.byID[kid] == nil })
	if !missing && len(kids) == len(set.byID) {
		return nil
	}
	k.mu.Lock()
	set = k.set.Load()
	left := maps.Clone(set.byID)
	maps.DeleteFunc(left, func(kid string, _ ed25519.PublicKey) bool { return !slices.Contains(kids, kid) })
	if len(left) < len(set.byID) {
		k.set.Store(&keySet{byID: left, verified: newCache(remembered)})
	}
	k.mu.Unlock()
	if !missing {
		return nil
	}
	k.log.InfoContext(ctx, "there is a new key of access tokens")
	return k.refresh(ctx, 0)
}

// current gives the keys, read again first if kid is not among them.
func (k *Keys) current(ctx context.Context, kid string) (*keySet, error) {
	set := k.set.Load()
	if set == nil {
		return nil, ErrNoKeys
	}
	if _, ok := set.byID[kid]; ok {
		return set, nil
	}
	// The fetch serves everybody who waits for it, so it outlives its caller.
	if err := k.refresh(context.WithoutCancel(ctx), unknownPause); err != nil {
		k.log.WarnContext(ctx, "the keys of access tokens could not be read", "error", err)
	}
	return k.set.Load(), nil
}

func (s *keySet) same(other map[string]ed25519.PublicKey) bool {
	if len(s.byID) != len(other) {
		return false
	}
	for kid, key := range s.byID {
		if !key.Equal(other[kid]) {
			return false
		}
	}
	return true
}

func (j JWKS) keys() (map[string]ed25519.PublicKey, error) {
	out := map[string]ed25519.PublicKey{}
	for _, k := range j.Keys[:min(len(j.Keys), largestKeySet)] {
		if k.Kty != "OKP" || k.Crv != "Ed25519" || k.Kid == "" || (k.Use != "" && k.Use != "sig") || (k.Alg != "" && k.Alg != "EdDSA") {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %q of the key set is not an Ed25519 key", k.Kid)
		}
		out[k.Kid] = x
	}
	if len(out) == 0 {
		return nil, errors.New("the key set has no key for EdDSA")
	}
	return out, nil
}
