package mapping

import (
	"maps"

	"tienda/internal/origin"
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

// digest is what the contract of users says: over format, placement, hash and salt.
func digest(key []byte, hash map[string]any) string {
	var parts []string
	for _, name := range []string{"format", "salt_placement", "hash", "salt"} {
		part, _ := hash[name].(string)
		if name == "salt_placement" && part == "" {
			part = "before"
		}
		parts = append(parts, part)
	}
	return origin.Digest(key, parts...)
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
