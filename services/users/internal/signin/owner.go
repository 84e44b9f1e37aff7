package signin

import (
	"context"

	"tienda/internal/fault"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/throttle"
)

// errPassword is for a user who is signed in already: a 401 would send the
// client to the sign-in.
var errPassword = fault.New(fault.Unprocessable, "wrong_password", "The password is wrong.").At("/password", "is wrong")

// Owners checks again that a signed-in user is who it was at the sign-in. What
// it counts is its own: no stranger can use the tries up. Each try is counted
// before it is checked.
type Owners struct {
	accounts  *account.Service
	throttles *throttle.Service
}

// NewOwners gives the checks.
func NewOwners(accounts *account.Service, throttles *throttle.Service) *Owners {
	return &Owners{accounts: accounts, throttles: throttles}
}

// Try implements totp.Owner: one read, one write.
func (o *Owners) Try(ctx context.Context, userID string) error { return o.throttles.Try(ctx, userID) }

// Password implements totp.Owner: two reads, one write. The try stays counted
// until the caller says that all is well, by Proved or in a commit of its own.
func (o *Owners) Password(ctx context.Context, userID, password string) (account.User, error) {
	if err := o.Try(ctx, userID); err != nil {
		return account.User{}, err
	}
	u, err := o.accounts.Me(ctx, userID)
	if err != nil {
		return account.User{}, err
	}
	err = o.accounts.Authenticate(ctx, u, password)
	if fault.KindOf(err) == fault.Unauthenticated {
		err = errPassword
	}
	return u, err
}

// Proved forgets the tries of a user: one read, one write.
func (o *Owners) Proved(ctx context.Context, userID string) error {
	return o.throttles.Proved(ctx, userID)
}
