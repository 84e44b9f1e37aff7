package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"tienda/tests/shop"
)

// idleCase opens so many connections at the gateway, each of which makes one
// request and stays.
const (
	idleCase        = "idle connections"
	idleConnections = 10_000
	openers         = 32
)

// Idle is what open connections cost.
type Idle struct {
	Connections int     `json:"connections"`
	BeforeMB    float64 `json:"before_mb"` // resident, of the gateway
	MemoryMB    float64 `json:"memory_mb"` // with them
	BusyMB      float64 `json:"busy_mb"`   // after the busy case ran beside them
}

// measureIdle holds the connections while other clients read, and reads how much
// memory the gateway has.
func measureIdle(ctx context.Context, m *meter, r *Report, s *shop.Shop) error {
	if !m.only.MatchString(idleCase) {
		return nil
	}
	gateways := s.Of("gateway")
	if len(gateways) != 1 {
		return errors.New("there must be one gateway")
	}
	pid := []int{gateways[0].PID}
	i := &Idle{Connections: idleConnections, BeforeMB: residentMB(pid)}
	u, err := url.Parse(s.Gateway)
	if err != nil {
		return err
	}
	conns, err := openIdle(ctx, u.Host, idleConnections)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err != nil {
		return fmt.Errorf("%s: %w (ulimit -n must allow for more, here and for the gateway)", idleCase, err)
	}
	i.MemoryMB = residentMB(pid)
	b, err := newBuyers(ctx, client(2*m.connections), s.Gateway)
	if err != nil {
		return err
	}
	if err := r.add(m.run("product detail, beside "+idleCase, 0, noCounts, b.detail)); err != nil {
		return err
	}
	i.BusyMB = residentMB(pid)
	r.Idle = i
	// They are really there: each answers once more.
	for _, c := range conns {
		if err := readOnce(c); err != nil {
			return fmt.Errorf("%s: one was not kept: %w", idleCase, err)
		}
	}
	fmt.Printf("   %d idle connections: the gateway has %.0f MB, %.0f MB without them, %.0f MB after others have read beside them\n", i.Connections, i.MemoryMB, i.BeforeMB, i.BusyMB)
	return nil
}

func openIdle(ctx context.Context, address string, n int) ([]net.Conn, error) {
	var mu sync.Mutex
	var conns []net.Conn
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, openers)
	for range openers {
		go func() {
			for left.Add(-1) >= 0 {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
				if err := readOnce(c); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var err error
	for range openers {
		err = errors.Join(err, <-errs)
	}
	return conns, err
}

// readOnce reads a list that the gateway has in its cache.
func readOnce(c net.Conn) error {
	if _, err := io.Copy(c, strings.NewReader("GET /v1/products?limit=5 HTTP/1.1\r\nHost: shop\r\n\r\n")); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
