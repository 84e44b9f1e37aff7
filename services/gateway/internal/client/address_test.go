package client

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		name, proxies, header, peer string
		headers                     []string // name, value, …
		want                        string
	}{
		{"no proxies", "", "", "203.0.113.9:4711", []string{XForwardedFor, "1.2.3.4"}, "203.0.113.9"},
		{"not from a proxy", "10.0.0.0/8", "", "203.0.113.9:4711", []string{XForwardedFor, "1.2.3.4"}, "203.0.113.9"},
		{"from a proxy", "10.0.0.0/8", "", "10.1.2.3:4711", []string{XForwardedFor, "1.2.3.4"}, "1.2.3.4"},
		{"a proxy of one address", "10.1.2.3", "", "10.1.2.3:4711", []string{XForwardedFor, "1.2.3.4"}, "1.2.3.4"},
		{"what the client wrote is left of it", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
		{"over two proxies", "10.0.0.0/8, 192.168.0.1", "", "10.1.2.3:1", []string{XForwardedFor, "6.6.6.6, 1.2.3.4, 192.168.0.1"}, "1.2.3.4"},
		{"in two lines", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "6.6.6.6", XForwardedFor, "1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		{"proxies only", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "10.0.0.7"}, "10.0.0.7"},
		{"a proxy that names nobody", "10.0.0.0/8", "", "10.1.2.3:1", nil, "10.1.2.3"},
		{"nonsense", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "1.2.3.4, unknown"}, "10.1.2.3"},
		{"an empty element", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "1.2.3.4,"}, "10.1.2.3"},
		{"with a port", "10.0.0.0/8", "", "10.1.2.3:1", []string{XForwardedFor, "1.2.3.4:80"}, "1.2.3.4"},
		{"IPv6", "fd00::/8", "", "[fd00::1]:1", []string{XForwardedFor, "2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", "fd00::/8", "", "[fd00::1]:1", []string{XForwardedFor, "[2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv4 written as IPv6", "10.0.0.0/8", "", "[::ffff:10.1.2.3]:1", []string{XForwardedFor, "::ffff:1.2.3.4"}, "1.2.3.4"},
		{"the other header is the client's", "10.0.0.0/8", "", "10.1.2.3:1", []string{Forwarded, "for=1.2.3.4"}, "10.1.2.3"},
		{"Forwarded", "10.0.0.0/8", "forwarded", "10.1.2.3:1", []string{Forwarded, `for=6.6.6.6, by=x;For="1.2.3.4:80";proto=https`, XForwardedFor, "6.6.6.6"}, "1.2.3.4"},
		{"Forwarded, IPv6", "10.0.0.0/8", "Forwarded", "10.1.2.3:1", []string{Forwarded, `for="[2001:db8::1]:443"`}, "2001:db8::1"},
		{"Forwarded, hidden", "10.0.0.0/8", "Forwarded", "10.1.2.3:1", []string{Forwarded, "for=_hidden"}, "10.1.2.3"},
		{"Forwarded, without for", "10.0.0.0/8", "Forwarded", "10.1.2.3:1", []string{Forwarded, "proto=https"}, "10.1.2.3"},
		{"no address", "10.0.0.0/8", "", "@", nil, "invalid IP"},
	} {
		p, err := ParseProxies(c.proxies, c.header)
		require.NoError(t, err, c.name)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		require.Equal(t, c.want, p.Address(r).String(), c.name)
	}
}

func TestParseProxies(t *testing.T) {
	for _, bad := range []string{"10.0.0.0/33", "proxy.internal", "10.0.0.0/8 10.1.0.0/16", "*"} {
		_, err := ParseProxies(bad, "")
		require.ErrorContains(t, err, bad)
	}
	_, err := ParseProxies("", "X-Real-Ip")
	require.ErrorContains(t, err, "X-Real-Ip")
}

func TestCounted(t *testing.T) {
	for in, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::"} {
		require.Equal(t, want, Counted(netip.MustParseAddr(in)).String())
	}
	require.False(t, Counted(netip.Addr{}).IsValid())
}

// What is quoted is no element of its own: a client cannot put an address into
// the host that a proxy quotes.
func TestAnAddressInQuotes(t *testing.T) {
	p, err := ParseProxies("10.0.0.0/8", Forwarded)
	require.NoError(t, err)
	for _, v := range []string{`proto=https;host="a,for=6.6.6.6";for=1.2.3.4`, `for=1.2.3.4;host="a,for=6.6.6.6"`, `host="a;for=6.6.6.6";for=1.2.3.4`, `for=1.2.3.4;host="a,for=6.6.6.6`} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.1.2.3:1"
		r.Header.Set("Forwarded", v)
		require.NotEqual(t, "6.6.6.6", p.Address(r).String(), v)
	}
}
