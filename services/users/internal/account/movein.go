package account

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/services/users/internal/audit"
)

// MoveIn gives an account as another system has it now; held is the account as it is
// here, nil: there is none. What only exists here stays: sessions, the second factor,
// whether the e-mail is verified, a password that the owner has set here. Everything
// that a document carries is as the document says, addresses included. Nobody is
// written to, and nothing is announced.
//
// An account that was made here becomes one that was moved in if the document may adopt it.
// What the document says counts; what it has no word for stays, and so does the password,
// unless the document brings another one.
//
// The error is fault.Conflict for an account that was made here otherwise, or erased here,
// fault.Unprocessable for values that cannot be used, fault.Unavailable where the
// password has to be hashed first (NeedsHash, Prepared).
func MoveIn(held *User, id string, m Moved, now time.Time) (User, error) {
	switch {
	case held != nil && held.Erased():
		return User{}, errErased
	case held != nil && held.Origin == nil && !m.adopts:
		return User{}, errMadeHere
	}
	var kept *Kept
	if held != nil && m.adopts {
		kept = held.keeps(m)
	}
	n, err := m.with(kept).Normal()
	if err != nil {
		return User{}, err
	}
	u := User{ID: id, CreatedAt: now.UTC(), DevicesSince: now.UTC(), Remains: &Remains{}, Roles: normalRoles(nil)}
	if held != nil {
		u = *held
	}
	if u.Remains == nil {
		u.Remains = &Remains{OwnPassword: u.PasswordHash != ""}
	}
	if u.Addresses, err = n.addresses(id); err != nil {
		return User{}, err
	}
	if held != nil && m.adopts {
		u.Addresses = sameAddresses(id, u.Addresses, held.Addresses)
	}
	if n.CreatedAt != "" {
		if u.CreatedAt, err = time.Parse(time.RFC3339, n.CreatedAt); err != nil {
			return User{}, invalid("/created_at", "is not a time")
		}
	}
	if err := u.movePassword(m, held != nil, now); err != nil {
		return User{}, err
	}
	if err := u.movePreferences(*n.Preferences, held != nil, now); err != nil {
		return User{}, err
	}
	u.moveIdentity(n, held != nil)
	u.moveRights(n, held != nil)
	from := m.from
	u.Origin, u.ExternalID = &from, from.Key
	u.remember(m, kept)
	return u, nil
}

// movePassword sets the password if another one came than the last time. Whoever knew the
// old one is signed out.
func (u *User) movePassword(m Moved, known bool, now time.Time) error {
	r := *u.Remains
	defer func() { u.Remains = &r }()
	switch {
	case m.PasswordHash == nil && r.Digest == "": // there never was one
		return nil
	case m.PasswordHash == nil && r.OwnPassword:
		r.Digest = ""
		return nil
	case m.PasswordHash != nil && m.PasswordDigest == r.Digest:
		return nil
	case m.PasswordHash != nil:
		if err := m.PasswordHash.Legacy().Check(); err != nil {
			return err
		}
		if m.wrapped == "" {
			return errNoHash
		}
	}
	u.PasswordHash, r.Digest, r.OwnPassword = m.wrapped, m.PasswordDigest, false
	if !known {
		return nil
	}
	u.Reset, u.NewEmail = nil, nil
	u.PasswordEpoch++
	u.DevicesSince, u.lostAccess = now.UTC(), true
	u.tell(audit.Event{Kind: audit.PasswordChanged})
	return nil
}

// movePreferences takes the preferences over. When somebody consented before the move is
// not known; when he changes his mind after it is.
func (u *User) movePreferences(p MovedPreferences, known bool, now time.Time) error {
	was := u.Preferences
	next := Preferences{Currency: p.Currency, Language: p.Language, MarketingMail: *p.MarketingMail, MarketingMailAt: was.MarketingMailAt}
	if err := next.check(); err != nil {
		return below("/preferences", err)
	}
	if len(u.Addresses) > 0 {
		next.DefaultAddressID = u.Addresses[0].ID
	}
	if known && next.MarketingMail != was.MarketingMail {
		next.MarketingMailAt = now.UTC()
		kind := audit.ConsentWithdrawn
		if next.MarketingMail {
			kind = audit.ConsentGiven
		}
		u.tell(audit.Event{Kind: kind, Detail: map[string]string{"of": "marketing_mail"}})
	}
	u.Preferences = next
	return nil
}

// moveIdentity takes name and e-mail over. Another e-mail is not verified.
func (u *User) moveIdentity(n Moved, known bool) {
	if known && u.Email != n.Email {
		u.EmailVerified, u.Verification, u.NewEmail, u.Reset = false, nil, nil, nil
		u.tell(audit.Event{Kind: audit.EmailChanged})
	}
	u.Email, u.Name = n.Email, n.Name
}

// moveRights takes roles and state over. The trail tells of what changes, and of the roles
// of staff with which an account comes.
func (u *User) moveRights(n Moved, known bool) {
	if next := n.Roles; !slices.Equal(next, u.Roles) {
		u.tell(audit.Event{Kind: audit.RolesChanged, Detail: map[string]string{"from": joined(u.Roles), "to": joined(next)}})
		u.lostAccess = u.lostAccess || slices.ContainsFunc(u.Roles, func(r caller.Role) bool { return !slices.Contains(next, r) })
		u.Roles = next
	}
	disabled := n.Status == movedDisabled
	switch {
	case disabled == u.Disabled, !known:
	case disabled:
		u.lostAccess = true
		u.tell(audit.Event{Kind: audit.Disabled})
	default:
		u.tell(audit.Event{Kind: audit.Enabled})
	}
	u.Disabled = disabled
}

// remember keeps how the document was written, if AsMoved would write it otherwise.
func (u *User) remember(m Moved, kept *Kept) {
	m = m.Prepared(origin.Source{}, "")
	m.PasswordHash, m.adopts = nil, false
	r := *u.Remains
	r.As, r.Kept = nil, kept
	u.Remains = &r
	if !reflect.DeepEqual(u.AsMoved(), m) {
		r.As = &m
	}
}

// EmailRefused gives why an account cannot be moved in under an e-mail, of who has it (ok) or
// is just getting it: ErrEmailTaken, or email_registered where that account was made here.
func EmailRefused(holder User, ok bool) error {
	if ok && holder.Origin == nil {
		return errRegistered
	}
	return ErrEmailTaken
}

// below gives the error with the path of its fields under a parent.
func below(parent string, err error) error {
	var refused *fault.Error
	if !errors.As(err, &refused) {
		return err
	}
	f := *refused
	f.Fields = nil
	for _, at := range refused.Fields {
		f.Fields = append(f.Fields, fault.Field{Name: parent + at.Name, Reason: at.Reason})
	}
	return &f
}
