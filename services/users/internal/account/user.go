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
	"tienda/internal/mail"
	"tienda/internal/origin"
	"tienda/services/users/internal/audit"
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
	ID           string        `json:"id"` // UUIDv7; UUIDv5 of the e-mail for an imported one; the sender's for one that was moved in
	ExternalID   string        `json:"external_id,omitempty"`
	Email        string        `json:"email"` // as NormalEmail gives it
	Name         string        `json:"name"`
	PasswordHash string        `json:"password_hash,omitempty"` // PHC string; "": no sign-in by password
	Roles        []caller.Role `json:"roles"`
	Preferences  Preferences   `json:"preferences"`
	Addresses    []Address     `json:"addresses,omitempty"` // in the order in which they were added
	CreatedAt    time.Time     `json:"created_at"`
	Disabled     bool          `json:"disabled,omitempty"`  // see Barred
	DeletedAt    time.Time     `json:"deleted_at,omitzero"` // see Erased
	Freeing      string        `json:"freeing,omitempty"`   // of an erased one: the claim that may still be there
	// DevicesSince is from when on a device that has signed in is trusted.
	DevicesSince time.Time `json:"devices_since,omitzero"`

	// Of the e-mail and the password (letters.go).
	EmailVerified bool                      `json:"email_verified,omitempty"`
	Verification  *Proof                    `json:"verification,omitempty"` // of Email
	NewEmail      *Proof                    `json:"new_email,omitempty"`    // that the user wants to have
	Reset         *Proof                    `json:"reset,omitempty"`        // the newest only
	PasswordEpoch int64                     `json:"password_epoch,omitempty"`
	Asked         map[mail.Kind][]time.Time `json:"asked,omitempty"`        // letters of the last hour
	LetterCount   int64                     `json:"letter_count,omitempty"` // written in all
	Unseen        int64                     `json:"unseen,omitempty"`       // writes of the document that were Private only

	// Of an account that was moved in (moved.go).
	Origin  *origin.Source `json:"origin,omitempty"`
	Remains *Remains       `json:"remains,omitempty"`

	Version int64 `json:"-"` // of the document as read, without the unseen writes; 0: not stored yet

	changes  []Change
	letters  []mail.Letter
	events   []audit.Event
	lostRole bool

	dropsFactor bool
	lostAccess  bool // see LosesAccess
}

// Change is a thing that happened to a user and that others may hear of.
type Change int

// The changes.
const (
	Registered Change = iota + 1
	ProfileChanged
	RolesChanged
	Private // to be stored, and of no interest to others
	Disabled
	Enabled
	Deleted
)

// Changes lists what the methods did to the user since it was read.
func (u *User) Changes() []Change { return slices.Clone(u.changes) }

// Seen says whether others can see a difference since the user was read.
func (u *User) Seen() bool {
	return slices.ContainsFunc(u.changes, func(c Change) bool { return c != Private })
}

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
		DevicesSince: now.UTC(), // those of a former account with this e-mail are strangers
	}
	if err := u.Rename(name); err != nil {
		return User{}, err
	}
	u.changes, u.events = []Change{Registered}, []audit.Event{{Kind: audit.Registered}}
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
func (u *User) ForgetDevices(now time.Time) {
	u.DevicesSince = now.UTC()
	u.record(Private)
}

// Rehash keeps the password in another form. One that was changed since old was
// read stays.
func (u *User) Rehash(old, next string) {
	if u.PasswordHash == old && old != next {
		u.PasswordHash = next
		u.record(Private)
	}
}

// SetRoles gives the user exactly these roles, and that of a customer. leaving
// says that an admin may be taken away.
func (u *User) SetRoles(roles []caller.Role, leaving bool) error {
	next := normalRoles(roles)
	switch {
	case slices.Equal(next, u.Roles):
		return nil
	case u.IsAdmin() && !slices.Contains(next, caller.Admin) && !leaving:
		return errLeaving
	}
	u.tell(audit.Event{Kind: audit.RolesChanged, Detail: map[string]string{"from": joined(u.Roles), "to": joined(next)}})
	u.lostRole = slices.ContainsFunc(u.Roles, func(r caller.Role) bool { return !slices.Contains(next, r) })
	u.Roles = next
	u.record(RolesChanged)
	return nil
}

func joined(roles []caller.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " ")
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

// SetPreferences replaces the preferences. When marketing mail was allowed or
// forbidden is noted, whatever p says of it.
func (u *User) SetPreferences(p Preferences, now time.Time) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.DefaultAddressID != "" {
		if _, err := u.Address(p.DefaultAddressID); err != nil {
			return invalid("/default_address_id", "is none of your addresses")
		}
	}
	p.MarketingMailAt = u.Preferences.MarketingMailAt
	if p.MarketingMail != u.Preferences.MarketingMail {
		p.MarketingMailAt = now.UTC()
		kind := audit.ConsentWithdrawn
		if p.MarketingMail {
			kind = audit.ConsentGiven
		}
		u.tell(audit.Event{Kind: kind, Detail: map[string]string{"of": "marketing_mail"}})
	}
	u.Preferences = p
	u.record(ProfileChanged)
	return nil
}

func invalid(field, reason string) error {
	return fault.New(fault.Unprocessable, "invalid_value", "A value is well formed, but cannot be used.").At(field, reason)
}
