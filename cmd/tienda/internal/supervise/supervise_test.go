package supervise_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/supervise"
)

// The test binary plays the watchdog and a runner that gets killed.
func TestMain(m *testing.M) {
	switch os.Getenv("SUPERVISE_ROLE") {
	case "watchdog":
		supervise.Watch(os.Stdin)
		return
	case "runner":
		runner()
		return
	}
	os.Exit(m.Run())
}

func role(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SUPERVISE_ROLE="+name)
	return cmd
}

func start(t *testing.T, observe func(supervise.Event)) *supervise.Supervisor {
	t.Helper()
	w, err := supervise.StartWatchdog(role("watchdog"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return supervise.New(w, observe)
}

func shell(script string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command("sh", "-c", script) }
}

func TestACrashedProcessIsRestartedWithBackoff(t *testing.T) {
	events := make(chan supervise.Event, 64)
	s := start(t, func(e supervise.Event) { events <- e })
	p, err := s.Keep(supervise.Spec{Name: "crash", Command: shell("exit 3")})
	require.NoError(t, err)
	var waits []time.Duration
	for len(waits) < 3 {
		if e := <-events; e.Err != nil {
			require.ErrorContains(t, e.Err, "exit status 3")
			waits = append(waits, e.Next)
		}
	}
	supervise.StopAll(time.Second, p)
	require.Equal(t, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}, waits)
}

func TestAKilledProcessComesBack(t *testing.T) {
	s := start(t, func(supervise.Event) {})
	p, err := s.Keep(supervise.Spec{Name: "victim", Command: shell("exec sleep 60")})
	require.NoError(t, err)
	defer supervise.StopAll(time.Second, p)
	first := p.PID()
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.Eventually(t, func() bool { pid := p.PID(); return pid != 0 && pid != first }, 5*time.Second, 10*time.Millisecond)
}

func TestStopDrainsThenKills(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"it drains when asked":             {`trap 'echo drained; exit 0' TERM; echo up; while :; do sleep 0.05; done`, "drained"},
		"it is killed when it does not":    {`trap '' TERM; echo up; while :; do sleep 0.05; done`, "up"},
		"its children go with the process": {`trap '' TERM; sleep 60 & echo up; wait; while :; do sleep 0.05; done`, "up"},
	} {
		t.Run(name, func(t *testing.T) {
			out := &buffer{}
			s := start(t, func(supervise.Event) {})
			p, err := s.Keep(supervise.Spec{Name: "p", Command: shell(c.script), Log: out})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "up") }, 5*time.Second, 10*time.Millisecond)
			pid := p.PID()
			supervise.StopAll(500*time.Millisecond, p)
			require.Zero(t, p.PID())
			require.Contains(t, out.String(), c.want)
			require.Eventually(t, func() bool { return syscall.Kill(-pid, 0) != nil }, 5*time.Second, 10*time.Millisecond)
		})
	}
}

func TestAStopDuringBackoffIsQuick(t *testing.T) {
	ended := make(chan struct{}, 64)
	s := start(t, func(e supervise.Event) {
		if e.Err != nil {
			ended <- struct{}{}
		}
	})
	p, err := s.Keep(supervise.Spec{Name: "crash", Command: shell("exit 1")})
	require.NoError(t, err)
	<-ended
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	p.Stop(ctx)
	require.NoError(t, ctx.Err())
}

func TestAMissingProgramIsSaidAtOnce(t *testing.T) {
	s := start(t, func(supervise.Event) {})
	_, err := s.Keep(supervise.Spec{Name: "x", Command: func() *exec.Cmd { return exec.Command("/does/not/exist") }})
	require.ErrorContains(t, err, "x cannot start")
}

// runner keeps two processes, one of which has a child, writes their IDs and
// waits to be killed.
func runner() {
	w, err := supervise.StartWatchdog(role("watchdog"))
	if err != nil {
		panic(err)
	}
	s := supervise.New(w, func(supervise.Event) {})
	for range 2 {
		cmd := func() *exec.Cmd { return exec.Command("sh", "-c", "sleep 60 & echo $! $$; wait") }
		if _, err := s.Keep(supervise.Spec{Name: "child", Command: cmd, Log: os.Stdout}); err != nil {
			panic(err)
		}
	}
	os.Stdout.WriteString("registered\n")
	select {}
}

func TestAKilledRunnerLeavesNothing(t *testing.T) {
	cmd := role("runner")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	var pids []int
	lines := bufio.NewScanner(out)
	registered := false
	for (len(pids) < 4 || !registered) && lines.Scan() {
		if lines.Text() == "registered" {
			registered = true
			continue
		}
		for word := range strings.FieldsSeq(lines.Text()) {
			pid, err := strconv.Atoi(word)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	require.Len(t, pids, 4)
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	for _, pid := range pids {
		require.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 10*time.Millisecond, "process %d is left", pid)
	}
}

// gone takes a zombie for gone: it is only waiting to be reaped by init.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
