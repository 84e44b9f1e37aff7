//go:build !linux

package daprd

import (
	"os/exec"
	"syscall"
)

// childAttr puts a child into a process group of its own. Only Linux can have
// the kernel end it with its parent; elsewhere the runner's watchdog does.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// StartChild starts a command whose SysProcAttr came from this package.
func StartChild(cmd *exec.Cmd) error { return cmd.Start() }

// ChildAttr gives the attributes of a child that must not outlive this process.
func ChildAttr() *syscall.SysProcAttr { return childAttr() }
