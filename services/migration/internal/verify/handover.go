package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
)

// Compare verifies some kinds of document, and keeps the report as that of a verification.
// The reason says what is not the same; "": nothing.
func (v *Verifier) Compare(ctx context.Context, kinds []string) (reason string, err error) {
	return v.compare(ctx, rounds, kinds)
}

// Glance is Compare for who finds out by other means what has changed meanwhile: what differs
// is looked at no more often than it takes to see that it stands still.
func (v *Verifier) Glance(ctx context.Context, kinds []string) (reason string, err error) {
	return v.compare(ctx, glances, kinds)
}

func (v *Verifier) compare(ctx context.Context, looks int, kinds []string) (reason string, err error) {
	began := v.now()
	r, found, err := v.verify(ctx, began, looks, kinds...)
	if err != nil {
		return "", err
	}
	r.Ended, r.At = v.now(), v.now()
	r.Took = r.Ended.Sub(began)
	v.mu.Lock()
	if !v.running { // else that one is the later word
		v.report, v.found = &r, found
	}
	v.mu.Unlock()
	if err := v.reports.SaveReport(ctx, r); err != nil {
		return "", err
	}
	return reasonOf(r), nil
}

// reasonOf puts what a report has found into words: "2 orders are missing".
func reasonOf(r progress.Report) string {
	var parts []string
	for _, k := range r.Kinds {
		for _, c := range []struct {
			n    int64
			what string
		}{{k.Missing, "missing"}, {k.Extra, "too many"}, {k.Differs, "different"}} {
			if c.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s %s", c.n, k.Kind, c.what))
			}
		}
	}
	if len(r.Different) > 0 && len(parts) > 0 {
		first := r.Different[0]
		parts = append(parts, strings.TrimSpace("the first is "+first.Kind+" "+first.ID+" "+strings.Join(first.Fields, " ")))
	}
	return strings.Join(parts, ", ")
}

// Touched are roots that have changed, by kind.
type Touched interface {
	Keys(k move.Kind) [][]any
	Close()
}

// Watched are the documents of some kinds that have changed on either side.
type Watched struct {
	verifier *Verifier
	kinds    []string
	touched  []Touched
}

// Watch gives what compares the documents that others note as changed.
func (v *Verifier) Watch(kinds []string, touched ...Touched) *Watched {
	return &Watched{verifier: v, kinds: kinds, touched: touched}
}

// lastLooks is how often what was touched is looked at, and lastPause the time between:
// nothing changes any more, but a replica may still answer from before.
const (
	lastLooks = 4
	lastPause = 50 * time.Millisecond
)

// Compare compares what has changed so far, while nothing changes any more. The reason
// says what is not the same.
func (w *Watched) Compare(ctx context.Context) (reason string, err error) {
	var parts []string
	for _, g := range w.verifier.groups() {
		if !slices.Contains(w.kinds, g[0].Kind()) {
			continue
		}
		suspects := w.suspects(g)
		for looked := 0; len(suspects) > 0 && looked < lastLooks; looked++ {
			if looked > 0 {
				if err := sleep(ctx, lastPause); err != nil {
					return "", err
				}
			}
			if err := w.verifier.look(ctx, g, &suspects); err != nil {
				return "", err
			}
		}
		if len(suspects) > 0 {
			first := suspects[0]
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d %s, the first is %s %s %s", len(suspects), g[0].Kind(), first.what, first.id, strings.Join(first.fields, " "))))
		}
	}
	return strings.Join(parts, ", "), nil
}

func (w *Watched) suspects(g group) (out []suspect) {
	known := map[string]bool{}
	for _, k := range g {
		for _, t := range w.touched {
			for _, key := range t.Keys(k) {
				is := k.Identity(key)
				if !known[is.ID] {
					known[is.ID] = true
					out = append(out, suspect{kind: k, id: is.ID, name: is.Key, key: key})
				}
			}
		}
	}
	return out
}

// Close ends what notes the changes.
func (w *Watched) Close() {
	for _, t := range w.touched {
		t.Close()
	}
}
