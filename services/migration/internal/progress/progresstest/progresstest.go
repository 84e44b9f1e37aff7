// Package progresstest is a migration for tests: it has what a test puts into it, and
// remembers what it was told to do.
package progresstest

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
)

// Control is a progress.Control without a core. The zero value has done nothing.
// Safe for concurrent use.
type Control struct {
	mu       sync.Mutex
	status   progress.Status
	findings []progress.Finding
	rejects  []progress.Reject
	report   *progress.Report
	err      error
	did      []string
}

// Set changes what there is, all at once.
func (c *Control) Set(change func(*progress.Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// Finds says what the preflight finds.
func (c *Control) Finds(findings ...progress.Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.findings = findings
}

// Rejected puts documents into the list of rejects.
func (c *Control) Rejected(rejects ...progress.Reject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejects = append(c.rejects, rejects...)
	c.status.Rejects = int64(len(c.rejects))
}

// Reported says what the last verification has found.
func (c *Control) Reported(r progress.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report, c.status.Verified = &r, &r.Verdict
}

// Fail makes everything fail; nil: no longer.
func (c *Control) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// Did gives what it was told to do, in order: start, stop, verify, retry, repair.
func (c *Control) Did() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.did)
}

// do notes what it is told, unless everything fails.
func (c *Control) do(what string, then func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if what != "" {
		c.did = append(c.did, what)
	}
	if c.err == nil && then != nil {
		then()
	}
	return c.err
}

// Status implements progress.Control.
func (c *Control) Status(context.Context) (s progress.Status, err error) {
	err = c.do("", func() {
		s = c.status
		s.Kinds = slices.Clone(s.Kinds) // Set may change one
	})
	return s, err
}

// Preflight implements progress.Control.
func (c *Control) Preflight(context.Context) (f []progress.Finding, err error) {
	err = c.do("", func() { f = slices.Clone(c.findings) })
	return f, err
}

// Start implements progress.Control: it follows at once.
func (c *Control) Start(context.Context) error {
	blocked := func(f progress.Finding) bool { return f.Level == progress.Blocked }
	var refused error
	err := c.do("start", func() {
		if slices.ContainsFunc(c.findings, blocked) {
			refused = fault.New(fault.Conflict, "preflight_blocked", "The preflight has found what forbids a move.")
			return
		}
		c.status.Phase = progress.Following
	})
	if err != nil {
		return err
	}
	return refused
}

// Stop implements progress.Control.
func (c *Control) Stop(context.Context) error {
	return c.do("stop", func() { c.status.Phase, c.status.Reason = progress.Stopped, "on request" })
}

// Rejects implements progress.Control; a cursor is a place in the list.
func (c *Control) Rejects(_ context.Context, kind string, limit int, cursor string) (page []progress.Reject, next string, err error) {
	from, err := strconv.Atoi("0" + cursor)
	if err != nil {
		return nil, "", fault.BadField("cursor", "is not a cursor of this list")
	}
	err = c.do("", func() {
		for i, r := range c.rejects {
			switch {
			case i < from || kind != "" && r.Kind != kind:
			case len(page) == limit:
				next = strconv.Itoa(i)
				return
			default:
				page = append(page, r)
			}
		}
	})
	return page, next, err
}

// Retry implements progress.Control: all are taken.
func (c *Control) Retry(context.Context) (taken, left int, err error) {
	err = c.do("retry", func() { taken, c.rejects, c.status.Rejects = len(c.rejects), nil, 0 })
	return taken, 0, err
}

// Verify implements progress.Control: all is equal.
func (c *Control) Verify(context.Context) error {
	return c.do("verify", func() {
		if c.report == nil {
			c.report = &progress.Report{Verdict: progress.Verdict{Equal: true}}
		}
		c.status.Verified = &c.report.Verdict
	})
}

// Report implements progress.Control.
func (c *Control) Report(context.Context) (r progress.Report, err error) {
	err = c.do("", func() {
		if c.report != nil {
			r = *c.report
		}
	})
	if err == nil && r.Began.IsZero() && !r.Equal && !r.Running {
		err = fault.Missing("verification")
	}
	return r, err
}

// Repair implements progress.Control: all that was different is written.
func (c *Control) Repair(context.Context) (n int, err error) {
	err = c.do("repair", func() {
		if c.report != nil {
			n = len(c.report.Different)
		}
	})
	return n, err
}
