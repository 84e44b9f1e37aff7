package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
)

// Every service of this machine's architecture starts from what its image unpacks to, with
// nothing else of the machine's files, as the image's user, and says that it is alive: it
// needs no file that the image has not, writes none, and finds zones of time (the mapping of
// the sample monolith names some).
func TestTheServicesStartFromTheirImages(t *testing.T) {
	started := 0
	require.NoError(t, all.each(func(app, arch string, image v1.Image) error {
		if arch != runtime.GOARCH || app == "mailbox" || app == "sandbox" { // these two serve no HTTP of that kind
			return nil
		}
		started++
		t.Run(app, func(t *testing.T) {
			dir := t.TempDir()
			before := unpack(t, image, dir)
			c, err := image.ConfigFile()
			require.NoError(t, err)
			port := freePort(t)
			cmd := inside(t, dir, c, append(c.Config.Env, "APP_HOST=127.0.0.1", "APP_PORT="+port, "APP_API_TOKEN=app", "DAPR_API_TOKEN=sidecar",
				"DAPR_HTTP_PORT="+freePort(t), "DAPR_GRPC_PORT="+freePort(t), "MIGRATION_MAPPING=monolith"))
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			require.NoError(t, cmd.Start())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			awaitAlive(t, "http://127.0.0.1:"+port+"/healthz", ended, &said)
			require.Equal(t, c.Config.User, owner(t, cmd.Process.Pid, dir))
			require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
			<-ended
			require.ElementsMatch(t, before, filesOf(t, dir))
		})
		return nil
	}))
	require.Equal(t, 6, started)
}

// inside prepares the image's entry point in a user namespace of its own, whose only user is
// the image's, with dir as the root of its file system.
func inside(t *testing.T, dir string, c *v1.ConfigFile, env []string) *exec.Cmd {
	t.Helper()
	id, group, _ := strings.Cut(c.Config.User, ":")
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	cmd := exec.Command(c.Config.Entrypoint[0])
	cmd.Dir, cmd.Env = c.Config.WorkingDir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: number(id), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: number(group), HostID: os.Getgid(), Size: 1}},
		Chroot:      dir, Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// awaitAlive asks until the address answers 200, which may take half a minute on a busy
// machine.
func awaitAlive(t *testing.T, url string, ended <-chan error, said fmt.Stringer) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if r, err := http.Get(url); err == nil { //nolint:gosec // loopback
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, said)
		case <-deadline:
			t.Fatalf("it is not alive")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// owner gives user and group of a process as its own namespace has them, and holds that its
// root is dir and that it has no capability.
func owner(t *testing.T, pid int, dir string) string {
	t.Helper()
	proc := "/proc/" + strconv.Itoa(pid)
	at, err := os.Readlink(proc + "/root")
	require.NoError(t, err)
	require.Equal(t, dir, at)
	raw, err := os.ReadFile(proc + "/status")
	require.NoError(t, err)
	require.Contains(t, string(raw), "\nCapEff:\t0000000000000000\n")
	ids := ""
	for _, file := range []string{"uid_map", "gid_map"} {
		raw, err := os.ReadFile(filepath.Join(proc, file))
		require.NoError(t, err)
		ids += ":" + strings.Fields(string(raw))[0]
	}
	return ids[1:]
}

func filesOf(t *testing.T, dir string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	}))
	return files
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
