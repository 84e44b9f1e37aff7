// Package letters is what users are written, in which words.
package letters

import (
	"embed"
	"time"

	"tienda/internal/mail"
)

// The kinds.
const (
	VerifyEmail     mail.Kind = "verify_email"      // a link proves that the account's address is the user's
	ConfirmNewEmail mail.Kind = "confirm_new_email" // the same for the address that the account is to have
	EmailChanged    mail.Kind = "email_changed"     // to the old address
	ResetPassword   mail.Kind = "reset_password"    // a link lets whoever reads it set a password
	PasswordChanged mail.Kind = "password_changed"
)

// Kinds lists all kinds.
var Kinds = []mail.Kind{VerifyEmail, ConfirmNewEmail, EmailChanged, ResetPassword, PasswordChanged}

// ResetPatience is how long a reset is tried: as long as its link is good, since
// nobody waits for it any longer.
const ResetPatience = 30 * time.Minute

// No template may say what a user has written, a name for instance: an account
// made with somebody's address would carry the words of a stranger to that
// person, in the shop's name.
//
//go:embed templates/*.txt
var texts embed.FS

var templates = mail.MustTemplates(texts, "templates")

// Data is what the templates may say.
type Data struct {
	Link string // with the token
	Shop string // where the shop is: a URL
}

// Write gives a letter of a kind in the language that is nearest to what its
// reader prefers (BCP 47).
func Write(kind mail.Kind, to, preferred string, d Data) (mail.Message, error) {
	return templates.Write(kind, to, preferred, d)
}
