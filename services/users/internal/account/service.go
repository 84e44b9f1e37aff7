package account

import (
	"context"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/services/users/internal/letters"
	"tienda/services/users/internal/password"
)

// Store keeps users. What a change function records (User.Changes) is
// announced when, and only when, the change is stored.
type Store interface {
	// Create stores a new user and claims its e-mail; ErrEmailTaken.
	Create(ctx context.Context, u User) (User, error)
	// User reads a user; fault.NotFound.
	User(ctx context.Context, id string) (User, error)
	// ByEmail reads the user who holds a normal e-mail; false: nobody does.
	ByEmail(ctx context.Context, email string) (User, bool, error)
	// Update changes a user; fault.NotFound. It may run change several times,
	// and stores nothing if change recorded nothing.
	Update(ctx context.Context, id string, change func(*User) error) (User, error)
	// Leave lets an admin, by, begin to take another one away: ErrNotAdmin if by
	// is none any more, or is being taken away. op is for Settle.
	Leave(ctx context.Context, by, id string) (op string, err error)
	// Settle ends what Leave began, whether the other one is an admin still or not.
	Settle(ctx context.Context, id, op string) error
	// Finish completes what an erasure, or a change whose process died, has left.
	Finish(ctx context.Context, id string) error
	// Holders gives the ID of the user behind each claimed e-mail.
	Holders(ctx context.Context, emails []string) (map[string]string, error)
	// Import calls merge for each e-mail with what is stored under it (nil:
	// nobody) and stores what it answers (nil: nothing), all in one commit.
	Import(ctx context.Context, emails []string, merge func(i int, held *User) (*User, error)) error

	credentialStore
}

// Hasher makes and checks password hashes. Both cost tens of milliseconds and
// wait for their turn; fault.Unavailable when that takes too long.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	// Matches also takes the time of a check when hash is "".
	Matches(ctx context.Context, hash, password string) (bool, error)
	// Wrap gives the form in which a hash of another system is kept.
	Wrap(ctx context.Context, legacy password.Legacy) (string, error)
	// Outdated says that Hash would make another kind of hash now.
	Outdated(hash string) bool
}

// Guard slows down who guesses the password of a user whose session he has.
type Guard interface {
	// Try counts a try before it is made; an error says that it may not come now.
	Try(ctx context.Context, userID string) error
	// Proved forgets the tries of a user who has shown the password.
	Proved(ctx context.Context, userID string) error
}

// ErrCredentials answers a wrong password and an unknown e-mail alike.
var ErrCredentials = fault.New(fault.Unauthenticated, "invalid_credentials", "E-mail or password is wrong.")

// Service is what can be done with accounts.
type Service struct {
	store  Store
	hasher Hasher
	now    func() time.Time
	guard  Guard
	failed func(ctx context.Context, userID, reason string)
}

// NewService gives the service over a store.
func NewService(store Store, hasher Hasher, guard Guard, now func() time.Time) *Service {
	return &Service{store: store, hasher: hasher, guard: guard, now: now, failed: func(context.Context, string, string) {}}
}

// Register makes an account; ErrEmailTaken, or fault.Unprocessable for an
// e-mail, a password (CheckPassword) or a name that cannot be used.
func (s *Service) Register(ctx context.Context, email, password, name string) (User, error) {
	u, err := New(email, name, "", s.now())
	if err != nil {
		return User{}, err
	}
	if err := CheckPassword(password, u.Email); err != nil {
		return User{}, err
	}
	if u.PasswordHash, err = s.hasher.Hash(ctx, password); err != nil {
		return User{}, err
	}
	u.write(letters.VerifyEmail, u.Email, u.CreatedAt)
	return s.store.Create(ctx, u)
}

// Authenticate says whether the password is the user's, of whoever was found
// under an e-mail (the zero User: nobody): nil, or ErrCredentials after the same
// work in every case; ErrDisabled for the right password of an account that is
// barred. It does not slow a guesser down: package signin does.
func (s *Service) Authenticate(ctx context.Context, u User, password string) error {
	ok, err := s.hasher.Matches(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		return err
	case !ok:
		s.failed(ctx, u.ID, "wrong password")
		return ErrCredentials
	case u.Barred():
		s.failed(ctx, u.ID, "account disabled")
		return ErrDisabled
	}
	return nil
}

// Failed tells of a failed proof of who somebody is, for the trail.
func (s *Service) Failed(ctx context.Context, userID, reason string) { s.failed(ctx, userID, reason) }

// Upgrade gives the hash that a user's should become now that the password is
// known; "": it may stay.
func (s *Service) Upgrade(ctx context.Context, u User, password string) (string, error) {
	if !s.hasher.Outdated(u.PasswordHash) {
		return "", nil
	}
	return s.hasher.Hash(ctx, password)
}

// User gives an account; fault.NotFound.
func (s *Service) User(ctx context.Context, id string) (User, error) { return s.store.User(ctx, id) }

// Me gives the account of a signed-in user. One that is gone (its token may
// still be good) gets ErrGone.
func (s *Service) Me(ctx context.Context, id string) (User, error) {
	u, err := s.store.User(ctx, id)
	if err == nil && u.Erased() {
		return User{}, ErrGone
	}
	return u, own(err)
}

// Change lets a signed-in user change the own account. match is the version
// that it must have, 0 for any: ErrVersion.
func (s *Service) Change(ctx context.Context, id string, match int64, change func(*User) error) (User, error) {
	var refused error // what is missing may be an address, not the account
	u, err := s.store.Update(ctx, id, func(u *User) error {
		if refused = u.matches(match); refused == nil {
			refused = change(u)
		}
		return refused
	})
	if err != nil && refused == nil {
		err = own(err)
	}
	return u, err
}

// SetRoles gives an account its roles; by is the admin who asks.
func (s *Service) SetRoles(ctx context.Context, by, id string, match int64, roles []caller.Role) (User, error) {
	if by == id {
		return User{}, ErrOwnRoles
	}
	return s.byStaff(ctx, by, id, match, func(u *User, leaving bool) error { return u.SetRoles(roles, leaving) })
}

func (u *User) matches(version int64) error {
	if version != 0 && version != u.Version {
		return ErrVersion
	}
	return nil
}

func own(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return ErrGone
	}
	return err
}
