package account

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/services/users/internal/password"
)

// What a document that is moved in is refused with, besides ErrEmailTaken and values
// that cannot be used.
var (
	errMadeHere = fault.New(fault.Conflict, "made_here", "There is an account with this ID that was not moved in.")
	errNoHash   = fault.New(fault.Unavailable, "hash_missing", "The password has changed meanwhile. Send all again.")
)

// The two states that a moved account can be in.
const (
	movedActive   = "active"
	movedDisabled = "disabled"
)

// Moved is an account in the shape in which it is moved in from another system and
// in which it is read back; there without PasswordHash.
type Moved struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	// PasswordHash stands beside its digest, which the sender makes (origin.Digest).
	PasswordHash   *MovedHash        `json:"password_hash,omitempty"`
	PasswordDigest string            `json:"password_digest,omitempty"`
	Roles          []caller.Role     `json:"roles,omitzero"`
	Preferences    *MovedPreferences `json:"preferences,omitempty"`
	Addresses      []MovedAddress    `json:"addresses,omitzero"` // the first is the default one
	CreatedAt      string            `json:"created_at,omitempty"`
	Status         string            `json:"status,omitempty"`

	// Of Prepared.
	from    origin.Source
	wrapped string // PasswordHash as it is kept

	adopts bool // of Adopting
}

// MovedHash is a password's hash as another system has it.
type MovedHash struct {
	Format        string `json:"format"`
	Hash          string `json:"hash"`
	Salt          string `json:"salt,omitempty"`
	SaltPlacement string `json:"salt_placement,omitempty"`
}

// Legacy gives the hash as package password takes it.
func (h MovedHash) Legacy() password.Legacy {
	return password.Legacy{Format: h.Format, Hash: h.Hash, Salt: h.Salt, SaltAfter: h.SaltPlacement == "after"}
}

// MovedPreferences are preferences as they are moved in.
type MovedPreferences struct {
	Currency      string `json:"currency"`
	Language      string `json:"language"`
	MarketingMail *bool  `json:"marketing_mail,omitempty"`
}

// MovedAddress is an address as it is moved in: without an ID, which is derived of its place.
type MovedAddress struct {
	Name       string  `json:"name"`
	Line1      string  `json:"line1"`
	Line2      *string `json:"line2,omitempty"`
	City       string  `json:"city"`
	Region     *string `json:"region,omitempty"`
	PostalCode string  `json:"postal_code"`
	Country    string  `json:"country"`
	Phone      *string `json:"phone,omitempty"`
}

// Remains is what came with a moved account and has no other place in it.
type Remains struct {
	// Digest is of the newest password hash that came; "": there was none.
	Digest string `json:"digest,omitempty"`
	// OwnPassword says that the owner has set a password here since.
	OwnPassword bool `json:"own_password,omitempty"`
	// As is the document as it was written, where AsMoved would write it otherwise.
	As *Moved `json:"as,omitempty"`
	// Kept is what the document does not say of an account that was made here.
	Kept *Kept `json:"kept,omitempty"`
}

// Prepared gives the document with what MoveIn needs to know besides: where it comes from,
// and the form in which its hash is kept ("": not known).
func (m Moved) Prepared(from origin.Source, hash string) Moved {
	m.from, m.wrapped = from, hash
	return m
}

// Adopting gives the document as one that may take the place of an account that was made here.
func (m Moved) Adopting() Moved {
	m.adopts = true
	return m
}

// From gives what Prepared was told.
func (m Moved) From() origin.Source { return m.from }

// NeedsHash says whether the document brings a password that the account (the zero User:
// there is none) has not been given yet.
func (m Moved) NeedsHash(held User) bool {
	return m.PasswordHash != nil && (held.Remains == nil || held.Remains.Digest != m.PasswordDigest)
}

