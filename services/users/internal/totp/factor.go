// Package totp is the second factor of an account: codes of an authenticator
// app (RFC 6238: SHA-1, 6 digits, 30 s), and recovery codes for the day when
// the app is gone.
package totp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"tienda/internal/fault"
)

const (
	// Period is how long a code is shown. It is taken for one period before
	// and after, too: clocks differ, and people type.
	Period = 30 * time.Second
	skew   = 1 // periods

	secretBytes = 20 // RFC 4226: 160 bits
	// StartLimit is how long a start waits to be confirmed.
	StartLimit = 15 * time.Minute
	// RecoveryCodes is how many there are at once. Each has 120 random bits, so
	// that a plain SHA-256 at rest cannot be searched.
	RecoveryCodes = 10
	recoveryBytes = 15
)

// What the rules of this package refuse.
var (
	ErrOn         = fault.New(fault.Conflict, "totp_on", "The second factor is on. Turn it off first.")
	ErrOff        = fault.New(fault.Conflict, "totp_off", "There is no second factor.")
	ErrNotStarted = fault.New(fault.Conflict, "totp_not_started", "Begin with a new secret; it waits 15 minutes for its first code.")
	ErrNeeded     = fault.New(fault.Unprocessable, "second_factor_required", "Send the request again, with a code of the authenticator app or a recovery code.").At("/totp", "is required")
	errCode       = fault.New(fault.Unprocessable, "invalid_second_factor", "The code is wrong, has run out, or was used before.")
)

// Factor is the second factor of one account. Its JSON form is how it is
// stored; the zero Factor is off.
type Factor struct {
	Secret   []byte    `json:"secret,omitempty"` // sealed
	On       bool      `json:"on"`
	Since    time.Time `json:"since"`              // when it was begun, or turned on
	LastStep int64     `json:"last_step"`          // of the last code that was used
	Recovery [][]byte  `json:"recovery,omitempty"` // SHA-256 of those that are not used
}

// Proof is what somebody shows: a code of the app, or a recovery code.
type Proof struct{ Code, Recovery string }

// Given says whether there is any.
func (p Proof) Given() bool { return p.Code != "" || p.Recovery != "" }

// wrong is errCode at the field that is wrong.
func (p Proof) wrong() error {
	if p.Code == "" {
		return errCode.At("/recovery_code", "is not valid")
	}
	return errCode.At("/totp", "is not valid")
}

// start begins with a new secret, which takes the place of one that was never
// confirmed.
func (f *Factor) start(sealed []byte, now time.Time) error {
	if f.On {
		return ErrOn
	}
	*f = Factor{Secret: sealed, Since: now.UTC()}
	return nil
}

// confirm turns the factor on with the first code of its secret.
func (f *Factor) confirm(secret, code string, now time.Time) (recovery []string, err error) {
	switch {
	case f.On:
		return nil, ErrOn
	case !f.started(now):
		return nil, ErrNotStarted
	case !f.useCode(secret, code, now):
		return nil, Proof{Code: code}.wrong()
	}
	f.On, f.Since = true, now.UTC()
	return f.renew(), nil
}

func (f *Factor) started(now time.Time) bool {
	return !f.On && len(f.Secret) > 0 && now.Sub(f.Since) <= StartLimit
}

// use uses a proof up.
func (f *Factor) use(secret string, p Proof, now time.Time) error {
	switch {
	case !f.On:
		return ErrOff
	case p.Code != "" && f.useCode(secret, p.Code, now), p.Code == "" && f.useRecovery(p.Recovery):
		return nil
	}
	return p.wrong()
}

// useCode takes each code once, and none that is older than a used one.
func (f *Factor) useCode(secret, code string, now time.Time) bool {
	step := now.Unix() / int64(Period/time.Second)
	for at := max(step-skew, f.LastStep+1); at <= step+skew; at++ {
		ok, err := hotp.ValidateCustom(code, uint64(at), secret, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // after 1970
		if err == nil && ok {
			f.LastStep = at
			return true
		}
	}
	return false
}

func (f *Factor) useRecovery(code string) bool {
	sum, found := sha256.Sum256([]byte(plain(code))), -1
	for i, h := range f.Recovery {
		if subtle.ConstantTimeCompare(h, sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return false
	}
	f.Recovery = slices.Delete(slices.Clone(f.Recovery), found, found+1)
	return true
}

// renew makes recovery codes in place of all that there were.
func (f *Factor) renew() (codes []string) {
	f.Recovery = nil
	for range RecoveryCodes {
		b := make([]byte, recoveryBytes)
		_, _ = rand.Read(b) // never fails since Go 1.24
		text := crockford.EncodeToString(b)
		sum := sha256.Sum256([]byte(text))
		f.Recovery = append(f.Recovery, sum[:])
		codes = append(codes, strings.Join(slices.Collect(groups(text)), "-"))
	}
	return codes
}

// crockford has no letters that look like digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

var readable = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1")

// plain gives a recovery code as it was made of what somebody has typed.
func plain(code string) string { return readable.Replace(strings.ToUpper(code)) }

func groups(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for at := 0; at < len(text); at += 4 {
			if !yield(text[at : at+4]) {
				return
			}
		}
	}
}

// newSecret gives a secret in base32, and the address that an app reads from a
// QR code.
func newSecret(issuer, email string) (secret, url string, err error) {
	k, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: email, SecretSize: secretBytes})
	if err != nil {
		return "", "", err
	}
	return k.Secret(), k.URL(), nil
}
