// Package signin lets users in: who guesses is slowed down, and neither the
// answer nor its time tells whether an account is there.
//
// Failures of strangers are counted for the account and for their address.
// Those of a device that has signed in before are counted for it alone, so
// that nobody else can lock its owner out. A try is not counted before it is
// checked, which would cost every sign-in a write; instead no answer is given
// that the count does not allow: a failure is counted in the commit that
// decides whether it is told, a success reads the count in the commit that
// opens its session.
package signin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/totp"
)

// ErrSecondFactor asks who has given the right password for the second factor.
var ErrSecondFactor = fault.New(fault.Unauthenticated, "second_factor_required",
	"Send the password again, with a code of the authenticator app or a recovery code.").At("/totp", "is required")

var errSecondFactor = fault.New(fault.Unauthenticated, "invalid_second_factor", "The code is wrong, has run out, or was used before.")

// Store reads and writes what a sign-in needs.
type Store interface {
	throttle.Store
	// Look reads who holds an e-mail (nobody: the zero User), the second
	// factor, and the guards: two reads, for nobody as well.
	Look(ctx context.Context, email string, guards []throttle.Key) (Found, error)
	// Enter stores a sign-in in one commit: one read, one write. It gives the
	// account as it was then: it may have lost a role since it was looked for.
	Enter(ctx context.Context, e Entry) (account.User, error)
}

// Found is what is stored under an e-mail.
type Found struct {
	User   account.User
	Factor totp.Factor
	Guards map[string]throttle.Guard // by the ID of their keys
}

// Entry is what a sign-in changes. Its functions may run several times.
type Entry struct {
	UserID string
	// Gate must be open still: else a *throttle.Wait, and nothing is stored.
	Gate []throttle.Key
	// Forget are guards whose failures are forgotten.
	Forget []throttle.Key
	Now    time.Time
	// PasswordEpoch is the user's whose password was checked: with another one the
	// password has changed since, account.ErrCredentials.
	PasswordEpoch int64
	// OldHash becomes NewHash, if it is still the user's; NewHash "": it stays.
	OldHash, NewHash string
	// Use uses up the second factor; nil: it is off. Its error ends all.
	Use func(*totp.Factor) error
	// Open opens the session. Its error ends all.
	Open func(*session.Sessions) error
}

// Accounts checks passwords.
type Accounts interface {
	Authenticate(ctx context.Context, u account.User, password string) error
	Upgrade(ctx context.Context, u account.User, password string) (string, error)
	Failed(ctx context.Context, userID, reason string)
}

// Service signs users in.
type Service struct {
	store    Store
	accounts Accounts
	factors  *totp.Service
	devices  *device.Tokens
	now      func() time.Time
}

// NewService gives the service over a store.
func NewService(store Store, accounts Accounts, factors *totp.Service, devices *device.Tokens, now func() time.Time) *Service {
	return &Service{store: store, accounts: accounts, factors: factors, devices: devices, now: now}
}

// Attempt is what somebody shows to be let in.
type Attempt struct {
	Email, Password string
	Proof           totp.Proof
	Device          string         // its token
	From            session.Client // Address "": not known
}

// Entered is who was let in.
type Entered struct {
	User   account.User
	Token  session.Token
	Device string // the token to keep for the next time
}

// Enter lets somebody in: account.ErrCredentials, account.ErrDisabled,
// ErrSecondFactor, a *throttle.Wait. The state is called four times for one who is let in, and as
// often for one who is not.
func (s *Service) Enter(ctx context.Context, in Attempt) (Entered, error) {
	email, err := account.NormalEmail(in.Email)
	if err != nil { // nobody's, and answered like any other that is nobody's
		email = strings.ToLower(strings.TrimSpace(in.Email))
	}
	who := s.devices.Read(in.Device, email)
	found, err := s.store.Look(ctx, email, all(email, who, in.From.Address))
	if err != nil {
		return Entered{}, err
	}
	if who.Issued.Before(found.User.DevicesSince) {
		who = device.Device{}
	}
	gate := passwordGate(email, who, in.From.Address)
	if err := open(found.Guards, gate, s.now()); err != nil {
		return Entered{}, err
	}
	switch err := s.accounts.Authenticate(ctx, found.User, in.Password); {
	case fault.KindOf(err) == fault.Unauthenticated:
		return Entered{}, s.failed(ctx, gate, gate, err)
	case errors.Is(err, account.ErrDisabled): // the password is right: it is told, and not counted
		return Entered{}, s.failed(ctx, gate, nil, err)
	case err != nil:
		return Entered{}, err
	}
	return s.admit(ctx, in, email, who, found)
}

// Remember gives the token of a new device of an account's owner.
func (s *Service) Remember(email string) (string, error) {
	return s.devices.Issue(device.Device{}, email)
}

// admit is for who has given the right password.
func (s *Service) admit(ctx context.Context, in Attempt, email string, who device.Device, found Found) (Entered, error) {
	u, gate := found.User, passwordGate(email, who, in.From.Address)
	e := Entry{UserID: u.ID, Gate: gate, Now: s.now(), PasswordEpoch: u.PasswordEpoch, OldHash: u.PasswordHash}
	if found.Factor.On {
		if !in.Proof.Given() {
			return Entered{}, s.failed(ctx, gate, nil, ErrSecondFactor)
		}
		e.Gate = slices.Concat(gate, codeGate(email, who))
		e.Use = func(f *totp.Factor) error { return s.factors.Use(f, u.ID, in.Proof) }
	}
	e.Forget = forget(e.Gate, in.From.Address)
	// A hash that stays old for one more time keeps nobody out.
	e.NewHash, _ = s.accounts.Upgrade(ctx, u, in.Password)
	var out Entered
	var err error
	if out.Device, err = s.devices.Issue(who, email); err != nil {
		return Entered{}, err
	}
	from := in.From
	from.With = with(e.Use != nil, in.Proof)
	e.Open = func(all *session.Sessions) (err error) {
		out.Token, err = all.Begin(from, e.Now)
		return err
	}
	out.User, err = s.store.Enter(ctx, e)
	if f := (*fault.Error)(nil); isCode(err, &f) {
		s.accounts.Failed(ctx, u.ID, totp.WrongCode)
		wrong := *errSecondFactor
		wrong.Fields = f.Fields
		return Entered{}, s.failed(ctx, e.Gate, codeCount(email, who, in.From.Address), &wrong)
	}
	if err != nil {
		return Entered{}, err
	}
	return out, nil
}

// with names what was shown, for the trail.
func with(second bool, p totp.Proof) string {
	switch {
	case !second:
		return "password"
	case p.Code != "":
		return "password totp"
	}
	return "password recovery_code"
}

// failed counts a failure and gives the answer to it, if it may be given.
func (s *Service) failed(ctx context.Context, gate, count []throttle.Key, answer error) error {
	if err := s.store.Count(ctx, gate, count, s.now()); err != nil {
		return err
	}
	return answer
}

// open says by a *throttle.Wait that one of the guards is closed.
func open(guards map[string]throttle.Guard, gate []throttle.Key, now time.Time) error {
	for _, k := range gate {
		if w := guards[k.ID].Wait(now); w > 0 {
			return &throttle.Wait{For: w}
		}
	}
	return nil
}
