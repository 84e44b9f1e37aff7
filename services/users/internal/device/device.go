// Package device makes the tokens by which a device that has signed in is
// known at its next sign-in. They let nobody in: a device with one is only
// counted by itself when it mistypes a password, whatever strangers do to the
// account meanwhile (OWASP, Slow Down Online Guessing Attacks with Device
// Cookies).
package device

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"tienda/services/users/internal/keyring"
)

// Lifetime is how long after its last sign-in a device is known.
const Lifetime = 365 * 24 * time.Hour

const (
	timeBytes = 8 // UNIX nanoseconds
	idBytes   = 16
	sumBytes  = 32
	bytes     = timeBytes + idBytes + sumBytes
)

// Device is one that has signed in to an account.
type Device struct {
	ID     string    // random; "": a stranger
	Issued time.Time // of its token
}

// Known says whether the device has signed in before.
func (d Device) Known() bool { return d.ID != "" }

// Tokens makes and checks tokens.
type Tokens struct {
	keys *keyring.Ring
	now  func() time.Time
}

// NewTokens gives tokens that are signed with the first of keys.
func NewTokens(keys *keyring.Ring, now func() time.Time) *Tokens {
	return &Tokens{keys: keys, now: now}
}

// Issue gives the token of a device for the account with a normal e-mail. A
// stranger becomes a device; a known one keeps its ID. keyring.ErrNoKeys.
func (t *Tokens) Issue(d Device, email string) (string, error) {
	b := make([]byte, timeBytes+idBytes, bytes)
	binary.BigEndian.PutUint64(b, uint64(t.now().UnixNano()))
	if _, err := hex.Decode(b[timeBytes:], []byte(d.ID)); err != nil || !d.Known() {
		_, _ = rand.Read(b[timeBytes:]) // never fails since Go 1.24
	}
	sum, err := t.keys.Sign(signed(b, email))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(b, sum...)), nil
}

// Read gives the device of a token; a stranger for one that is not good, has
// run out, or is of another account.
func (t *Tokens) Read(token, email string) Device {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != bytes {
		return Device{}
	}
	b, sum := b[:timeBytes+idBytes], b[timeBytes+idBytes:]
	issued := time.Unix(0, int64(binary.BigEndian.Uint64(b))) //nolint:gosec // signed
	if !t.keys.Verify(signed(b, email), sum) || t.now().Sub(issued) > Lifetime {
		return Device{}
	}
	return Device{ID: hex.EncodeToString(b[timeBytes:]), Issued: issued}
}

func signed(b []byte, email string) []byte {
	return slices.Concat([]byte("device\x00"), b, []byte(email))
}
