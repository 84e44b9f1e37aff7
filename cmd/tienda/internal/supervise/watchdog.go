package supervise

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// Watchdog is the runner's end of the watchdog process, which outlives a killed
// runner just long enough to end every process group that was registered.
type Watchdog struct {
	mu   sync.Mutex
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// StartWatchdog starts the command that runs Watch on its standard input.
func StartWatchdog(cmd *exec.Cmd) (*Watchdog, error) {
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	// In a session of its own neither Ctrl-C nor a closed terminal reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	return &Watchdog{pipe: pipe, cmd: cmd}, nil
}

// Add registers the process group of pid.
func (w *Watchdog) Add(pid int) { w.tell('+', pid) }

// Remove takes it off again, once the process is gone.
func (w *Watchdog) Remove(pid int) { w.tell('-', pid) }

// tell cannot fail in a way that matters to the caller: without its watchdog
// the runner still stops everything itself.
func (w *Watchdog) tell(what byte, pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.pipe, "%c%d\n", what, pid)
}

// Close ends the watchdog, which kills what is still registered.
func (w *Watchdog) Close() error {
	_ = w.pipe.Close()
	return w.cmd.Wait()
}

// Watch is the watchdog process: it reads registrations until in ends, as it
// does when the runner dies in whatever way, and then kills what is registered.
func Watch(in io.Reader) {
	groups := map[int]bool{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if len(line) < 2 {
			continue
		}
		pid, err := strconv.Atoi(line[1:])
		if err != nil || pid <= 1 {
			continue
		}
		if line[0] == '+' {
			groups[pid] = true
		} else {
			delete(groups, pid)
		}
	}
	for pid := range groups {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}
