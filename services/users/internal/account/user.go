// Package account is who somebody is to the shop: e-mail, name, credentials,
// roles, preferences and addresses. A user is one document, so that each rule
// here holds under one ETag.
package account

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// MaxAddresses is how many addresses a user may keep.
const MaxAddresses = 50

// What the rules of this package refuse.
var (
	ErrEmailTaken = fault.New(fault.Conflict, "email_taken", "There is an account with this e-mail already.").
			At("/email", "has an account already")
	ErrGone     = fault.New(fault.Unauthenticated, "account_gone", "Your account is gone. Sign in again.")
	ErrOwnRoles = fault.New(fault.Forbidden, "own_roles", "Nobody changes the own roles.")
	ErrFull     = fault.New(fault.Conflict, "address_book_full", "An account keeps 50 addresses at most. Remove one first.")
	ErrVersion  = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The account has changed since you read it. Read it again.").At("If-Match", "is not the current version")
	ErrMissing = fault.Missing("account")
	errAddress = fault.Missing("address")
)

// User is one account. Its JSON form is how it is stored.
type User struct {
	ID           string        `json:"id"` // UUIDv7; UUIDv5 of the e-mail for an imported one
	ExternalID   string        `json:"external_id,omitempty"`
	Email        string        `json:"email"` // as NormalEmail gives it
	Name         string        `json:"name"`
	PasswordHash string        `json:"password_hash,omitempty"` // PHC string; "": no sign-in by password
	Roles        []caller.Role `json:"roles"`
	Preferences  Preferences   `json:"preferences"`
	Addresses    []Address     `json:"addresses,omitempty"` // in the order in which they were added
	CreatedAt    time.Time     `json:"created_at"`
	// DevicesSince is from when on a device that has signed in is trusted.
	DevicesSince time.Time `json:"devices_since,omitzero"`

	Version int64 `json:"-"` // of the document as read; 0: not stored yet

	changes []Change
}

// Change is a thing that happened to a user and that others may hear of.
type Change int

// The changes.
const (
	Registered Change = iota + 1
	ProfileChanged
	RolesChanged
)

// Changes lists what the methods did to the user since it was read.
func (u *User) Changes() []Change { return slices.Clone(u.changes) }

func (u *User) record(c Change) {
	if !slices.Contains(u.changes, c) {
		u.changes = append(u.changes, c)
	}
}

// New gives a new user with the role of a customer.
func New(email, name, passwordHash string, now time.Time) (User, error) {
	email, err := NormalEmail(email)
	if err != nil {
		return User{}, err
	}
	u := User{
		ID: uuid.Must(uuid.NewV7()).String(), Email: email, PasswordHash: passwordHash,
		Roles: []caller.Role{caller.Customer}, Preferences: DefaultPreferences(), CreatedAt: now.UTC(),
	}
	if err := u.Rename(name); err != nil {
		return User{}, err
	}
	u.changes = []Change{Registered}
	return u, nil
}

// Rename gives the user another name.
func (u *User) Rename(name string) error {
	name = strings.TrimSpace(name)
	if name == "" {
		return invalid("/name", "is blank")
	}
	u.Name = name
	u.record(ProfileChanged)
	return nil
}

// ForgetDevices ends the trust in every device that has signed in before: after
// a change of what is needed to sign in, they count as strangers' (package
// signin).
func (u *User) ForgetDevices(now time.Time) { u.DevicesSince = now.UTC() }

// SetRoles gives the user exactly these roles, and that of a customer. by is
// the ID of the admin who does it: nobody changes the own roles, so that the
// last admin cannot lock everybody out by mistake.
func (u *User) SetRoles(by string, roles []caller.Role) error {
	if by == u.ID {
		return ErrOwnRoles
	}
	next := normalRoles(roles)
	if slices.Equal(next, u.Roles) {
		return nil
	}
	u.Roles = next
	u.record(RolesChanged)
	return nil
}

// normalRoles gives known roles in their fixed order, customer always.
func normalRoles(roles []caller.Role) []caller.Role {
	out := []caller.Role{}
	for _, r := range caller.Roles {
		if r == caller.Customer || slices.Contains(roles, r) {
			out = append(out, r)
		}
	}
	return out
}

// SetPreferences replaces the preferences.
func (u *User) SetPreferences(p Preferences) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.DefaultAddressID != "" {
		if _, err := u.Address(p.DefaultAddressID); err != nil {
			return invalid("/default_address_id", "is none of your addresses")
		}
	}
	u.Preferences = p
	u.record(ProfileChanged)
	return nil
}

func invalid(field, reason string) error {
	return fault.New(fault.Unprocessable, "invalid_value", "A value is well formed, but cannot be used.").At(field, reason)
}
