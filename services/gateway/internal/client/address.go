// Package client says from which address a request comes. What clients write
// into headers is believed only as far as proxies that the operator names have
// added it.
package client

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// The headers in which a proxy says for whom it asks.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// mostHops bounds how far a chain of proxies is followed.
const mostHops = 16

// Proxies are those who may say for whom they ask.
type Proxies struct {
	trusted []netip.Prefix
	header  string
}

// ParseProxies reads a comma separated list of addresses and networks, and the
// one header that these proxies write: what a client writes into the other one
// would pass them unchanged.
func ParseProxies(list, header string) (Proxies, error) {
	p := Proxies{header: XForwardedFor}
	switch {
	case header == "" || strings.EqualFold(header, XForwardedFor):
	case strings.EqualFold(header, Forwarded):
		p.header = Forwarded
	default:
		return p, fmt.Errorf("the header %q is neither %s nor %s", header, XForwardedFor, Forwarded)
	}
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if a, err := netip.ParseAddr(s); err == nil {
			s = fmt.Sprintf("%s/%d", a, a.BitLen())
		}
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", s)
		}
		p.trusted = append(p.trusted, n.Masked())
	}
	return p, nil
}

// Trusts says whether an address is one of the proxies.
func (p Proxies) Trusts(a netip.Addr) bool {
	for _, n := range p.trusted {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// Address gives the address of the client: that of the connection, or, while
// it is a proxy's, the one that this proxy names. Where a proxy names none that
// can be read, it is its own. The zero Addr: not known.
func (p Proxies) Address(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap().WithZone("")
	if len(p.trusted) == 0 || !p.Trusts(at) {
		return at
	}
	lines := r.Header[p.header]
	if p.header == Forwarded && slices.ContainsFunc(lines, quotesDelimiters) {
		return at
	}
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for hop := 0; rest != "" && hop < mostHops; hop++ {
			var last string
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, last = rest[:cut], rest[cut+1:]
			} else {
				rest, last = "", rest
			}
			named, ok := p.named(strings.TrimSpace(last))
			if !ok {
				return at
			}
			if at = named; !p.Trusts(at) {
				return at
			}
		}
	}
	return at
}

// quotesDelimiters says that a quoted string of a Forwarded header (RFC 7239)
// holds what separates elements: an address or a host has none, so that somebody
// means to be taken for another.
func quotesDelimiters(line string) bool {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 && strings.ContainsAny(part, `,;\`) {
			return true
		}
	}
	return strings.Count(line, `"`)%2 == 1
}

// named reads one element of the header.
func (p Proxies) named(element string) (netip.Addr, bool) {
	if p.header == Forwarded {
		var found bool
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				element, found = strings.Trim(value, `"`), true
				break
			}
		}
		if !found {
			return netip.Addr{}, false
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(element, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddrPort(element)
	return a.Addr().Unmap().WithZone(""), err == nil
}

// Counted gives the address by which requests are counted: an IPv6 host has
// all of a /64 to choose from.
func Counted(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	n, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return n.Addr()
}
