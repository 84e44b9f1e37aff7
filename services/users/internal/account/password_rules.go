package account

import (
	_ "embed" // of the list below
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How long a password may be, in code points of its NFC form.
const (
	MinPassword = 8
	MaxPassword = 128
)

//go:embed common_passwords.txt
var commonList string

// common are the passwords that everybody's guesses begin with.
var common = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool, 3000)
	for line := range strings.Lines(commonList) {
		if word := strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") && word != "" {
			set[word] = true
		}
	}
	return set
})

// shopWords are what people of this shop think of first: its name, its parts and
// roles. docs/security.md lists them, and a test holds it to this list.
var shopWords = []string{
	"tienda", "shop", "store", "users", "user", "customer", "support", "agent", "catalog", "manager", "orders", "order", "gateway", "admin",
}

// onlyShopWords says whether a text has no letters but those of the shop's words.
func onlyShopWords(text string) bool {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text)
	left := letters
	for _, w := range shopWords {
		left = strings.ReplaceAll(left, w, " ")
	}
	return letters != "" && strings.TrimSpace(left) == ""
}

// CheckPassword says whether somebody may choose a password: 8 to 128
// characters of any kind, none of the 3,000 most common of that length, in
// capitals or not, none that consists of the shop's own words with digits and
// signs between them, and none of emails (the whole, or what stands before the @).
// The error is fault.Unprocessable and names "/password".
func CheckPassword(password string, emails ...string) error {
	password = norm.NFC.String(password)
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return invalid("/password", "is not valid text")
	case n < MinPassword:
		return invalid("/password", "has fewer than 8 characters")
	case n > MaxPassword:
		return invalid("/password", "has more than 128 characters")
	}
	// NFKC, so that full-width letters hide nothing.
	plain := strings.ToLower(norm.NFKC.String(password))
	if common()[plain] {
		return invalid("/password", "is one of the most common passwords")
	}
	if onlyShopWords(plain) {
		return invalid("/password", "consists of the shop's own words")
	}
	for _, e := range emails {
		e = strings.ToLower(strings.TrimSpace(e))
		name, _, _ := strings.Cut(e, "@")
		if plain == e || plain == name {
			return invalid("/password", "is the e-mail")
		}
	}
	return nil
}
