package mapping

import "tienda/internal/origin"

// The fields of users that a hash stands in.
const (
	passwordField = "password_hash"
	digestField   = "password_digest"
)

// sealed puts the digest of a password's hash beside it, and says whether there is one.
func (k *Kind) sealed(doc members) (members, bool) {
	if k.Kind != "users" {
		return doc, false
	}
	hash, ok := membersOf(doc.get(passwordField))
	if !ok {
		return doc, false
	}
	if k.seal != nil {
		doc = doc.with(digestField, digest(k.seal, hash))
	}
	return doc, true
}

// digest is what the contract of users says: over format, placement, hash and salt.
func digest(key []byte, hash members) string {
	var parts []string
	for _, name := range []string{"format", "salt_placement", "hash", "salt"} {
		part, _ := hash.get(name).(string)
		if name == "salt_placement" && part == "" {
			part = "before"
		}
		parts = append(parts, part)
	}
	return origin.Digest(key, parts...)
}
