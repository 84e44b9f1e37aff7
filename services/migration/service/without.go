package service

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/progress"
)

// uncut is the cut-over of a migration that has nothing to move.
type uncut struct{}

// States implements api.Cutover.
func (uncut) States() []cutover.State {
	out := make([]cutover.State, len(cutover.Services))
	for i, s := range cutover.Services {
		out[i] = cutover.State{Service: s.Name, Stage: cutover.AtMonolith}
	}
	return out
}

// Do implements api.Cutover.
func (uncut) Do(context.Context, string, string) error { return errNoMapping }

const noMapping = "No mapping is named: set MIGRATION_MAPPING to a file or to the name of a shipped mapping, and start the app again."

var errNoMapping = fault.New(fault.Conflict, "no_mapping", noMapping)

// without is a migration that has nothing to move, and says why.
type without struct{ since time.Time }

// Status implements progress.Control.
func (w without) Status(context.Context) (progress.Status, error) {
	return progress.Status{Phase: progress.Idle, Reason: noMapping, Since: w.since, LogLeft: -1, UpdatedAt: time.Now()}, nil
}

// Preflight implements progress.Control.
func (without) Preflight(context.Context) ([]progress.Finding, error) {
	return []progress.Finding{{Check: "mapping", Level: progress.Blocked, Detail: "no mapping is named", Do: "Set MIGRATION_MAPPING and start the app again."}}, nil
}

// Start implements progress.Control.
func (without) Start(context.Context) error { return errNoMapping }

// Stop implements progress.Control: nothing is under way.
func (without) Stop(context.Context) error { return nil }

// Rejects implements progress.Control.
func (without) Rejects(context.Context, string, int, string) ([]progress.Reject, string, error) {
	return nil, "", nil
}

// Retry implements progress.Control.
func (without) Retry(context.Context) (taken, left int, err error) { return 0, 0, errNoMapping }

// Verify implements progress.Control.
func (without) Verify(context.Context) error { return errNoMapping }

// Report implements progress.Control.
func (without) Report(context.Context) (progress.Report, error) {
	return progress.Report{}, fault.Missing("verification")
}

// Repair implements progress.Control.
func (without) Repair(context.Context) (int, error) { return 0, errNoMapping }
