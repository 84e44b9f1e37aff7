package move_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/source"
)

// cards are notes that another app has as well.
type cards struct{ movetest.Notes }

func (cards) Name() string { return "cards" }
func (cards) App() string  { return "shelf" }

// shared is a mapping of each note to two owners.
type shared struct{ movetest.Mapping }

func (shared) Kinds() []move.Kind { return []move.Kind{movetest.Notes{}, cards{}} }

func (s shared) Touched(c source.Change) []move.Touched {
	out := s.Mapping.Touched(c)
	for _, t := range s.Mapping.Touched(c) {
		t.Kind = "cards"
		out = append(out, t)
	}
	return out
}

// owners is a target of several apps, of which one may be away.
type owners struct {
	*movetest.Target
	mu    sync.Mutex
	away  string
	taken map[string]int
}

func (o *owners) Take(ctx context.Context, k move.Kind, docs []move.Sent) ([]move.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k.App() == o.away {
		return nil, errors.New("no answer")
	}
	o.taken[k.App()] += len(docs)
	return o.Target.Take(ctx, k, docs)
}

func (o *owners) leave(app string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = app
}

func (o *owners) took(app string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.taken[app]
}

// An owner that is away, or works for long on what it got, keeps no other from what has
// changed; and nothing is confirmed before both have it.
func TestOwnersAreWrittenAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, o := movetest.NewSource(), &owners{Target: movetest.NewTarget(), taken: map[string]int{}}
		m := move.New(src, shared{}, o, movetest.NewJournal(), move.Config{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { _ = m.Work(ctx) })
		synctest.Wait()
		require.NoError(t, m.Start(ctx))
		time.Sleep(10 * time.Second)
		o.leave("papers")
		src.Put(1, "one")
		time.Sleep(10 * time.Second)
		require.Equal(t, []int{0, 1}, []int{o.took("papers"), o.took("shelf")})
		head, err := src.Head(ctx)
		require.NoError(t, err)
		require.Less(t, src.Confirmed(), head)
		o.leave("")
		time.Sleep(10 * time.Second)
		require.Equal(t, []int{1, 1}, []int{o.took("papers"), o.took("shelf")})
		require.Equal(t, head, src.Confirmed())
		stop()
		done.Wait()
	})
}
