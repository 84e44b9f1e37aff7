package profile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is who runs Postgres, which refuses to be run by root; nil is the
// user who runs the shop.
type account struct{ uid, gid uint32 }

func accountForPostgres() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the user who runs the shop
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		return &account{uint32(uid), uint32(gid)}, nil
	}
	return nil, errors.New("postgres refuses to run as root, and there is no account postgres or nobody to run it: run the shop as another user")
}

// give makes the paths the account's, lets it run the command, and returns how
// the command has to name them: as open files, since the account may not be
// allowed to enter the folders above. done closes them in this process.
func (a *account) give(cmd *exec.Cmd, paths ...string) (names []string, done func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	done = func() {
		for _, f := range cmd.ExtraFiles {
			_ = f.Close()
		}
	}
	if a == nil {
		return paths, done, nil
	}
	cmd.Dir = "/"
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	for n, path := range paths {
		if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
			done()
			return nil, nil, fmt.Errorf("%s cannot be given to the account of Postgres: %w", path, err)
		}
		f, err := os.Open(path) //nolint:gosec // in the shop's data folder
		if err != nil {
			done()
			return nil, nil, fmt.Errorf("postgres: %w", err)
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		names = append(names, fmt.Sprintf("/proc/self/fd/%d", 3+n)) // ExtraFiles begin at 3
	}
	return names, done, nil
}
