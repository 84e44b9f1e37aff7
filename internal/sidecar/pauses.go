package sidecar

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// An app that cannot be reached is asked again, if that does no harm. A killed
// replica is listed by the sidecars for some seconds, and half of the tries may
// meet it: so the tries are many and the pauses short, about 1.5 s in all, in
// which a restarted app is back as well.
const (
	maxTries   = 16
	firstPause = 5 * time.Millisecond
	maxPause   = 150 * time.Millisecond
)

// Pauses are the waits between the tries of one call; the zero value is before
// the first try.
type Pauses struct{ done int }

// Tries gives how many tries have been made, when asked after one.
func (p *Pauses) Tries() int { return p.done + 1 }

// Wait waits before the next try. False: no more tries, or ctx is done.
func (p *Pauses) Wait(ctx context.Context) bool {
	if p.done+1 >= maxTries {
		return false
	}
	pause := min(firstPause<<p.done, maxPause)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause/2 + jitter(pause)):
		p.done++
		return true
	}
}

// jitter gives a random time below limit, from crypto/rand, which a simulation
// can seed.
func jitter(limit time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:])                                                 // never fails since Go 1.24
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(limit)) //nolint:gosec // less than limit
}
