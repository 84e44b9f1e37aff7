package daprd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Free ports are given from below those that the kernel gives to outgoing
// connections, which would otherwise have a port again before the process that it
// is for has opened it. For the same reason two processes never give from the same
// block at a time, nor does one process give a port twice.
const lowestFree, highestFree, portBlock = 10000, 32767, 64

var given struct {
	sync.Mutex
	held []*os.File // the locks of its blocks, until this process ends
	next int        // the first port of the block that was not given
	end  int
}

// FreePorts gives n loopback ports that are free now and that nobody else is given
// as long as this process lives.
func FreePorts(n int) ([]int, error) {
	given.Lock()
	defer given.Unlock()
	ports := make([]int, 0, n)
	for len(ports) < n {
		if given.next == given.end {
			if err := nextBlock(); err != nil {
				return nil, err
			}
		}
		p := given.next
		given.next++
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p))) //nolint:noctx // closed at once
		if err != nil {
			continue
		}
		_ = l.Close()
		ports = append(ports, p)
	}
	return ports, nil
}

// nextBlock takes a block that no other process has: the first from a random one on.
func nextBlock() error {
	dir := filepath.Join(os.TempDir(), "tienda-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("free ports: %w", err)
	}
	const blocks = (highestFree - lowestFree + 1) / portBlock
	from, err := rand.Int(rand.Reader, big.NewInt(blocks))
	if err != nil {
		return fmt.Errorf("free ports: %w", err)
	}
	for i := range blocks {
		n := (int(from.Int64()) + i) % blocks
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(n)), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a number in our own folder
		if err != nil {
			return fmt.Errorf("free ports: %w", err)
		}
		if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
			_ = f.Close()
			continue
		}
		given.held = append(given.held, f)
		given.next = lowestFree + n*portBlock
		given.end = given.next + portBlock
		return nil
	}
	return errors.New("free ports: other processes have them all")
}
