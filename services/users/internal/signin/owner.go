package signin

import (
	"context"

	"tienda/services/users/internal/account"
	"tienda/services/users/internal/throttle"
)

// Owners checks again that a signed-in user is who it was at the sign-in. What
// it counts is its own: no stranger can use the tries up. Each try is counted
// before it is checked.
type Owners struct {
	accounts  *account.Service
	throttles *throttle.Service
}

// NewOwners gives the checks. The accounts count their tries with the same
// throttles.
func NewOwners(accounts *account.Service, throttles *throttle.Service) *Owners {
	return &Owners{accounts: accounts, throttles: throttles}
}

// Try implements totp.Owner: one read, one write.
func (o *Owners) Try(ctx context.Context, userID string) error { return o.throttles.Try(ctx, userID) }

// Failed implements totp.Owner.
func (o *Owners) Failed(ctx context.Context, userID, reason string) {
	o.accounts.Failed(ctx, userID, reason)
}

// Password implements totp.Owner: two reads, one write.
func (o *Owners) Password(ctx context.Context, userID, password string) (account.User, error) {
	return o.accounts.Own(ctx, userID, password, "/password")
}
