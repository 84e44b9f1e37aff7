package password

import (
	"encoding/base64"
	"slices"
	"strconv"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // no new system: bcrypt is made of it
)

// bcrypt with a given salt, which golang.org/x/crypto/bcrypt does not offer:
// what is stored is argon2id of its sum, so that the sum must be made anew.

// maxBcryptCost bounds the time of a check: 12 takes a quarter of a second.
const maxBcryptCost = 12

const (
	bcryptBytes   = 72 // of a password; bcrypt ignores the rest
	bcryptSetting = 29 // characters of "$2b$10$" and the salt
	bcryptSum     = 31 // characters
)

var bcrypt64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

type bcryptParams struct {
	cost int
	salt []byte
}

func splitBcrypt(hash string) (setting, sum string) {
	if len(hash) != bcryptSetting+bcryptSum {
		return "", ""
	}
	return hash[:bcryptSetting], hash[bcryptSetting:]
}

func parseBcrypt(hash string) (bcryptParams, []byte, error) {
	setting, text := splitBcrypt(hash)
	p, err := parseBcryptSetting(setting)
	if err != nil {
		return p, nil, err
	}
	sum, err := bcrypt64.DecodeString(text)
	return p, sum, err
}

// parseBcryptSetting reads "$2b$10$" and the salt. $2a$, $2b$ and $2y$ are the
// same for text without NUL; $2x$ marks the hashes of a defect.
func parseBcryptSetting(s string) (p bcryptParams, err error) {
	if len(s) != bcryptSetting || !slices.Contains([]string{"$2a$", "$2b$", "$2y$"}, s[:4]) || s[6] != '$' {
		return p, errForm
	}
	if p.cost, err = strconv.Atoi(s[4:6]); err != nil || p.cost < 4 || p.cost > maxBcryptCost {
		return p, errForm
	}
	p.salt, err = bcrypt64.DecodeString(s[7:])
	return p, err
}

func (p bcryptParams) sum(password []byte) []byte {
	key := append(slices.Clone(password[:min(len(password), bcryptBytes)]), 0)
	c, err := blowfish.NewSaltedCipher(key, p.salt)
	if err != nil {
		return nil // only for an empty key or salt
	}
	for range 1 << p.cost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(p.salt, c)
	}
	sum := []byte("OrpheanBeholderScryDoubt")
	for at := 0; at < len(sum); at += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(sum[at:], sum[at:])
		}
	}
	return sum[:len(sum)-1] // as the first implementation did
}
