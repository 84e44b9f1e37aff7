// Package verify proves that the target has what the source has: all documents that
// the mapping makes are made again and compared with what the owners read back.
//
// Both sides are added up in buckets, whatever the order; where a bucket differs its
// documents are compared one by one, and those that differ are looked at again until
// both sides have stood still: a shop that is open changes while it is looked at. A
// sample is compared field by field, besides.
package verify

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

const (
	chunk   = 1000 // roots that are read at once
	rounds  = 6    // how often what differs is looked at
	glances = 2    // the same, where others note what changes meanwhile
	shown   = 100  // differences in a report
	kept    = 10_000
	samples = 100 // documents of a kind that are compared field by field
)

// Mover is what a verification needs of the one who moves.
type Mover interface {
	// Reached says whether all up to a position is stored.
	Reached(p source.Position) bool
	// Refresh reads roots anew and sends what they are now.
	Refresh(ctx context.Context, k move.Kind, keys [][]any) error
	IsRejected(id string) bool
}

// Reports keeps the last report.
type Reports interface {
	SaveReport(ctx context.Context, r progress.Report) error
	// Report gives nil where there is none.
	Report(ctx context.Context) (*progress.Report, error)
}

// Verifier verifies in the background. Use New.
type Verifier struct {
	source  source.Source
	mapping move.Mapping
	target  move.Target
	mover   Mover
	reports Reports
	log     *slog.Logger
	now     func() time.Time
	pause   time.Duration // before the second look, and then twice as long each time

	asked chan struct{}

	mu      sync.Mutex
	report  *progress.Report // nil: none yet
	found   []difference     // of the last one, all of them up to kept
	running bool
}

type difference struct {
	kind move.Kind
	key  []any
}

// New gives a verifier.
func New(s source.Source, m move.Mapping, t move.Target, mover Mover, r Reports, log *slog.Logger) *Verifier {
	return &Verifier{
		source: s, mapping: m, target: t, mover: mover, reports: r, log: log, now: func() time.Time { return time.Now().UTC() },
		pause: 500 * time.Millisecond, asked: make(chan struct{}, 1),
	}
}

// Work verifies whenever it is asked to, until ctx ends.
func (v *Verifier) Work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-v.asked:
			v.once(ctx)
		}
	}
}

// Verify has a verification done; while one is under way it does nothing.
func (v *Verifier) Verify(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return nil
	}
	v.running = true
	v.report = &progress.Report{Verdict: progress.Verdict{Running: true}, Began: v.now(), Kinds: []progress.KindReport{}, Different: []progress.Difference{}}
	v.asked <- struct{}{} // there is room: nobody else asks while it runs
	return nil
}

// Report gives the last report.
func (v *Verifier) Report(ctx context.Context) (progress.Report, error) {
	v.mu.Lock()
	r := v.report
	v.mu.Unlock()
	if r == nil {
		var err error
		if r, err = v.reports.Report(ctx); err != nil {
			return progress.Report{}, err
		}
	}
	if r == nil {
		return progress.Report{}, fault.Missing("verification")
	}
	return *r, nil
}

// Repair has written anew what the last report found, and says how many documents that were.
func (v *Verifier) Repair(ctx context.Context) (int, error) {
	v.mu.Lock()
	found, running := v.found, v.running
	v.mu.Unlock()
	if running {
		return 0, fault.New(fault.Conflict, "verifying", "A verification is under way. Wait for its end.")
	}
	byKind := map[string][][]any{}
	for _, d := range found {
		byKind[d.kind.Name()] = append(byKind[d.kind.Name()], d.key)
	}
	for _, k := range v.mapping.Kinds() {
		if keys := byKind[k.Name()]; len(keys) > 0 {
			if err := v.mover.Refresh(ctx, k, keys); err != nil {
				return 0, err
			}
		}
	}
	return len(found), nil
}

// once does a verification and keeps its report.
func (v *Verifier) once(ctx context.Context) {
	began := v.now()
	r, found, err := v.verify(ctx, began, rounds)
	if err != nil {
		v.log.Error("the verification was not ended", "error", err)
		r.Error = "It could not be ended: " + whatFailed(err)
		r.Equal = false
	}
	r.Running, r.Ended, r.At = false, v.now(), v.now()
	r.Took = r.Ended.Sub(began)
	v.mu.Lock()
	v.report, v.found, v.running = &r, found, false
	v.mu.Unlock()
	if err := v.reports.SaveReport(context.WithoutCancel(ctx), r); err != nil {
		v.log.Error("the report is not kept", "error", err)
	}
}

// whatFailed tells an error without what it is internal.
func whatFailed(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return "see the log"
	}
	return fault.CodeOf(err)
}

// verify compares the documents of some kinds; none: of all.
func (v *Verifier) verify(ctx context.Context, began time.Time, looks int, kinds ...string) (r progress.Report, found []difference, err error) {
	r = progress.Report{Began: began, Kinds: []progress.KindReport{}, Different: []progress.Difference{}}
	for _, g := range v.groups() {
		if len(kinds) > 0 && !slices.Contains(kinds, g[0].Kind()) {
			continue
		}
		line, differences, sampled, err := v.kind(ctx, g, looks)
		r.Kinds = append(r.Kinds, line)
		r.Sampled += sampled
		r.Compared += line.Source
		r.Missing, r.Extra, r.Differs = r.Missing+line.Missing, r.Extra+line.Extra, r.Differs+line.Differs
		for _, s := range differences {
			if len(r.Different) < shown {
				r.Different = append(r.Different, progress.Difference{Kind: line.Kind, ID: s.id, Key: s.name, What: s.what, Fields: s.fields})
			}
			if len(found) < kept && s.key != nil {
				found = append(found, difference{s.kind, s.key})
			}
		}
		if err != nil {
			return r, found, fmt.Errorf("verify %s: %w", line.Kind, err)
		}
	}
	r.Equal = r.Missing+r.Extra+r.Differs == 0
	return r, found, nil
}

