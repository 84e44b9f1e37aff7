// Package session is the families of refresh tokens: one family for each
// sign-in, all of a user's families in one document.
//
// A refresh token holds the IDs of user and session, the family's secret and
// the secret of this very token; only hashes of the secrets are stored. The
// family's secret tells a used token, of whatever age, from a guess: the first
// ends the session, the second does nothing.
package session

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/services/users/internal/audit"
)

// How long and how many.
const (
	IdleLimit   = 30 * 24 * time.Hour // without a renewal
	AgeLimit    = 90 * 24 * time.Hour // in any case
	MaxPerUser  = 20
	CrossedTime = 10 * time.Second // see Sessions.renew
)

// ErrToken answers every refresh token that is not good, for whatever reason.
var ErrToken = fault.New(fault.Unauthenticated, "invalid_refresh_token", "The refresh token is not valid. Sign in again.").
	At("/refresh_token", "is not valid")

// ErrCrossed answers a refresh token that was used seconds ago.
var ErrCrossed = fault.New(fault.Conflict, "refresh_token_just_used",
	"Another request has just used this refresh token. Go on with what that one was given.").At("/refresh_token", "was just used")

var errSession = fault.Missing("session")

// Family is one session: a sign-in and the tokens that follow from it.
type Family struct {
	ID           string    `json:"id"` // UUIDv7
	SecretHash   []byte    `json:"secret_hash"`
	CurrentHash  []byte    `json:"current_hash"`
	PreviousHash []byte    `json:"previous_hash,omitempty"`
	UserAgent    string    `json:"user_agent"`
	Address      string    `json:"address,omitempty"` // the network it was last used from, see Client.network
	CreatedAt    time.Time `json:"created_at"`
	UsedAt       time.Time `json:"used_at"` // when the current token was made
}

// ExpiresAt is when the session ends unless it is renewed before.
func (f Family) ExpiresAt() time.Time {
	idle, age := f.UsedAt.Add(IdleLimit), f.CreatedAt.Add(AgeLimit)
	if idle.Before(age) {
		return idle
	}
	return age
}

// Sessions are all the sessions of a user. Its JSON form is how it is stored.
type Sessions struct {
	UserID   string   `json:"user_id"`
	Families []Family `json:"families"`

	Barred bool `json:"-"` // the account is disabled or erased: nothing begins or goes on

	ended  []string
	events []audit.Event
}

// Ended lists the sessions that were ended since the document was read, for
// announcement; those that ran out are not among them.
func (s *Sessions) Ended() []string { return slices.Clone(s.ended) }

const (
	idBytes     = 16
	secretBytes = 16 // of the family
	tokenBytes  = 32 // of one token
)

// Token is what a refresh token says.
type Token struct {
	UserID, SessionID string
	secret, once      []byte
}

// ParseToken reads a refresh token; ErrToken.
func ParseToken(text string) (Token, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != 2*idBytes+secretBytes+tokenBytes {
		return Token{}, ErrToken
	}
	return Token{
		UserID:    uuid.UUID(b[:idBytes]).String(),
		SessionID: uuid.UUID(b[idBytes : 2*idBytes]).String(),
		secret:    b[2*idBytes : 2*idBytes+secretBytes],
		once:      b[2*idBytes+secretBytes:],
	}, nil
}

// String gives the refresh token as the client gets it.
func (t Token) String() string {
	user, session := uuid.MustParse(t.UserID), uuid.MustParse(t.SessionID)
	return base64.RawURLEncoding.EncodeToString(slices.Concat(user[:], session[:], t.secret, t.once))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

func hash(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func same(h, b []byte) bool { return subtle.ConstantTimeCompare(h, hash(b)) == 1 }

// open begins a session. If there are too many, those longest unused end.
func (s *Sessions) open(from Client, now time.Time) Token {
	s.expire(now)
	slices.SortStableFunc(s.Families, func(a, b Family) int { return cmp.Compare(a.UsedAt.UnixNano(), b.UsedAt.UnixNano()) })
	for len(s.Families) >= MaxPerUser {
		s.tell(audit.SessionRevoked, s.Families[0].ID, "too many sessions")
		s.end(0)
	}
	t := Token{UserID: s.UserID, SessionID: uuid.Must(uuid.NewV7()).String(), secret: random(secretBytes), once: random(tokenBytes)}
	s.Families = append(s.Families, Family{
		ID: t.SessionID, SecretHash: hash(t.secret), CurrentHash: hash(t.once),
		UserAgent: from.agent(), Address: from.network(), CreatedAt: now.UTC(), UsedAt: now.UTC(),
	})
	s.tell(audit.SignedIn, t.SessionID, "")
	if from.With != "" {
		s.events[len(s.events)-1].Detail = map[string]string{"with": from.With}
	}
	return t
}

// renew uses t up and gives the token that follows it. changed says that the
// document must be stored although there is an error: ErrToken or ErrCrossed.
func (s *Sessions) renew(t Token, from Client, now time.Time) (next Token, changed bool, err error) {
	i := s.at(t.SessionID)
	if s.Barred || i < 0 || !same(s.Families[i].SecretHash, t.secret) || !now.Before(s.Families[i].ExpiresAt()) {
		return Token{}, false, ErrToken
	}
	f := &s.Families[i]
	if !same(f.CurrentHash, t.once) {
		// The token before the current one, seconds after its use: two
		// requests of one client have crossed, or the answer was lost and the
		// client asks again. Ending the session would sign out an honest user
		// for that. Nothing is given out either, so a thief gains nothing; the
		// session ends at the next use of an old token, which is outside the
		// time allowed here or older.
		if f.PreviousHash != nil && same(f.PreviousHash, t.once) && now.Sub(f.UsedAt) <= CrossedTime {
			return Token{}, false, ErrCrossed
		}
		s.tell(audit.RefreshTokenReused, s.Families[i].ID, "")
		s.end(i)
		return Token{}, true, ErrToken
	}
	next = t
	next.once = random(tokenBytes)
	f.PreviousHash, f.CurrentHash = f.CurrentHash, hash(next.once)
	f.UsedAt, f.UserAgent, f.Address = now.UTC(), from.agent(), from.network()
	return next, true, nil
}

// revoke ends a session of the user; fault.NotFound. kind is how.
func (s *Sessions) revoke(id string, kind audit.Kind) error {
	i := s.at(id)
	if i < 0 {
		return errSession
	}
	s.tell(kind, id, "")
	s.end(i)
	return nil
}

// current gives the open sessions, the most recently used first.
func (s *Sessions) current(now time.Time) []Family {
	s.expire(now)
	slices.SortStableFunc(s.Families, func(a, b Family) int { return cmp.Compare(b.UsedAt.UnixNano(), a.UsedAt.UnixNano()) })
	return s.Families
}

func (s *Sessions) expire(now time.Time) {
	s.Families = slices.DeleteFunc(s.Families, func(f Family) bool { return !now.Before(f.ExpiresAt()) })
}

func (s *Sessions) at(id string) int {
	return slices.IndexFunc(s.Families, func(f Family) bool { return f.ID == id })
}

func (s *Sessions) end(i int) {
	s.ended = append(s.ended, s.Families[i].ID)
	s.Families = slices.Delete(s.Families, i, i+1)
}
