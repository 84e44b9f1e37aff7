package password

import (
	"context"
	"crypto/md5"  //nolint:gosec // what other systems have
	"crypto/sha1" //nolint:gosec // what other systems have
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strconv"
	"strings"

	"tienda/internal/fault"
)

// Legacy is a hash as another system had it.
type Legacy struct {
	Format    string `json:"format"` // see Formats
	Hash      string `json:"-"`      // bcrypt's and argon2id's own text; hex of the others
	Salt      string `json:"salt,omitempty"`
	SaltAfter bool   `json:"salt_after,omitempty"` // hash(password + salt), not hash(salt + password)
}

// Formats are the hashes that can be taken over.
var Formats = []string{"argon2id", "bcrypt", "md5", "sha1", "sha256", "sha512"}

var digests = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// maxImported bounds, in KiB times passes, an argon2id hash that is taken
// over: its check must not take longer than DefaultFloor.
const maxImported = 256 << 10

// Check says whether the hash can be taken over; the error is
// fault.Unprocessable and names what of "/password_hash" is wrong.
func (l Legacy) Check() error {
	_, err := l.want()
	return err
}

// want gives the sum that the password must have; nil for argon2id.
func (l Legacy) want() ([]byte, error) {
	bad := func(field, reason string) error {
		return fault.New(fault.Unprocessable, "invalid_value", "A value is well formed, but cannot be used.").At("/password_hash/"+field, reason)
	}
	digest := digests[l.Format]
	if digest == nil && l.Salt != "" {
		return nil, bad("salt", "is part of the hash in this format")
	}
	switch {
	case l.Format == "argon2id":
		if p, _, _, err := decode(l.Hash); err != nil || uint64(p.MemoryKiB)*uint64(p.Passes) > maxImported {
			return nil, bad("hash", "is not a PHC string of argon2id with at most 256 MiB in all passes")
		}
		return nil, nil
	case l.Format == "bcrypt":
		_, sum, err := parseBcrypt(l.Hash)
		if err != nil {
			return nil, bad("hash", "is not a bcrypt hash ($2a$, $2b$ or $2y$) of a cost from 4 to "+strconv.Itoa(maxBcryptCost))
		}
		return sum, nil
	case digest != nil:
		sum, err := hex.DecodeString(l.Hash)
		if err != nil || len(sum) != digest().Size() {
			return nil, bad("hash", "is not "+strconv.Itoa(digest().Size())+" bytes in hexadecimal")
		}
		return sum, nil
	}
	return nil, bad("format", "is not known")
}

// sum gives what the other system made of a password, as it was typed.
func (l Legacy) sum(password string) []byte {
	if l.Format == "bcrypt" {
		setting, err := parseBcryptSetting(l.Salt)
		if err != nil {
			return nil // a damaged document, which no password fits
		}
		return setting.sum([]byte(password))
	}
	h := digests[l.Format]()
	if !l.SaltAfter {
		_, _ = h.Write([]byte(l.Salt))
	}
	_, _ = h.Write([]byte(password))
	if l.SaltAfter {
		_, _ = h.Write([]byte(l.Salt))
	}
	return h.Sum(nil)
}

const wrapped = "$wrapped$"

// Wrap gives the form in which a hash of another system is kept: argon2id of
// it, so that whoever reads the store gains nothing by the other system's weak
// hash. The error is that of Check, ErrBusy, or ctx's.
func (h *Hasher) Wrap(ctx context.Context, l Legacy) (string, error) {
	want, err := l.want()
	if err != nil || l.Format == "argon2id" {
		return l.Hash, err
	}
	if l.Format == "bcrypt" {
		l.Salt, _ = splitBcrypt(l.Hash)
	}
	phc, err := h.seal(ctx, want)
	if err != nil {
		return "", err
	}
	how, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	return wrapped + base64.RawStdEncoding.EncodeToString(how) + phc, nil
}

// unwrap splits a stored hash; nil: it is argon2id of the password itself.
func unwrap(stored string) (*Legacy, string, error) {
	rest, ok := strings.CutPrefix(stored, wrapped)
	if !ok {
		return nil, stored, nil
	}
	how, phc, _ := strings.Cut(rest, "$")
	raw, err := base64.RawStdEncoding.DecodeString(how)
	if err != nil {
		return nil, "", errForm
	}
	var l Legacy
	if json.Unmarshal(raw, &l) != nil || l.Format != "bcrypt" && digests[l.Format] == nil {
		return nil, "", errForm
	}
	return &l, "$" + phc, nil
}
