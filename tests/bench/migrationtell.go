package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// tell says what the move costs.
func (v *Migration) tell(w io.Writer) {
	fmt.Fprintf(w, "\nthe move of %d documents on %s (%d customers, load averages %s)\n", v.Documents, v.Profile, v.Customers, v.Load)
	fmt.Fprintf(w, "  end to end %.1f s: %.0f documents/s of %.0f rows/s without passwords; with a password to hash %.0f/s\n", v.Seconds, v.PerSecond, v.RowsPerSecond, v.Hashed.PerSecond)
	for _, k := range v.Kinds {
		fmt.Fprintf(w, "  %-12s %6d  %6.0f/s beside others", k.Kind, k.Documents, k.PerSecond)
		if k.Floor > 0 {
			fmt.Fprintf(w, "  floor %6.0f/s", k.Floor)
		}
		fmt.Fprintln(w)
	}
	if v.Floor.Documents > 0 {
		fmt.Fprintf(w, "  floor, bulk writes of what is sent:  %s\n", v.Floor)
		fmt.Fprintf(w, "  floor, %d loops of them at once:      %s\n", moveWorkers, v.FloorAtOnce)
		fmt.Fprintf(w, "  floor, transactions of the same:     %s\n", v.FloorTx)
		fmt.Fprintf(w, "  floor, transactions of what is kept: %s\n", v.Kept)
	}
	fmt.Fprintf(w, "  calls a document: %s; %.0f %% of the machine's CPU time; CPU seconds:", v.Calls, 100*v.Busy)
	for _, name := range slices.SortedFunc(maps.Keys(v.CPU), func(a, b string) int { return int(100 * (v.CPU[b] - v.CPU[a])) }) {
		fmt.Fprintf(w, "  %s %.1f", name, v.CPU[name])
	}
	fmt.Fprintln(w)
	for _, s := range v.Steps {
		fmt.Fprintln(w, "  "+s.String())
	}
	if len(v.Steps) > 0 {
		fmt.Fprintf(w, "  writes at the monolith with a lag below a second: %.0f/s\n", v.Rate)
	}
	fmt.Fprintf(w, "  verified equal in %.1f s\n", v.Verified)
	b, err := json.Marshal(v)
	if err == nil {
		fmt.Fprintln(w, strings.TrimSpace(string(b)))
	}
}
