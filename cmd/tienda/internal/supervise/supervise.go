// Package supervise keeps processes running: it starts each in a process group
// of its own, restarts what ends unasked, stops whole groups, and sees to it
// that nothing outlives the runner, even a killed one.
package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"tienda/internal/daprd"
)

const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
	calmAfter    = 10 * time.Second // up this long, the next restart is quick again
)

// Event is a change that the runner may want to tell.
type Event struct {
	Name     string
	PID      int           // of the process that started or ended
	Err      error         // why it ended or could not start; nil when it started
	Restarts int           // of this process so far
	Next     time.Duration // until the next start, when it ended
}

// Supervisor starts and keeps processes.
type Supervisor struct {
	watchdog *Watchdog
	observe  func(Event)
}

// New gives a supervisor that registers each process with the watchdog and
// tells observe, which must be quick, of each start and each unasked end.
func New(w *Watchdog, observe func(Event)) *Supervisor {
	return &Supervisor{watchdog: w, observe: observe}
}

func (s *Supervisor) start(cmd *exec.Cmd) error {
	if err := daprd.StartChild(cmd); err != nil {
		return err
	}
	s.watchdog.Add(cmd.Process.Pid)
	return nil
}

// Spec is a process to keep.
type Spec struct {
	Name    string
	Command func() *exec.Cmd // a fresh command for each start, with its own output; attributes, if any, from daprd.ChildAttr
	Log     io.Writer        // its stdout and stderr, unless the command sets them; written from several goroutines
	Stop    syscall.Signal   // asks it to end; 0: SIGTERM
}

// Process is a kept process.
type Process struct {
	spec Spec
	s    *Supervisor

	mu       sync.Mutex
	pid      int
	restarts int
	stopping bool

	halt chan struct{} // closed by Stop
	done chan struct{} // closed when it will not run again
}

// Keep starts a process and restarts it whenever it ends, until Stop. It fails
// if the first start does.
func (s *Supervisor) Keep(spec Spec) (*Process, error) {
	p := &Process{spec: spec, s: s, halt: make(chan struct{}), done: make(chan struct{})}
	cmd, err := p.launch()
	if err != nil {
		return nil, fmt.Errorf("%s cannot start: %w", spec.Name, err)
	}
	go p.keep(cmd)
	return p, nil
}

func (p *Process) launch() (*exec.Cmd, error) {
	cmd := p.spec.Command()
	if cmd.Stdout == nil {
		cmd.Stdout = p.spec.Log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.spec.Log
	}
	cmd.WaitDelay = time.Second // a grandchild that holds the pipe must not hold us
	// A group of its own: Ctrl-C reaches only the runner, a stop reaches
	// grandchildren. On Linux it dies with the runner even without the watchdog.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = daprd.ChildAttr()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil, errors.New("it is being stopped")
	}
	if err := p.s.start(cmd); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	p.s.observe(Event{Name: p.spec.Name, PID: p.pid, Restarts: p.restarts})
	return cmd, nil
}

func (p *Process) keep(cmd *exec.Cmd) {
	defer close(p.done)
	backoff := firstBackoff
	for {
		began := time.Now()
		var err error
		pid := 0
		if cmd != nil {
			pid = cmd.Process.Pid
			err = cmd.Wait()
			_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left behind in its group
			p.s.watchdog.Remove(pid)
			if err == nil {
				err = errors.New("it ended by itself")
			}
		}
		if time.Since(began) >= calmAfter {
			backoff = firstBackoff
		}
		p.mu.Lock()
		p.pid = 0
		p.restarts++
		event := Event{Name: p.spec.Name, PID: pid, Err: err, Restarts: p.restarts, Next: backoff}
		stopping := p.stopping
		p.mu.Unlock()
		if stopping {
			return
		}
		p.s.observe(event)
		select {
		case <-p.halt:
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
		if cmd, err = p.launch(); err != nil {
			cmd = nil
			p.s.observe(Event{Name: p.spec.Name, Err: err, Restarts: p.restarts, Next: backoff})
		}
	}
}

// PID is the process's ID, 0 while it is not running.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Stop asks the process to end, and kills its group if it has not when ctx
// ends. It returns when the process is gone.
func (p *Process) Stop(ctx context.Context) {
	p.mu.Lock()
	if !p.stopping {
		p.stopping = true
		close(p.halt)
	}
	pid := p.pid
	p.mu.Unlock()
	if pid != 0 {
		_ = syscall.Kill(-pid, cmp.Or(p.spec.Stop, syscall.SIGTERM))
	}
	select {
	case <-p.done:
		return
	case <-ctx.Done():
	}
	if pid := p.PID(); pid != 0 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	<-p.done
}

// StopAll stops the processes at the same time, within the limit.
func StopAll(limit time.Duration, all ...*Process) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() { p.Stop(ctx) })
	}
	wg.Wait()
}
