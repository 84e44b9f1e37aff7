// Package statestore keeps what the migration has come to in its own state store:
//
//	run               how far the move is
//	plan:<kind>       the chunks of a kind, and which are done
//	rejects           the kinds of all rejects, by ID; as many as stop the move, or a batch more
//	reject:<id>       a reject
//	report            the last verification
//	unwritten         what the monolith did not take back, by kind and ID
//	routing           where the gateway sends the requests of each service
//	gateways          the replicas of the gateway, and what each has applied
package statestore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
)

var (
	runs    = state.Collection[move.Run]{Prefix: "run"}
	plans   = state.Collection[plan]{Prefix: "plan:"}
	lists   = state.Collection[list]{Prefix: "rejects"}
	rejects = state.Collection[progress.Reject]{Prefix: "reject:"}
	reports = state.Collection[progress.Report]{Prefix: "report"}
)

// list are the kinds of all rejects by ID.
type list struct {
	Kinds map[string]string `json:"kinds"`
}

// plan is a move.Plan whose keys are as they were: JSON alone would make large
// numbers others.
type plan struct {
	Kind     string        `json:"kind"`
	Bounds   []key         `json:"bounds"`
	Done     []bool        `json:"done"`
	Rows     int64         `json:"rows"`
	Copied   int64         `json:"copied"`
	Rejected int64         `json:"rejected"`
	Took     time.Duration `json:"took"`
}

type key []any

// UnmarshalJSON reads whole numbers as int64.
func (k *key) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var values []any
	if err := d.Decode(&values); err != nil {
		return err
	}
	for i, v := range values {
		n, isNumber := v.(json.Number)
		if !isNumber {
			continue
		}
		whole, err := n.Int64()
		if err != nil {
			return fmt.Errorf("key %s: %w", n, err)
		}
		values[i] = whole
	}
	*k = values
	return nil
}

// Journal implements move.Journal and verify.Reports.
type Journal struct{ db *state.DB }

// NewJournal gives the journal over a database.
func NewJournal(db *state.DB) *Journal { return &Journal{db: db} }

// Run implements move.Journal: 1 get.
func (j *Journal) Run(ctx context.Context) (r move.Run, err error) {
	err = j.db.View(ctx, func(tx *state.Tx) error {
		r, _, err = runs.Get(tx, "")
		return err
	})
	return r, err
}

// SaveRun implements move.Journal: 1 get, 1 save.
func (j *Journal) SaveRun(ctx context.Context, r move.Run) error {
	return j.db.Update(ctx, func(tx *state.Tx) error { return runs.Put(tx, "", r) })
}

// Plan implements move.Journal: 1 get.
func (j *Journal) Plan(ctx context.Context, kind string) (out *move.Plan, err error) {
	err = j.db.View(ctx, func(tx *state.Tx) error {
		p, ok, err := plans.Get(tx, kind)
		if err != nil || !ok {
			return err
		}
		out = &move.Plan{Kind: p.Kind, Done: p.Done, Rows: p.Rows, Copied: p.Copied, Rejected: p.Rejected, Took: p.Took}
		for _, b := range p.Bounds {
			out.Bounds = append(out.Bounds, b)
		}
		return nil
	})
	return out, err
}

// SavePlan implements move.Journal: 1 get, 1 save.
func (j *Journal) SavePlan(ctx context.Context, p move.Plan) error {
	kept := plan{Kind: p.Kind, Bounds: make([]key, len(p.Bounds)), Done: p.Done, Rows: p.Rows, Copied: p.Copied, Rejected: p.Rejected, Took: p.Took}
	for i, b := range p.Bounds {
		kept.Bounds[i] = b
	}
	return j.db.Update(ctx, func(tx *state.Tx) error { return plans.Put(tx, p.Kind, kept) })
}

// DropPlan implements move.Journal: 1 get, 1 delete.
func (j *Journal) DropPlan(ctx context.Context, kind string) error {
	return j.db.Update(ctx, func(tx *state.Tx) error { return plans.Delete(tx, kind) })
}

// Rejected implements move.Journal: 1 get.
func (j *Journal) Rejected(ctx context.Context) (kinds map[string]string, err error) {
	err = j.db.View(ctx, func(tx *state.Tx) error {
		l, _, err := lists.Get(tx, "")
		kinds = maps.Clone(l.Kinds)
		return err
	})
	if kinds == nil {
		kinds = map[string]string{}
	}
	return kinds, err
}

// AddRejects implements move.Journal: 1 bulk get, 1 transaction. Of one that was
// rejected before the tries count up.
func (j *Journal) AddRejects(ctx context.Context, add ...progress.Reject) error {
	return j.db.Update(ctx, func(tx *state.Tx) error {
		keys := []string{lists.Key("")}
		for _, r := range add {
			keys = append(keys, rejects.Key(r.ID))
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		l, _, err := lists.Get(tx, "")
		if err != nil {
			return err
		}
		if l.Kinds == nil {
			l.Kinds = map[string]string{}
		}
		for _, r := range add {
			before, _, err := rejects.Get(tx, r.ID)
			if err != nil {
				return err
			}
			r.Tries += before.Tries
			l.Kinds[r.ID] = r.Kind
			if err := rejects.Put(tx, r.ID, r); err != nil {
				return err
			}
		}
		return lists.Put(tx, "", l)
	})
}

// DropRejects implements move.Journal: 1 bulk get, 1 transaction.
func (j *Journal) DropRejects(ctx context.Context, ids ...string) error {
	return j.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(append(rejects.Keys(ids...), lists.Key(""))...); err != nil {
			return err
		}
		l, _, err := lists.Get(tx, "")
		if err != nil {
			return err
		}
		for _, id := range ids {
			delete(l.Kinds, id)
			if err := rejects.Delete(tx, id); err != nil {
				return err
			}
		}
		return lists.Put(tx, "", l)
	})
}

type cursor struct {
	After string `json:"a"`
}

// Rejects implements move.Journal, in the order of their IDs: 1 get, 1 bulk get.
func (j *Journal) Rejects(ctx context.Context, kind string, limit int, at string) (out []progress.Reject, next string, err error) {
	var from cursor
	if err := page.Decode(at, &from); err != nil {
		return nil, "", err
	}
	err = j.db.View(ctx, func(tx *state.Tx) error {
		out, next = []progress.Reject{}, ""
		l, _, err := lists.Get(tx, "")
		if err != nil {
			return err
		}
		var ids []string
		for _, id := range slices.Sorted(maps.Keys(l.Kinds)) {
			if id > from.After && (kind == "" || l.Kinds[id] == kind) {
				ids = append(ids, id)
			}
		}
		if len(ids) > limit {
			ids = ids[:limit]
			next = page.Encode(cursor{After: ids[limit-1]})
		}
		out, err = rejects.GetAll(tx, ids...)
		return err
	})
	return out, next, err
}

// SaveReport implements verify.Reports: 1 get, 1 save.
func (j *Journal) SaveReport(ctx context.Context, r progress.Report) error {
	return j.db.Update(ctx, func(tx *state.Tx) error { return reports.Put(tx, "", r) })
}

// Report implements verify.Reports: 1 get.
func (j *Journal) Report(ctx context.Context) (out *progress.Report, err error) {
	err = j.db.View(ctx, func(tx *state.Tx) error {
		r, ok, err := reports.Get(tx, "")
		if ok {
			out = &r
		}
		return err
	})
	return out, err
}
