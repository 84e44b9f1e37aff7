package session

import (
	"net/netip"
	"strings"
)

// agentLimit is how many characters of a user agent are kept.
const agentLimit = 200

// Client is what a session is known by to its user.
type Client struct {
	UserAgent string
	Address   string // IP
	With      string // what the user has shown to begin it, for the trail
}

// network gives the address without the part that stands for one household or
// one person: enough to know a stranger by. "" where there is none.
func (c Client) network() string {
	a, err := netip.ParseAddr(c.Address)
	if err != nil {
		return ""
	}
	a = a.Unmap()
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

func (c Client) agent() string {
	r := []rune(strings.ToValidUTF8(c.UserAgent, "?"))
	return string(r[:min(len(r), agentLimit)])
}
