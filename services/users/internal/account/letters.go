package account

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/letters"
)

// How many letters an account may ask for: that many of a kind within the time.
const (
	MaxAsked = 3
	askTime  = time.Hour
)

// What asking for a letter is refused with.
var (
	ErrVerified = fault.New(fault.Conflict, "email_verified", "The e-mail address is confirmed already.")
	ErrAsked    = fault.New(fault.TooMany, "too_many_letters", "That was asked for three times within an hour. Look into your mail, or try again later.")
	errSame     = invalid("/email", "is the address that the account has")
)

// Letters are those that the methods have written since the user was read. They
// are to be committed with the user.
func (u *User) Letters() []mail.Letter { return slices.Clone(u.letters) }

// write adds a letter. Its number is committed with the user: a letter that a
// store kept although the commit failed has a number that the user has not
// reached, or that the next letter takes over (Wrote).
func (u *User) write(k mail.Kind, to string, now time.Time) *mail.Letter {
	u.LetterCount++
	u.letters = append(u.letters, mail.Letter{
		ID: fmt.Sprintf("%s:%d", u.ID, u.LetterCount), Kind: k, About: u.ID, Number: u.LetterCount,
		To: to, At: now.UTC(),
	})
	u.record(Private)
	return &u.letters[len(u.letters)-1]
}

// Wrote says whether a letter is really one of the user's.
func (u *User) Wrote(l mail.Letter) bool { return l.About == u.ID && l.Number <= u.LetterCount }

// mayAsk counts a letter of a kind that was asked for; false: there were too
// many.
func (u *User) mayAsk(k mail.Kind, now time.Time) bool {
	recent := slices.DeleteFunc(slices.Clone(u.Asked[k]), func(at time.Time) bool { return now.Sub(at) >= askTime })
	if len(recent) >= MaxAsked {
		return false
	}
	next := map[mail.Kind][]time.Time{k: append(recent, now.UTC())}
	for other, at := range u.Asked { // a copy: the read document must not change
		if other != k {
			next[other] = at
		}
	}
	u.Asked = next
	u.record(Private)
	return true
}

// AskVerification writes the letter that verifies the e-mail once more;
// ErrVerified, ErrAsked.
func (u *User) AskVerification(now time.Time) error {
	if u.EmailVerified {
		return ErrVerified
	}
	if !u.mayAsk(letters.VerifyEmail, now) {
		return ErrAsked
	}
	u.write(letters.VerifyEmail, u.Email, now)
	return nil
}

// AskNewEmail writes a letter to the address that the user wants to have: it is
// the user's once the link in it is used. ErrAsked, or fault.Unprocessable for
// one that cannot be used.
func (u *User) AskNewEmail(email string, now time.Time) error {
	email, err := NormalEmail(email)
	if err != nil {
		return err
	}
	if email == u.Email {
		return errSame
	}
	if !u.mayAsk(letters.ConfirmNewEmail, now) {
		return ErrAsked
	}
	u.NewEmail = &Proof{Email: email}
	u.write(letters.ConfirmNewEmail, email, now)
	return nil
}

// Prove makes the token that a letter carries, in place of the one before;
// mail.ErrMoot where the letter is not to be sent any more. A letter that is
// tried again, because nobody knows what became of it, gets another token.
func (u *User) Prove(l mail.Letter, now time.Time) (ProofToken, error) {
	var t ProofToken
	switch l.Kind {
	case letters.VerifyEmail:
		if u.EmailVerified || u.Email != l.To {
			return t, mail.ErrMoot
		}
		t, u.Verification = u.prove(l.To, VerifyTime, now)
	case letters.ConfirmNewEmail:
		if u.NewEmail == nil || u.NewEmail.Email != l.To {
			return t, mail.ErrMoot
		}
		t, u.NewEmail = u.prove(l.To, VerifyTime, now)
	case letters.ResetPassword:
		if u.Email != l.To || (l.Tries == 0 && !u.mayAsk(l.Kind, now)) {
			return t, mail.ErrMoot
		}
		t, u.Reset = u.prove(l.To, ResetTime, now)
	default:
		return t, fmt.Errorf("account: a letter of kind %q carries no token", l.Kind)
	}
	u.record(Private)
	return t, nil
}

// Verify uses a token up that was sent to the user's address; ErrProof.
func (u *User) Verify(t ProofToken, now time.Time) error {
	if u.Barred() || !u.Verification.fits(t.secret, now) || u.Verification.Email != u.Email {
		return ErrProof
	}
	u.verified()
	return nil
}

func (u *User) verified() {
	u.Verification = nil
	if !u.EmailVerified {
		u.EmailVerified = true
		u.record(ProfileChanged)
		u.tell(audit.Event{Kind: audit.EmailVerified})
	}
	u.record(Private)
}

// TakeNewEmail uses a token up that was sent to the address which the user wants
// to have, and gives the user that address; ErrProof. The old one is told.
func (u *User) TakeNewEmail(t ProofToken, now time.Time) error {
	if u.Barred() || !u.NewEmail.fits(t.secret, now) {
		return ErrProof
	}
	u.ForgetDevices(now) // of who had that address before
	u.write(letters.EmailChanged, u.Email, now)
	u.Email, u.EmailVerified = u.NewEmail.Email, true
	u.NewEmail, u.Verification, u.Reset = nil, nil, nil
	u.record(ProfileChanged)
	u.tell(audit.Event{Kind: audit.EmailChanged})
	return nil
}

// ResetPassword uses a token up that was sent to the user's address and sets the
// password; ErrProof. Who has read mail there has verified it; if nobody had
// before, the account may have been made by somebody else, whose second factor
// must not keep the owner out.
func (u *User) ResetPassword(t ProofToken, hash string, now time.Time) error {
	if u.Barred() || !u.Reset.fits(t.secret, now) || u.Reset.Email != u.Email {
		return ErrProof
	}
	u.dropsFactor = !u.EmailVerified
	u.verified()
	u.setPassword(hash, "", now)
	u.tell(audit.Event{Kind: audit.PasswordReset})
	return nil
}

// SetPassword sets the password, forgets open resets, and tells the user. The
// session that goes on, if any, is named for whoever ends the others.
func (u *User) SetPassword(hash, session string, now time.Time) {
	u.setPassword(hash, session, now)
	u.tell(audit.Event{Kind: audit.PasswordChanged})
}

func (u *User) setPassword(hash, session string, now time.Time) {
	// Another address that was asked for may be what whoever had the account
	// before would get it back with.
	u.PasswordHash, u.Reset, u.NewEmail = hash, nil, nil
	u.PasswordEpoch++
	if u.Remains != nil {
		r := *u.Remains
		r.OwnPassword = true
		u.Remains = &r
	}
	u.ForgetDevices(now)
	u.write(letters.PasswordChanged, u.Email, now).Ref = session
}
