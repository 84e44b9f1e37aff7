package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// again looks at documents until both sides are the same, some times, and gives those
// that never were. Between the looks it waits until what was committed before is stored.
// What has stood still on both sides between two looks, while all that was committed
// before the second is stored, differs for good: nothing is on its way that would mend it.
func (v *Verifier) again(ctx context.Context, g group, suspects []suspect, head source.Position, looks int) (differ []suspect, err error) {
	pause := v.pause
	for round := 0; len(suspects) > 0; round++ {
		before := map[string][2]uint64{}
		for _, s := range suspects {
			before[s.id] = s.seen
		}
		stored := round > 0 && v.mover.Reached(head)
		if err := v.look(ctx, g, &suspects); err != nil {
			return nil, err
		}
		if stored {
			suspects = slices.DeleteFunc(suspects, func(s suspect) bool {
				if s.seen != before[s.id] {
					return false
				}
				differ = append(differ, s)
				return true
			})
		}
		if len(suspects) == 0 || round+1 >= looks && (v.mover.Reached(head) || round+1 >= 2*looks) {
			break
		}
		if head, err = v.source.Head(ctx); err != nil {
			return nil, fmt.Errorf("the end of the log: %w", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*pause, 10*v.pause)
	}
	return append(differ, suspects...), nil
}

// look compares suspects as they are now and keeps those that differ.
func (v *Verifier) look(ctx context.Context, g group, suspects *[]suspect) error {
	var left []suspect
	byKind := map[move.Kind][]suspect{}
	for _, s := range *suspects {
		if s.kind == nil { // only the target has it
			s.kind, s.key = g.of(s.name)
		}
		if s.kind == nil {
			s.what = progress.Extra
			left = append(left, s)
			continue
		}
		byKind[s.kind] = append(byKind[s.kind], s)
	}
	for _, k := range g {
		for batch := range slices.Chunk(byKind[k], move.MaxBatch) {
			some, err := v.lookAt(ctx, k, batch)
			if err != nil {
				return err
			}
			left = append(left, some...)
		}
	}
	*suspects = left
	return nil
}

func (v *Verifier) lookAt(ctx context.Context, k move.Kind, batch []suspect) ([]suspect, error) {
	keys, ids := make([][]any, len(batch)), make([]string, len(batch))
	for i, s := range batch {
		keys[i], ids[i] = s.key, s.id
	}
	records, _, err := v.source.Read(ctx, k.Query(), keys)
	if err != nil {
		return nil, fmt.Errorf("read the source: %w", err)
	}
	docs, err := v.target.Read(ctx, k, ids)
	if err != nil {
		return nil, fmt.Errorf("read the target: %w", err)
	}
	return differing(k, batch, records, docs, v.mover.IsRejected), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
