package origin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Digest gives 64 hexadecimal digits that change with a secret of a document, such as
// a password's hash, for an owner that cannot give the secret back: HMAC-SHA-256 under a
// key that the owner has not: 32 random bytes, say. Without the key it helps nobody to guess
// the secret.
func Digest(key []byte, secret ...string) string {
	h := hmac.New(sha256.New, key)
	for _, s := range secret {
		sum := sha256.Sum256([]byte(s)) // of a fixed length: no two lists are one text
		_, _ = h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
