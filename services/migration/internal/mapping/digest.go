package mapping

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
)

// The fields of users that a hash stands in.
const (
	passwordField = "password_hash"
	digestField   = "password_digest"
)

// sealed puts the digest of a password's hash beside it, and gives the hash; nil where
// there is none.
func (k *Kind) sealed(v any) map[string]any {
	doc, ok := v.(map[string]any)
	if !ok || k.Kind != "users" {
		return nil
	}
	hash, ok := doc[passwordField].(map[string]any)
	if !ok {
		return nil
	}
	if k.seal != nil {
		doc[digestField] = digest(k.seal, hash)
	}
	return hash
}

// digest is HMAC-SHA-256 over the SHA-256 each of format, placement, hash and salt, as
// the contract of users says.
func digest(key []byte, hash map[string]any) string {
	mac := hmac.New(sha256.New, key)
	for _, name := range []string{"format", "salt_placement", "hash", "salt"} {
		text, _ := hash[name].(string)
		if name == "salt_placement" && text == "" {
			text = "before"
		}
		sum := sha256.Sum256([]byte(text))
		mac.Write(sum[:])
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func without(v any, name string) any {
	doc, ok := v.(map[string]any)
	if !ok {
		return v
	}
	doc = maps.Clone(doc)
	delete(doc, name)
	return doc
}