// suspect is a document that did not look the same on both sides.
type suspect struct {
	kind   move.Kind // nil: not known yet, or none makes it
	id     string
	name   string // its Key
	key    []any
	what   progress.What
	fields []string
	seen   [2]uint64 // of both sides, when it was looked at last; 0: not there
}

// group is what makes the documents of one kind.
type group []move.Kind

// groups gives the kinds of document in the order of the mapping.
func (v *Verifier) groups() (out []group) {
	for _, k := range v.mapping.Kinds() {
		if i := slices.IndexFunc(out, func(g group) bool { return g[0].Kind() == k.Kind() }); i >= 0 {
			out[i] = append(out[i], k)
		} else {
			out = append(out, group{k})
		}
	}
	return out
}

// of gives the kind that made a document's Key, and the values of that; nil: none did.
func (g group) of(key string) (move.Kind, []any) {
	for _, k := range g {
		if values, ours := k.KeyOf(key); ours {
			return k, values
		}
	}
	return nil, nil
}

// kind verifies the documents of one kind.
func (v *Verifier) kind(ctx context.Context, g group, looks int) (line progress.KindReport, differences []suspect, sampled int, err error) {
	line = progress.KindReport{Kind: g[0].Kind(), App: g[0].App()}
	head, err := v.source.Head(ctx)
	if err != nil {
		return line, nil, 0, fmt.Errorf("the end of the log: %w", err)
	}
	there := sums{}
	for _, k := range g {
		if err := v.sourceSums(ctx, k, there, &line); err != nil {
			return line, nil, 0, err
		}
	}
	here, err := v.targetSums(ctx, g[0], &line)
	if err != nil {
		return line, nil, 0, err
	}
	suspects, unequal := compare(there, here)
	line.Buckets, line.Unequal, line.Again = buckets, unequal, int64(len(suspects))
	suspects, err = v.again(ctx, g, suspects, head, looks)
	if err != nil {
		return line, nil, 0, err
	}
	sample := v.sample(there, here)
	bad, err := v.again(ctx, g, sample, head, looks)
	if err != nil {
		return line, nil, 0, err
	}
	for _, s := range bad {
		if !slices.ContainsFunc(suspects, func(o suspect) bool { return o.id == s.id }) {
			suspects = append(suspects, s)
		}
	}
	for _, s := range suspects {
		switch s.what {
		case progress.Missing:
			line.Missing++
		case progress.Extra:
			line.Extra++
		case progress.Different:
			line.Differs++
		}
	}
	return line, suspects, len(sample), nil
}

// sourceSums makes all documents of the source as it is now, without what was rejected.
func (v *Verifier) sourceSums(ctx context.Context, k move.Kind, out sums, line *progress.KindReport) error {
	snap, err := v.source.Now(ctx)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer snap.Close()
	q := k.Query()
	if q.Where != "" {
		all, err := snap.Count(ctx, source.Query{Table: q.Table, Columns: q.Key, Key: q.Key})
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		line.Excluded += all
	}
	for after := []any(nil); ; {
		records, err := snap.Chunk(ctx, q, after, nil, chunk)
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		if q.Where != "" {
			line.Excluded -= int64(len(records))
		}
		for _, rec := range records {
			line.Source++
			key := make([]any, len(q.Key))
			for i, c := range q.Key {
				key[i] = rec.Row[c]
			}
			after = key
			is := k.Identity(key)
			d, err := k.Document(rec)
			if err != nil || v.mover.IsRejected(is.ID) {
				line.Rejected++
				out[is.ID] = entry{kind: k, name: is.Key, key: key, rejected: true}
				continue
			}
			s, err := sumOf(d.Held)
			if err != nil {
				return fmt.Errorf("document %s: %w", is.Key, err)
			}
			out[is.ID] = entry{kind: k, name: is.Key, key: key, sum: s}
		}
		if len(records) < chunk {
			return nil
		}
	}
}

// targetSums reads all documents that were moved.
func (v *Verifier) targetSums(ctx context.Context, k move.Kind, line *progress.KindReport) (sums, error) {
	out := sums{}
	for cursor := ""; ; {
		ids, next, err := v.target.List(ctx, k, cursor)
		if err != nil {
			return nil, fmt.Errorf("list the target: %w", err)
		}
		for batch := range slices.Chunk(ids, move.MaxBatch) {
			docs, err := v.target.Read(ctx, k, batch)
			if err != nil {
				return nil, fmt.Errorf("read the target: %w", err)
			}
			for _, d := range docs {
				if _, twice := out[d.ID]; twice {
					continue
				}
				line.Target++
				s, err := sumOf(d.JSON)
				if err != nil {
					return nil, fmt.Errorf("document %s: %w", d.Key, err)
				}
				out[d.ID] = entry{name: d.Key, sum: s}
			}
		}
		if cursor = next; cursor == "" {
			return out, nil
		}
	}
}

// sample picks documents that both sides have, at random.
func (v *Verifier) sample(there, here sums) (out []suspect) {
	ids := slices.Sorted(maps.Keys(there))
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		if len(out) == samples {
			break
		}
		if e := there[id]; !e.rejected && here[id].name != "" {
			out = append(out, suspect{kind: e.kind, id: id, name: e.name, key: e.key})
		}
	}
	return out
}
