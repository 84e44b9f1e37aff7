package daprd

import (
	"os/exec"
	"runtime"
	"syscall"
)

// childAttr puts a child into a process group of its own and has the kernel
// kill it when its parent dies, however that happens.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// starts is where children are started from: the kernel sends Pdeathsig when
// the starting thread ends, so it must be a thread that never does.
var starts = func() chan func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
}()

// StartChild starts a command whose SysProcAttr came from this package.
func StartChild(cmd *exec.Cmd) error {
	err := make(chan error, 1)
	starts <- func() { err <- cmd.Start() }
	return <-err
}

// ChildAttr gives the attributes of a child that must not outlive this process.
func ChildAttr() *syscall.SysProcAttr { return childAttr() }
