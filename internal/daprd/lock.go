package daprd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock makes a second clone wait for the build of the first instead of doing
// the same work beside it. The kernel releases it with the process. Where the
// file system has no locks both build, and the rename keeps them apart.
func lock(ctx context.Context, dir, what string, progress io.Writer) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own cache
	if err != nil {
		return nil, unwritable(err)
	}
	var said time.Time
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			return func() { _ = f.Close() }, nil
		}
		if time.Since(said) > progressEvery {
			said = time.Now()
			_, _ = fmt.Fprintln(progress, "another process is building", what+": waiting for it")
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("waiting for the build of %s: %w", what, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
