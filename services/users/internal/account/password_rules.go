package account

import (
	"unicode/utf8"
)

// Bounds of a password, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

// CheckPassword refuses a password that nobody may choose; fault.Unprocessable.
func CheckPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		return invalid("/password", "has not 8 to 128 characters")
	}
	return nil
}
