package move

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"tienda/internal/fault"
)

// theSource is what the source is called among those who are waited for.
const theSource = "the source"

// waits are whom the move waits for: how many do, and why.
type waits map[string]wait

type wait struct {
	n   int
	why string
}

// patiently tries something until it goes well, with pauses that grow, and says
// whom it waits for.
func (m *Mover) patiently(ctx context.Context, whom string, try func() error) error {
	told := 0
	defer func() { m.waitFor(whom, -told, "") }()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.waitFor(whom, 1-told, why(err))
		told = 1
		m.log.Warn("the move waits", "for", whom, "error", err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// waitFor notes that n more wait for somebody, or fewer.
func (m *Mover) waitFor(whom string, n int, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.waiting[whom]
	if w.n += n; why != "" {
		w.why = why
	}
	if m.waiting[whom] = w; w.n == 0 {
		delete(m.waiting, whom)
	}
}

// why tells an error without what it is internal.
func why(err error) string {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f.Code + ": " + f.Detail
	}
	return "see the log"
}

// list names whom the move waits for, and why, in an order that stays.
func (w waits) list() (whom, why string) {
	names := slices.Sorted(maps.Keys(w))
	reasons := make([]string, len(names))
	for i, name := range names {
		reasons[i] = w[name].why
	}
	return strings.Join(names, ", "), strings.Join(slices.Compact(reasons), "; ")
}
