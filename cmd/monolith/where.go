package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"tienda/monolith/generator"
	"tienda/monolith/schema"
)

// where says where everything is; as JSON it is the ready file.
type where struct {
	PID          int    `json:"pid"`
	URL          string `json:"url"`           // of the legacy shop
	OwnerDSN     string `json:"owner_dsn"`     // of the role that owns the tables
	MigrationDSN string `json:"migration_dsn"` // of the role that may read and replicate
	Ledger       string `json:"ledger"`        // the file of what was acknowledged
	generator.Report
}

// tell prints it, and writes the ready file if one is wanted.
func (p where) tell(stdout io.Writer, o options) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "The sample monolith is ready. Ctrl-C stops it.\n\n")
	fmt.Fprintf(w, "  legacy shop\t%s/v1/products\n", p.URL)
	fmt.Fprintf(w, "  as the owner\tpsql %q\n", p.OwnerDSN)
	fmt.Fprintf(w, "  as the migration\tpsql %q\n", p.MigrationDSN)
	fmt.Fprintf(w, "  publication\t%s\n", schema.Publication)
	fmt.Fprintf(w, "  ledger\t%s, with %g writes a second\n", p.Ledger, o.rate)
	fmt.Fprintf(w, "\n  table\trows\n")
	for _, name := range slices.Sorted(maps.Keys(p.Rows)) {
		fmt.Fprintf(w, "  %s\t%d\n", name, p.Rows[name])
	}
	for _, r := range p.Rejected {
		fmt.Fprintf(w, "  cannot be moved\t%s %d: %s\n", r.Kind, r.Key, r.Why)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("screen: %w", err)
	}
	if o.readyFile == "" {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	fresh := o.readyFile + ".new" // whoever waits for the file finds it whole
	if err := os.WriteFile(fresh, b, 0o600); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	if err := os.Rename(fresh, o.readyFile); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}
