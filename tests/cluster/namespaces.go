//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tienda/internal/daprd"
)

// startInside starts this program in pid, mount, network, IPC and UTS namespaces. With their
// process 1 everything in them ends, and with us that does.
func startInside(ctx context.Context) error {
	group := "tienda-k8s-e2e-" + strconv.Itoa(os.Getpid())
	if err := makeGroups(group); err != nil {
		return err
	}
	defer removeGroups(group)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{asInit}, os.Args[1:]...)...) //nolint:gosec,noctx // ourselves; ended below
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), groupVariable+"="+group)
	cmd.SysProcAttr = daprd.ChildAttr()
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	if err := daprd.StartChild(cmd); err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err = <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			err = <-ended
		}
		return errors.Join(ctx.Err(), err)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errSaid
	}
	return err
}

// errSaid is of a failure that the program inside has told of.
var errSaid = errors.New("")

const groupVariable = "TIENDA_CLUSTER_GROUP"

// beInit is process 1: it makes the mounts, starts the program once more and takes the
// leave of whatever is nobody's child.
func beInit(args []string) int {
	o, err := parse(args)
	if err == nil {
		err = mounts(o)
	}
	self, selfErr := os.Executable()
	if err = errors.Join(err, selfErr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster: NOT PASSED:", err)
		return 1
	}
	child, err := os.StartProcess(self, append([]string{self, inside}, args...), &os.ProcAttr{ //nolint:gosec // ourselves
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster: NOT PASSED:", err)
		return 1
	}
	passOn(child.Pid)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1
		case pid == child.Pid && status.Exited():
			return status.ExitStatus()
		case pid == child.Pid && status.Signaled():
			return 128 + int(status.Signal())
		}
	}
}

// mounts hides what the node must not see or change: it has an own /run, /var/lib and
// /var/log, and the settings of the kernel that a kubelet makes are written into files.
func mounts(o options) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount of /proc: %w", err)
	}
	// Containers are mounted below these, and a kubelet asks for mounts that are shared.
	for name, at := range map[string]string{"lib": "/var/lib", "log": "/var/log"} {
		from := filepath.Join(o.dir, "node", name)
		if err := os.MkdirAll(from, 0o755); err != nil { //nolint:gosec // as those that it stands for
			return err
		}
		if err := unix.Mount(from, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount of %s: %w", at, err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount of /run: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join(o.dir, "run", strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			return err
		}
		if err := unix.Mount(file, filepath.Join("/proc/sys", name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return unix.Sethostname([]byte(node))
}

// The control groups of the pods are below one of this run, in each hierarchy: what a
// namespace ends leaves them behind.
func hierarchies() ([]string, error) {
	const base = "/sys/fs/cgroup"
	var fs unix.Statfs_t
	if err := unix.Statfs(base, &fs); err != nil {
		return nil, err
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{base}, nil
	}
	all, err := os.ReadDir(base)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range all {
		if e.IsDir() {
			out = append(out, filepath.Join(base, e.Name()))
		}
	}
	return out, nil
}

func makeGroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	for _, h := range all {
		if err := os.Mkdir(filepath.Join(h, name), 0o755); err != nil { //nolint:gosec // as all of them are
			return fmt.Errorf("control groups: %w", err)
		}
	}
	return nil
}

// removeGroups removes the deepest first; a group goes when its last process has.
func removeGroups(name string) {
	all, _ := hierarchies()
	for _, h := range all {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(h, name), func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			for range 50 {
				if err := os.Remove(dirs[i]); err == nil || os.IsNotExist(err) {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}
