package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
)

// How long the link of a letter is good.
const (
	VerifyTime = 24 * time.Hour
	ResetTime  = 30 * time.Minute
)

// ErrProof answers every token of a link that is not good, for whatever reason.
var ErrProof = fault.New(fault.Unprocessable, "invalid_token", "The link is not valid any more. Ask for another one.").
	At("/token", "is not valid, or was used, or is too old")

// Proof is the token that was sent to an address: whoever has it reads the mail
// there. Only its hash is kept; one that is used, or that another takes the
// place of, is gone.
type Proof struct {
	Email     string    `json:"email"`
	Hash      []byte    `json:"hash,omitempty"` // SHA-256; none: not sent yet
	ExpiresAt time.Time `json:"expires_at"`
}

// fits says whether the proof is the secret's.
func (p *Proof) fits(secret []byte, now time.Time) bool {
	if p == nil {
		return false
	}
	sum := sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(p.Hash, sum[:]) == 1 && now.Before(p.ExpiresAt)
}

const (
	idBytes     = 16
	secretBytes = 32
)

// ProofToken is what the token of a link says. Its text is opaque to others.
type ProofToken struct {
	UserID string
	secret []byte
}

// ParseProofToken reads the token of a link; ErrProof.
func ParseProofToken(text string) (ProofToken, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != idBytes+secretBytes {
		return ProofToken{}, ErrProof
	}
	return ProofToken{UserID: uuid.UUID(b[:idBytes]).String(), secret: b[idBytes:]}, nil
}

// String gives the token as the link has it.
func (t ProofToken) String() string {
	id := uuid.MustParse(t.UserID)
	return base64.RawURLEncoding.EncodeToString(slices.Concat(id[:], t.secret))
}

// prove makes a token of the user and the proof that it fits.
func (u *User) prove(email string, good time.Duration, now time.Time) (ProofToken, *Proof) {
	t := ProofToken{UserID: u.ID, secret: make([]byte, secretBytes)}
	_, _ = rand.Read(t.secret) // never fails since Go 1.24
	sum := sha256.Sum256(t.secret)
	return t, &Proof{Email: email, Hash: sum[:], ExpiresAt: now.UTC().Add(good)}
}
