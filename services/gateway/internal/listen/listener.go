// Package listen takes the connections of clients: how many, how slow they may
// be, and how the gateway lets go of them when it stops.
package listen

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Limits bound the open connections.
type Limits struct {
	Total      int
	PerAddress int // an IPv6 /64 counts as one; proxies have no such limit
	// Counted gives the address by which connections are counted; false: not by any.
	Counted func(netip.Addr) (netip.Addr, bool)
}

// Stats says how the connections stand.
type Stats struct{ Open, Refused int64 }

// listener closes what is over the limits at once. To wait, as netutil's does,
// would leave those who may come behind those who may not.
type listener struct {
	net.Listener
	limits  Limits
	mu      sync.Mutex
	by      map[netip.Addr]int
	open    int
	refused atomic.Int64
}

func limited(l net.Listener, limits Limits) *listener {
	return &listener{Listener: l, limits: limits, by: map[netip.Addr]int{}}
}

// Accept gives the next connection within the limits.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, counted := netip.Addr{}, false
		if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			address, counted = l.limits.Counted(tcp.AddrPort().Addr().Unmap().WithZone(""))
		}
		if l.enter(address, counted) {
			return &conn{Conn: c, leave: sync.OnceFunc(func() { l.leave(address, counted) })}, nil
		}
		l.refused.Add(1)
		_ = c.Close()
	}
}

func (l *listener) enter(a netip.Addr, counted bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.limits.Total || counted && l.by[a] >= l.limits.PerAddress {
		return false
	}
	l.open++
	if counted {
		l.by[a]++
	}
	return true
}

func (l *listener) leave(a netip.Addr, counted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if !counted {
		return
	}
	if l.by[a]--; l.by[a] == 0 {
		delete(l.by, a)
	}
}

func (l *listener) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Open: int64(l.open), Refused: l.refused.Load()}
}

// conn leaves the count when it is closed.
type conn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}
