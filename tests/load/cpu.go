package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tienda/tests/shop"
)

// loadGenerator is the role of this program, which shares the machine with a shop of
// its own and is no part of what that costs.
const loadGenerator = "load generator"

// meter reads what the processes of a shop on this machine have used.
type meter struct {
	roots map[string][]int // PIDs by role; with the store's, those of its children
}

// newMeter names the roles: an app's ID, with "-d" its sidecar, and the servers
// of the profile. The replicas of an app are one role.
func newMeter(s *shop.Shop) *meter {
	m := &meter{roots: map[string][]int{loadGenerator: {os.Getpid()}, "runner": {s.RunnerPID}}}
	for _, a := range s.Apps {
		m.roots[a.AppID] = append(m.roots[a.AppID], a.PID)
		if a.SidecarPID != 0 {
			m.roots[a.AppID+"-d"] = append(m.roots[a.AppID+"-d"], a.SidecarPID)
		}
	}
	return m
}

// usage is CPU seconds by role since the processes began, and the bytes that the
// machine has sent over loopback.
type usage struct {
	seconds map[string]float64
	bytes   float64
	gone    []string // roles that have lost a process: what a successor takes is not seen
}

func (m *meter) read() (usage, error) {
	if m == nil { // the shop is elsewhere
		return usage{}, nil
	}
	all, err := processes()
	if err != nil {
		return usage{}, err
	}
	u := usage{seconds: map[string]float64{}}
	root := map[int]string{} // whose processes' children count in
	for role, pids := range m.roots {
		for _, pid := range pids {
			root[pid] = role
			if _, there := all[pid]; !there {
				u.gone = append(u.gone, role)
			}
		}
	}
	for pid, p := range all {
		role, known := root[pid]
		for up := p.parent; !known && up > 1; up = all[up].parent {
			role, known = root[up]
		}
		if known {
			u.seconds[role] += p.seconds
		}
	}
	slices.Sort(u.gone)
	u.bytes, err = loopback()
	return u, err
}

type process struct {
	parent  int
	seconds float64
}

// processes reads /proc: of each process its parent, and what it has used, in
// units of 10 ms. A store that has a process for each connection is summed up
// by them.
func processes() (map[int]process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("CPU time is read from Linux's /proc, which is not here: %w", err)
	}
	out := map[int]process{}
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // of /proc
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if err != nil || len(f) < 13 {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		out[pid] = process{parent, (user + system) / 100}
	}
	return out, nil
}

// loopback reads how many bytes this machine has sent to itself.
func loopback() (float64, error) {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "lo" {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, nil
}

// less gives what was used since before.
func (u usage) less(before usage) usage {
	out := usage{seconds: map[string]float64{}, bytes: u.bytes - before.bytes, gone: u.gone}
	for role, s := range u.seconds {
		out.seconds[role] = s - before.seconds[role]
	}
	return out
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
