package migration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

// disk is a small file system that only a shop sees. It takes no root: the shop has it in
// a user and mount namespace of its own, which the kernel has to allow.
type disk struct {
	t    *testing.T
	dir  string // where the shop sees it
	shop func() int
}

// diskBytes is the size of a disk: some times what the stores of a test have.
const diskBytes = 48 << 20

// diskUnder has a shop keep some of its data on a disk: files below its data folder.
func diskUnder(t *testing.T, o *shop.Options, paths ...string) *disk {
	t.Helper()
	require.NoError(t, exec.CommandContext(t.Context(), "unshare", "--user", "--map-root-user", "--mount", "true").Run(),
		"this test needs unshare, and user namespaces: sysctl kernel.unprivileged_userns_clone=1")
	d := &disk{t: t, dir: filepath.Join(o.Dir, "disk")}
	require.NoError(t, os.Mkdir(d.dir, 0o700))
	script := fmt.Sprintf(`set -e; cd "$0"; mount -t tmpfs -o size=%d disk disk`, diskBytes)
	for _, path := range paths {
		at := filepath.Join(o.Dir, ".data", path)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(t, os.Symlink(filepath.Join(d.dir, filepath.Base(path)), at))
	}
	o.Under = []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script + `; cd "$OLDPWD"; exec "$@"`, o.Dir}
	return d
}

// ballast is what fills the disk, seen from outside of its namespace.
func (d *disk) ballast() string {
	return filepath.Join("/proc", fmt.Sprint(d.shop()), "root", d.dir, "ballast")
}

// fill leaves no room on the disk.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(d.t, err)
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		require.True(d.t, errors.Is(err, syscall.ENOSPC), err)
	}
}

// free gives the room back.
func (d *disk) free() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.ballast()))
}
