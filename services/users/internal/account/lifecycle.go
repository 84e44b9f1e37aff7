package account

import (
	"context"
	"errors"
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
	// ErrNotAdmin answers an admin who is none any more.
	ErrNotAdmin   = fault.New(fault.Forbidden, "role_missing", "Your account may not do this.")
	errOwnAccount = fault.New(fault.Forbidden, "own_account", "Nobody does this to the own account.")
	errAdmin      = fault.New(fault.Conflict, "admin_account",
		"This is an admin's account. Another admin has to take the role away first.")
)

// maxReason is how many characters of a reason are kept.
const maxReason = 500

// IsAdmin says whether somebody can act as an admin with the account.
func (u *User) IsAdmin() bool {
	return !u.Disabled && !u.Erased() && slices.Contains(u.Roles, caller.Admin)
}

// Barred says whether the account may neither sign in nor renew a session.
func (u *User) Barred() bool { return u.Disabled || u.Erased() }

// DropsFactor says whether the second factor goes with what was done to the
// account since it was read.
func (u *User) DropsFactor() bool { return u.dropsFactor }

// EndsSessions says whether the account's sessions may not go on after what was
// done since it was read: it is barred, or has lost a role, which its access
// tokens still name.
func (u *User) EndsSessions() bool { return u.lostRole || u.Barred() }

// LosesAccess says whether what MoveIn did takes something away from whoever is signed
// in: the password is another one, a role is gone, the account is disabled.
func (u *User) LosesAccess() bool { return u.lostAccess }

// Erased says whether the account is deleted: what is left is its ID, for what
// refers to it.
func (u *User) Erased() bool { return !u.DeletedAt.IsZero() }

// Events lists the security events of the methods since the user was read.
func (u *User) Events() []audit.Event { return slices.Clone(u.events) }

func (u *User) tell(e audit.Event) { u.events = append(u.events, e) }

// errLeaving is for the service: the change takes an admin away, see byStaff.
var errLeaving = errors.New("account: an admin is taken away")

// disable bars the account. leaving says that an admin may be taken away.
func (u *User) disable(reason string, leaving bool) error {
	switch {
	case u.Disabled:
		return nil
	case u.IsAdmin() && !leaving:
		return errLeaving
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

// erase leaves nothing of the account but its ID, its times, and where it came from if it
// was moved in, so that it is not moved in again. An admin has to
// lose the role first, which another admin takes away.
func (u *User) erase(now time.Time) error {
	if u.IsAdmin() {
		return errAdmin
	}
	*u = User{
		ID: u.ID, Roles: []caller.Role{}, CreatedAt: u.CreatedAt, DeletedAt: now.UTC(), Version: u.Version, Unseen: u.Unseen,
		Origin: u.Origin, changes: []Change{Deleted}, events: []audit.Event{{Kind: audit.Deleted}},
	}
	return nil
}

// Disable bars an account: its sessions end, and nobody signs in to it. Doing
// it twice is no mistake.
func (s *Service) Disable(ctx context.Context, by, id string, match int64, reason string) (User, error) {
	return s.byStaff(ctx, by, id, match, func(u *User, leaving bool) error { return u.disable(reason, leaving) })
}

// Enable lets an account sign in again.
func (s *Service) Enable(ctx context.Context, by, id string, match int64) (User, error) {
	return s.byStaff(ctx, by, id, match, func(u *User, _ bool) error {
		u.enable()
		return nil
	})
}

// byStaff changes somebody else's account. A change that takes an admin away is
// done while the store knows of it, so that there is always one left.
func (s *Service) byStaff(ctx context.Context, by, id string, match int64, change func(u *User, leaving bool) error) (User, error) {
	if by == id {
		return User{}, errOwnAccount
	}
	try := func(leaving bool) (User, error) {
		return s.store.Update(ctx, id, func(u *User) error {
			if err := u.matches(match); err != nil {
				return err
			}
			return change(u, leaving)
		})
	}
	u, err := try(false)
	if !errors.Is(err, errLeaving) {
		return u, err
	}
	op, err := s.store.Leave(ctx, by, id)
	if err != nil {
		return User{}, err
	}
	u, err = try(true)
	if err == nil || fault.KindOf(err) != fault.Unavailable && fault.KindOf(err) != fault.Internal {
		// If this fails, or the change may land yet, the note runs out by itself.
		_ = s.store.Settle(context.WithoutCancel(ctx), id, op)
	}
	return u, err
}

// Delete erases an account for an admin; fault.NotFound where there never was
// one. A repeat finishes what an earlier try has left.
func (s *Service) Delete(ctx context.Context, by, id string, match int64) error {
	held, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	if !held.Erased() {
		_, err = s.byStaff(ctx, by, id, match, func(u *User, _ bool) error { return u.erase(s.now()) })
		if err != nil && fault.KindOf(err) != fault.NotFound { // not found: another one was faster
			return err
		}
	}
	return s.store.Finish(ctx, id)
}

// DeleteOwn erases the own account, for whoever knows its password as well.
func (s *Service) DeleteOwn(ctx context.Context, id, password string, also Also) error {
	if _, err := s.prove(ctx, id, password, "/password", also); err != nil {
		return err
	}
	_, err := s.store.Update(ctx, id, func(held *User) error { return held.erase(s.now()) })
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
