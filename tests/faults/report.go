package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"tienda/tests/history"
)

const shownViolations = 60

// report prints the tables of a run; its last line is the number of violations.
func report(w io.Writer, plan []Fault, run history.Run, rec *recovery, took time.Duration, found []history.Violation) {
	byKind := map[Kind]int{}
	for _, f := range plan {
		byKind[f.Kind]++
	}
	fmt.Fprintf(w, "\n%-32s %8s\n", "faults", "times")
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		fmt.Fprintf(w, "%-32s %8d\n", k, byKind[k])
	}
	reportCalls(w, run.Calls)
	fmt.Fprintf(w, "\n%-32s %8s %8s %8s %8s\n", "events to", "sent", "repeats", "dead", "applied")
	missing := 0
	for _, v := range found {
		if v.Kind == history.NotApplied {
			missing++
		}
	}
	for _, c := range history.Consumers(run.Final) {
		fmt.Fprintf(w, "%-32s %8d %8d %8d %8d\n", c.App, c.Sent, c.Repeats, c.DeadLettered, c.Sent-c.DeadLettered)
	}
	if missing > 0 {
		fmt.Fprintf(w, "%d of these were not applied: see below\n", missing)
	}
	reportCards(w, run.Final)
	n, p50, longest, from := rec.summary()
	fmt.Fprintf(w, "\nrecovery of %d of %d faults: p50 %.1f s, max %.1f s (%s)\n", n, len(plan), p50.Seconds(), longest.Seconds(), from)
	fmt.Fprintf(w, "%d orders in %.0f s; the last look %.1f s after the last fault\n", len(run.Final.Orders), took.Seconds(), (run.Final.At - run.LastFault).Seconds())
	for i, v := range found {
		if i == shownViolations {
			fmt.Fprintf(w, "… and %d more\n", len(found)-i)
			break
		}
		fmt.Fprintln(w, v)
	}
	fmt.Fprintf(w, "violations: %d\n", len(found))
}

// reportCards counts what the payment provider has done.
func reportCards(w io.Writer, f history.Final) {
	byCard, done := 0, map[string]int{}
	for _, o := range f.Orders {
		if o.Card != nil {
			byCard++
		}
	}
	for _, o := range f.Operations {
		done[o.Kind+" "+o.Status]++
	}
	fmt.Fprintf(w, "\n%d orders by card; the payment provider's ledger:", byCard)
	for _, kind := range slices.Sorted(maps.Keys(done)) {
		fmt.Fprintf(w, "  %d %s", done[kind], kind)
	}
	fmt.Fprintln(w)
}

// reportCalls counts the calls: acknowledged and refused are requests, tries
// are what it took.
func reportCalls(w io.Writer, calls []history.Call) {
	type count struct{ tries, retried, done, refused, unknown int }
	byOp, seen := map[history.Op]*count{}, map[string]bool{}
	all := &count{}
	for _, c := range calls {
		n := byOp[c.Op]
		if n == nil {
			n = &count{}
			byOp[c.Op] = n
		}
		name := string(c.Op) + " " + c.Key
		for _, n := range []*count{n, all} {
			n.tries++
			if seen[name] && c.Key != "" {
				n.retried++
			}
			switch c.Outcome {
			case history.Done:
				n.done++
			case history.Refused:
				n.refused++
			case history.Later, history.Unknown:
				n.unknown++
			}
		}
		seen[name] = true
	}
	fmt.Fprintf(w, "\n%-32s %8s %8s %8s %8s %8s\n", "calls", "tries", "acknowl.", "refused", "no final", "repeats")
	row := func(name string, n count) {
		fmt.Fprintf(w, "%-32s %8d %8d %8d %8d %8d\n", name, n.tries, n.done, n.refused, n.unknown, n.retried)
	}
	for _, op := range slices.SortedFunc(maps.Keys(byOp), cmp.Compare) {
		row(string(op), *byOp[op])
	}
	row("all", *all)
}