// Normal gives the document in the one form of all that say the same; what is left out
// is filled in, but for the time at which the account was made.
func (m Moved) Normal() (Moved, error) {
	email, err := NormalEmail(m.Email)
	if err != nil {
		return Moved{}, err
	}
	n := Moved{Email: email, Name: strings.TrimSpace(m.Name), PasswordDigest: m.PasswordDigest}
	if n.Name == "" {
		return Moved{}, invalid("/name", "is blank")
	}
	if n.Status = m.Status; n.Status == "" {
		n.Status = movedActive
	}
	n.Roles = normalRoles(m.Roles)
	d := DefaultPreferences()
	p := MovedPreferences{Currency: d.Currency, Language: d.Language, MarketingMail: &d.MarketingMail}
	if given := m.Preferences; given != nil {
		p.Currency, p.Language = given.Currency, given.Language
		if given.MarketingMail != nil {
			p.MarketingMail = given.MarketingMail
		}
	}
	n.Preferences = &p
	for _, a := range m.Addresses {
		a.Line2, a.Region, a.Phone = said(a.Line2), said(a.Region), said(a.Phone)
		n.Addresses = append(n.Addresses, a)
	}
	if m.CreatedAt != "" {
		at, err := time.Parse(time.RFC3339, m.CreatedAt)
		if err != nil {
			return Moved{}, invalid("/created_at", "is not a time")
		}
		n.CreatedAt = at.UTC().Format(time.RFC3339Nano)
	}
	return n, nil
}

// said gives nil for a text that says nothing.
func said(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}

func text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

// AsMoved gives the account as it would be moved in: as it came, unless something of it
// has changed here.
func (u *User) AsMoved() Moved {
	now := u.normalMoved()
	if u.Remains == nil || u.Remains.As == nil {
		return now.short()
	}
	came, err := u.Remains.As.with(u.Remains.Kept).Normal()
	if err != nil {
		return now.short()
	}
	if came.CreatedAt == "" {
		came.CreatedAt = now.CreatedAt
	}
	if !reflect.DeepEqual(came, now) {
		return now.short()
	}
	return *u.Remains.As
}

// normalMoved gives what is kept in the form of Normal.
func (u *User) normalMoved() Moved {
	m := Moved{
		Email: u.Email, Name: u.Name, Roles: u.Roles, Status: movedActive, CreatedAt: u.CreatedAt.UTC().Format(time.RFC3339Nano),
		Preferences: &MovedPreferences{Currency: u.Preferences.Currency, Language: u.Preferences.Language, MarketingMail: &u.Preferences.MarketingMail},
	}
	if u.Disabled {
		m.Status = movedDisabled
	}
	if r := u.Remains; r != nil && !r.OwnPassword {
		m.PasswordDigest = r.Digest
	}
	list := slices.Clone(u.Addresses)
	if i := u.addressAt(u.Preferences.DefaultAddressID); i > 0 { // another one has been chosen here
		list = slices.Insert(slices.Delete(list, i, i+1), 0, u.Addresses[i])
	}
	for _, a := range list {
		m.Addresses = append(m.Addresses, MovedAddress{
			Name: a.Name, Line1: a.Line1, Line2: said(&a.Line2), City: a.City, Region: said(&a.Region),
			PostalCode: a.PostalCode, Country: a.Country, Phone: said(&a.Phone),
		})
	}
	return m
}

// short leaves out what goes without saying. It is how most senders write.
func (m Moved) short() Moved {
	m.Roles = slices.DeleteFunc(slices.Clone(m.Roles), func(r caller.Role) bool { return r == caller.Customer })
	if len(m.Roles) == 0 {
		m.Roles = nil
	}
	return m
}

// addresses gives the addresses with the IDs that belong to their places.
func (m Moved) addresses(id string) ([]Address, error) {
	space, err := uuid.Parse(id)
	if err != nil {
		return nil, invalid("/id", "is not a UUID")
	}
	var out []Address
	for i, a := range m.Addresses {
		at := Address{
			ID: addressID(space, i), Name: a.Name, Line1: a.Line1, Line2: text(a.Line2), City: a.City,
			Region: text(a.Region), PostalCode: a.PostalCode, Country: a.Country, Phone: text(a.Phone),
		}
		if at.check() != nil {
			return nil, invalid("/addresses/"+strconv.Itoa(i)+"/country", "is not a country of ISO 3166")
		}
		out = append(out, at)
	}
	return out, nil
}

// addressID derives the ID of an address that comes without one from its place in the
// account.
func addressID(account uuid.UUID, place int) string {
	return uuid.NewSHA1(account, []byte("address:"+strconv.Itoa(place))).String()
}
