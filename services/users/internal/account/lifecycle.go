package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/services/users/internal/audit"
)

// What the life of an account refuses.
var (
	// ErrDisabled answers a right password of a disabled account, so that only
	// who knows the password learns of it.
	ErrDisabled = fault.New(fault.Forbidden, "account_disabled", "This account is disabled. Ask our support.")
	// ErrPassword answers a wrong password of somebody who is signed in.
	ErrPassword   = fault.New(fault.Forbidden, "wrong_password", "The password is wrong.").At("/password", "is not the account's password")
	errOwnAccount = fault.New(fault.Forbidden, "own_account", "Nobody does this to the own account.")
	errNotAdmin   = fault.New(fault.Forbidden, "role_missing", "Your account may not do this.")
	errAdmin      = fault.New(fault.Conflict, "admin_account",
		"This is an admin's account. Another admin has to take the role away first.")
)

// maxReason is how many characters of a reason are kept.
const maxReason = 500

// Actor is the admin who changes somebody else's account, as stored; nil where
// there is no such account.
type Actor struct {
	*User
	vouches bool
}

// Vouches says whether the change depends on the actor being an admin still:
// then the actor's document is written with it, unchanged. Of two admins who
// take the role from each other at once one meets a conflict and is refused,
// so that there is always an admin who can sign in.
func (a *Actor) Vouches() bool { return a != nil && a.vouches }

// Allows is asked about a change that takes an admin away.
func (a *Actor) Allows() error {
	if a == nil || a.User == nil || !a.isAdmin() {
		return errNotAdmin
	}
	a.vouches = true
	return nil
}

func (u *User) isAdmin() bool {
	return !u.Disabled && !u.Erased() && slices.Contains(u.Roles, caller.Admin)
}

// Barred says whether the account may neither sign in nor renew a session.
func (u *User) Barred() bool { return u.Disabled || u.Erased() }

// Erased says whether the account is deleted: what is left is its ID, for what
// refers to it.
func (u *User) Erased() bool { return !u.DeletedAt.IsZero() }

// Events lists the security events of the methods since the user was read.
func (u *User) Events() []audit.Event { return slices.Clone(u.events) }

func (u *User) tell(e audit.Event) { u.events = append(u.events, e) }

// disable bars the account. by is the admin who does it.
func (u *User) disable(by *Actor, reason string) error {
	if u.Disabled {
		return nil
	}
	if u.isAdmin() {
		if err := by.Allows(); err != nil {
			return err
		}
	}
	u.Disabled = true
	u.record(Disabled)
	reason = strings.TrimSpace(reason)
	r := []rune(reason)
	u.tell(audit.Event{Kind: audit.Disabled, Note: string(r[:min(len(r), maxReason)])})
	return nil
}

func (u *User) enable() {
	if !u.Disabled {
		return
	}
	u.Disabled = false
	u.record(Enabled)
	u.tell(audit.Event{Kind: audit.Enabled})
}

// erase leaves nothing of the account but its ID and its times. An admin has to
// lose the role first, which another admin takes away.
func (u *User) erase(now time.Time) error {
	if u.isAdmin() {
		return errAdmin
	}
	*u = User{
		ID: u.ID, Roles: []caller.Role{}, CreatedAt: u.CreatedAt, DeletedAt: now.UTC(), Version: u.Version,
		changes: []Change{Deleted}, events: []audit.Event{{Kind: audit.Deleted}},
	}
	return nil
}

// Disable bars an account: its sessions end, and nobody signs in to it. Doing
// it twice is no mistake.
func (s *Service) Disable(ctx context.Context, by, id string, match int64, reason string) (User, error) {
	return s.byStaff(ctx, by, id, match, func(u *User, a *Actor) error { return u.disable(a, reason) })
}

// Enable lets an account sign in again.
func (s *Service) Enable(ctx context.Context, by, id string, match int64) (User, error) {
	return s.byStaff(ctx, by, id, match, func(u *User, _ *Actor) error {
		u.enable()
		return nil
	})
}

func (s *Service) byStaff(ctx context.Context, by, id string, match int64, change func(*User, *Actor) error) (User, error) {
	if by == id {
		return User{}, errOwnAccount
	}
	return s.store.UpdateBy(ctx, by, id, func(u *User, a *Actor) error {
		if err := u.matches(match); err != nil {
			return err
		}
		return change(u, a)
	})
}

// Delete erases an account for an admin; fault.NotFound where there never was
// one. A repeat finishes what an earlier try has left.
func (s *Service) Delete(ctx context.Context, by, id string, match int64) error {
	held, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	if !held.Erased() {
		_, err = s.byStaff(ctx, by, id, match, func(u *User, _ *Actor) error { return u.erase(s.now()) })
		if err != nil && fault.KindOf(err) != fault.NotFound { // not found: another one was faster
			return err
		}
	}
	return s.store.Finish(ctx, id)
}

// DeleteOwn erases the own account, for whoever knows its password as well.
func (s *Service) DeleteOwn(ctx context.Context, id, password string) error {
	u, err := s.Me(ctx, id)
	if err != nil {
		return err
	}
	ok, err := s.hasher.Matches(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		return err
	case !ok:
		s.failed(ctx, id, "wrong password at deletion")
		return ErrPassword
	}
	_, err = s.store.Update(ctx, id, func(held *User) error { return held.erase(s.now()) })
	if err != nil {
		return own(err)
	}
	return s.store.Finish(ctx, id)
}

// OnFailure has f told of each failed sign-in to an account, "" for an unknown
// e-mail. f must not block. Call it before the service is used.
func (s *Service) OnFailure(f func(ctx context.Context, userID, reason string)) { s.failed = f }

// SetPreferences replaces the preferences of a signed-in user.
func (s *Service) SetPreferences(ctx context.Context, id string, match int64, p Preferences) (User, error) {
	return s.Change(ctx, id, match, func(u *User) error { return u.SetPreferences(p, s.now()) })
}

// Lookup gives the account that has exactly this ID or e-mail, from the store
// itself; false: there is none.
func (s *Service) Lookup(ctx context.Context, text string) (User, bool, error) {
	if e, err := NormalEmail(text); err == nil {
		return s.store.ByEmail(ctx, e)
	}
	return User{}, false, nil
}
