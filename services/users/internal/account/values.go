package account

import (
	"net/mail"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"tienda/internal/money"
)

// Preferences are what a user would rather have.
type Preferences struct {
	Currency      string `json:"currency"` // ISO 4217
	Language      string `json:"language"` // BCP 47
	MarketingMail bool   `json:"marketing_mail"`
	// When the consent was given or withdrawn; zero: never, or before an import.
	MarketingMailAt  time.Time `json:"marketing_mail_at,omitzero"`
	DefaultAddressID string    `json:"default_address_id,omitempty"`
}

// DefaultPreferences are those of a new user: no marketing mail unless asked.
func DefaultPreferences() Preferences { return Preferences{Currency: "EUR", Language: "en"} }

func (p Preferences) check() error {
	if !money.ValidCurrency(p.Currency) {
		return invalid("/currency", "is not a currency of ISO 4217")
	}
	if _, err := language.Parse(p.Language); err != nil {
		return invalid("/language", "is not a known language")
	}
	return nil
}

// NormalEmail gives the form in which e-mails are compared and kept: trimmed
// and in lower case. The error names "/email".
func NormalEmail(email string) (string, error) {
	e := strings.ToLower(strings.TrimSpace(email))
	a, err := mail.ParseAddress(e)
	breaks := func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }
	if err != nil || a.Address != e || len(e) > 254 || strings.ContainsFunc(e, breaks) {
		return "", invalid("/email", "is not an e-mail address")
	}
	return e, nil
}
