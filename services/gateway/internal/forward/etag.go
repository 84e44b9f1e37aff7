package forward

import "strings"

// hashLength is the length of the hash in a tag that the gateway made.
const hashLength = 22

// ETag gives the tag of an answer that clients may keep. The app's tag is the
// version of the resource, and does not tell answers apart that show more than
// it, such as the stock beside a product; so the hash of the body is added:
// `"3"` becomes `"3.<hash>"`. hash is of hashLength characters.
func ETag(app, hash string) string {
	if version, ok := strings.CutSuffix(app, `"`); ok && len(version) > 1 && version[0] == '"' {
		return version + "." + hash + `"`
	}
	return `"` + hash + `"`
}

// version takes the hash off a tag again, for If-Match: who read a product as a
// guest may change it as staff.
func version(tag string) string {
	at := len(tag) - 2 - hashLength // of the dot
	if at < 2 || tag[at] != '.' || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return tag
	}
	return tag[:at] + `"`
}
