package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// leaveTime is how long the processes of a killed Postgres may take to notice.
const leaveTime = 10 * time.Second

// forget removes the lock file that a killed Postgres left in its folder, once
// none of its processes works there. Postgres does that itself, but takes a
// dead process that nobody has reaped, as happens in containers, for a live one.
// The caller has the folder to itself.
func forget(ctx context.Context, data string) error {
	lock := filepath.Join(data, "postmaster.pid")
	if _, err := os.Stat(lock); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Readlink("/proc/self/cwd"); err != nil {
		return nil // this system cannot tell who works there: Postgres decides
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for inhabited(data) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("a Postgres still works in %s: stop it first", data)
		case <-tick.C:
		}
	}
	if err := os.Remove(lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder of postgres: %w", err)
	}
	return nil
}

// inhabited says whether a process has dir as its working folder, as all of
// Postgres has its data folder. Dead ones have none.
func inhabited(dir string) bool {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, l := range links {
		if at, err := os.Readlink(l); err == nil && at == dir {
			return true
		}
	}
	return false
}
