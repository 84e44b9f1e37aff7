package api

import (
	"time"

	"tienda/internal/caller"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/password"
)

type registerRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

type userAnswer struct {
	ID            string        `json:"id"`
	Email         string        `json:"email"`
	EmailVerified bool          `json:"email_verified"`
	Name          string        `json:"name"`
	Roles         []caller.Role `json:"roles"`
	CreatedAt     time.Time     `json:"created_at"`
	Disabled      bool          `json:"disabled"`
	DeletedAt     time.Time     `json:"deleted_at,omitzero"`
}

// deletedName is what an erased account is called.
const deletedName = "Deleted account"

func userOf(u account.User) userAnswer {
	a := userAnswer{
		ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Roles: u.Roles, CreatedAt: u.CreatedAt, Disabled: u.Disabled, DeletedAt: u.DeletedAt,
	}
	if u.Erased() {
		a.Name = deletedName
	}
	return a
}

type disableRequest struct {
	Reason string `json:"reason"`
}

type deleteRequest struct {
	Password string `json:"password"`
	factorRequest
}

type exportAnswer struct {
	Account        userAnswer      `json:"account"`
	ExternalID     string          `json:"external_id,omitempty"`
	Preferences    preferences     `json:"preferences"`
	Addresses      []savedAddress  `json:"addresses"`
	Sessions       []sessionAnswer `json:"sessions"`
	SecurityEvents []eventAnswer   `json:"security_events"` // the newest
	Elsewhere      []elsewhere     `json:"elsewhere"`
}

// elsewhere says where the rest of what the shop holds of a person is read.
type elsewhere struct {
	What string `json:"what"`
	At   string `json:"at"`
}

type rolesRequest struct {
	Roles []caller.Role `json:"roles"`
}

type changeMeRequest struct {
	Name string `json:"name"`
}

type grantRequest struct {
	GrantType    string `json:"grant_type"`
	Email        string `json:"email"`
	Username     string `json:"username"` // RFC 6749 calls it so
	Password     string `json:"password"`
	RefreshToken string `json:"refresh_token"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"` // space separated
	TOTP         string `json:"totp"`
	RecoveryCode string `json:"recovery_code"`
}

type totpAnswer struct {
	Enabled           bool `json:"enabled"`
	RecoveryCodesLeft int  `json:"recovery_codes_left"`
}

type totpStartAnswer struct {
	Secret    string    `json:"secret"`
	URL       string    `json:"otpauth_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

type ownerRequest struct {
	Password string `json:"password"`
	factorRequest
}

// factorRequest is the second factor, where it is on.
type factorRequest struct {
	TOTP         string `json:"totp"`
	RecoveryCode string `json:"recovery_code"`
}

type confirmRequest struct {
	TOTP string `json:"totp"`
}

type recoveryAnswer struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

type passwordHash struct {
	Format        string `json:"format"`
	Hash          string `json:"hash"`
	Salt          string `json:"salt"`
	SaltPlacement string `json:"salt_placement"`
}

func (h *passwordHash) domain() *password.Legacy {
	if h == nil {
		return nil
	}
	return &password.Legacy{Format: h.Format, Hash: h.Hash, Salt: h.Salt, SaltAfter: h.SaltPlacement == "after"}
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	SessionID    string `json:"session_id,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

type sessionAnswer struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	UserAgent  string    `json:"user_agent"`
	Address    string    `json:"address,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Current    bool      `json:"current"`
}

type listAnswer[T any] struct {
	Items []T `json:"items"`
}

type preferences struct {
	Currency      string `json:"currency"`
	Language      string `json:"language"`
	MarketingMail bool   `json:"marketing_mail"`
	// MarketingMailAt is only answered: what a request says of it counts nothing.
	MarketingMailAt  time.Time `json:"marketing_mail_at,omitzero"`
	DefaultAddressID string    `json:"default_address_id,omitempty"`
}

type address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
	Phone      string `json:"phone,omitempty"`
}

func (a address) domain(id string) account.Address {
	return account.Address{
		ID: id, Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, Region: a.Region,
		PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone,
	}
}

type savedAddress struct {
	ID string `json:"id"`
	address
}

func savedOf(a account.Address) savedAddress {
	return savedAddress{ID: a.ID, address: address{
		Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, Region: a.Region,
		PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone,
	}}
}

type contactAnswer struct {
	Email    string `json:"email"`
	Language string `json:"language"`
}

type checkoutAnswer struct {
	UserID      string        `json:"user_id"`
	Email       string        `json:"email"`
	Name        string        `json:"name"`
	Preferences preferences   `json:"preferences"`
	Address     *savedAddress `json:"address"`
}

type importUser struct {
	ExternalID  string        `json:"external_id"`
	Email       string        `json:"email"`
	Name        string        `json:"name"`
	Password    string        `json:"password"`
	Hash        *passwordHash `json:"password_hash"`
	Roles       []caller.Role `json:"roles"`
	Preferences *preferences  `json:"preferences"`
	Addresses   []address     `json:"addresses"`
}

func (l importUser) domain() account.Imported {
	in := account.Imported{ExternalID: l.ExternalID, Email: l.Email, Name: l.Name, Password: l.Password, PasswordHash: l.Hash.domain(), Roles: l.Roles}
	if l.Preferences != nil {
		p := account.Preferences(*l.Preferences)
		in.Preferences = &p
	}
	for _, a := range l.Addresses {
		in.Addresses = append(in.Addresses, a.domain(""))
	}
	return in
}

type proofRequest struct {
	Token string `json:"token"`
}

type newEmailRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	factorRequest
}

type changePasswordRequest struct {
	Current string `json:"current_password"`
	New     string `json:"new_password"`
	factorRequest
}

type resetRequest struct {
	Email string `json:"email"`
}

type confirmResetRequest struct {
	Token string `json:"token"`
	New   string `json:"new_password"`
}

type acceptedAnswer struct {
	Status string `json:"status"`
}
