//go:build linux

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// passOn gives signals that ask for an end to another process.
func passOn(pid int) {
	c := make(chan os.Signal, 4)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range c {
			_ = syscall.Kill(pid, s.(syscall.Signal))
		}
	}()
}
