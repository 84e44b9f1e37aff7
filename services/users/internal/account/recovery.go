package account

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/services/users/internal/letters"
)

// ErrPassword is what a wrong current password is answered with: not
// fault.Unauthenticated, which would tell clients that they are signed out.
var ErrPassword = fault.New(fault.Unprocessable, "wrong_password", "The password is wrong.")

// credentialStore is what the Store does for passwords and addresses.
type credentialStore interface {
	// ChangeEmail is Update for a change that gives the user the e-mail, which is
	// claimed before and whose former claim is given up after: ErrEmailTaken.
	ChangeEmail(ctx context.Context, id, email string, change func(*User) error) (User, error)
	// Post stores a letter to whoever has an e-mail, if anybody.
	Post(ctx context.Context, l mail.Letter) error
}

// VerifyEmail uses the token of a link up: the user's address is verified, or
// the one that was asked for is the user's now. ErrProof, ErrEmailTaken.
func (s *Service) VerifyEmail(ctx context.Context, token string) (User, error) {
	t, err := ParseProofToken(token)
	if err != nil {
		return User{}, err
	}
	u, err := s.holder(ctx, t)
	if err != nil {
		return User{}, err
	}
	if now := s.now(); u.NewEmail.fits(t.secret, now) {
		return s.store.ChangeEmail(ctx, u.ID, u.NewEmail.Email, func(u *User) error { return u.TakeNewEmail(t, now) })
	}
	u, err = s.store.Update(ctx, t.UserID, func(u *User) error { return u.Verify(t, s.now()) })
	return u, unproven(err)
}

// AskVerification sends the letter that verifies the user's address once more;
// ErrVerified, ErrAsked.
func (s *Service) AskVerification(ctx context.Context, id string) error {
	_, err := s.store.Update(ctx, id, func(u *User) error { return u.AskVerification(s.now()) })
	return own(err)
}

// Also is what a user has to show besides the password, for what decides who has
// the account: the second factor, where it is on. It runs once the password is
// known to be right; its error ends the change, and the try stays counted.
type Also func(ctx context.Context, userID string) error

// AskNewEmail sends a link to the address that the user wants to have;
// ErrPassword, ErrAsked. That another account has it is said only to who can
// read its mail (VerifyEmail): else anybody could ask for anybody.
func (s *Service) AskNewEmail(ctx context.Context, id, email, password string, also Also) error {
	if _, err := s.prove(ctx, id, password, "/password", also); err != nil {
		return err
	}
	_, err := s.store.Update(ctx, id, func(u *User) error { return u.AskNewEmail(email, s.now()) })
	return own(err)
}

// ChangePassword sets another password; ErrPassword, or fault.Unprocessable for
// one that may not be chosen. The caller ends the sessions but the one named,
// and so does the letter that tells the user (Composer).
func (s *Service) ChangePassword(ctx context.Context, id, current, next, session string, also Also) (User, error) {
	if err := checkNew(next); err != nil {
		return User{}, err
	}
	u, err := s.prove(ctx, id, current, "/current_password", also)
	if err != nil {
		return User{}, err
	}
	if err := checkNew(next, u.Email); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return User{}, err
	}
	u, err = s.store.Update(ctx, id, func(u *User) error {
		u.SetPassword(hash, session, s.now())
		return nil
	})
	return u, own(err)
}

// AskReset sends a link to whoever has the e-mail. It does the same for an
// e-mail that nobody has: who has it is looked up later, by the Composer.
func (s *Service) AskReset(ctx context.Context, email string) error {
	e, err := NormalEmail(email)
	if err != nil {
		return nil //nolint:nilerr // an e-mail that nobody can have is answered like one that nobody has
	}
	now := s.now().UTC()
	return s.store.Post(ctx, mail.Letter{ID: uuid.NewString(), Kind: letters.ResetPassword, To: e, At: now, Patience: letters.ResetPatience})
}

// ResetPassword uses the token of a link up and sets the password: ErrProof, or
// fault.Unprocessable for one that may not be chosen. It gives the user whose
// sessions are to be ended.
func (s *Service) ResetPassword(ctx context.Context, token, next string) (User, error) {
	t, err := ParseProofToken(token)
	if err != nil {
		return User{}, err
	}
	u, err := s.holder(ctx, t)
	if err != nil {
		return User{}, err
	}
	if !u.Reset.fits(t.secret, s.now()) { // before the cost of a hash
		return User{}, ErrProof
	}
	if err := checkNew(next, u.Email); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return User{}, err
	}
	u, err = s.store.Update(ctx, t.UserID, func(u *User) error { return u.ResetPassword(t, hash, s.now()) })
	return u, unproven(err)
}

// holder gives the user whom a token names.
func (s *Service) holder(ctx context.Context, t ProofToken) (User, error) {
	u, err := s.store.User(ctx, t.UserID)
	return u, unproven(err)
}

// unproven answers a token of a user who is gone like any other bad one.
func unproven(err error) error {
	if errors.Is(err, ErrMissing) {
		return ErrProof
	}
	return err
}

// Own gives a signed-in user who shows the password once more: ErrPassword at
// the field, or what the Guard says. The try stays counted until the caller
// says that all is well, by Guard.Proved or in a commit of its own.
func (s *Service) Own(ctx context.Context, id, password, field string) (User, error) {
	if err := s.guard.Try(ctx, id); err != nil {
		return User{}, err
	}
	u, err := s.Me(ctx, id)
	if err != nil {
		return User{}, err
	}
	ok, err := s.hasher.Matches(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		return User{}, err
	case !ok:
		s.failed(ctx, id, "wrong password of a session")
		return User{}, ErrPassword.At(field, "is wrong")
	}
	return u, nil
}

// prove is Own for a change that does not forget the try by itself.
func (s *Service) prove(ctx context.Context, id, password, field string, also Also) (User, error) {
	u, err := s.Own(ctx, id, password, field)
	if err != nil {
		return User{}, err
	}
	if err := also(ctx, id); err != nil {
		return User{}, err
	}
	return u, s.guard.Proved(ctx, id)
}

// checkNew is CheckPassword for a request that calls it new_password.
func checkNew(password string, emails ...string) error {
	err := CheckPassword(password, emails...)
	var refused *fault.Error
	if !errors.As(err, &refused) {
		return err
	}
	f := *refused
	f.Fields = nil
	for _, was := range refused.Fields {
		f.Fields = append(f.Fields, fault.Field{Name: "/new_password", Reason: was.Reason})
	}
	return &f
}

// Ender ends a user's sessions.
type Ender interface {
	// EndAll ends those opened before a time, but for one.
	EndAll(ctx context.Context, userID, except string, before time.Time) error
}
