package move

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// All is parted among those who are left; each has one at least, and nobody loses any as
// others go.
func TestShares(t *testing.T) {
	for _, tt := range []struct {
		all  int
		done string // one after the other
		want [][]int
	}{
		{4, "a b c", [][]int{{1, 1, 1, 1}, {2, 1, 1}, {2, 2}, {4}}},
		{4, "d b a", [][]int{{1, 1, 1, 1}, {2, 1, 1}, {2, 2}, {4}}},
		{6, "b a d", [][]int{{2, 2, 1, 1}, {2, 2, 2}, {3, 3}, {6}}},
		{1, "a b c", [][]int{{1, 1, 1, 1}, {2, 1, 1}, {2, 2}, {4}}},
	} {
		s := newShares(tt.all, []string{"a", "b", "c", "d"})
		var got [][]int
		had := map[string]int{}
		for _, gone := range append(strings.Fields(tt.done), "") {
			var row []int
			for _, app := range s.apps {
				require.GreaterOrEqual(t, s.of(app), had[app])
				had[app] = s.of(app)
				row = append(row, had[app])
			}
			got = append(got, row)
			s.done(gone)
		}
		require.Equal(t, tt.want, got, "%d without %s", tt.all, tt.done)
	}
}

// Whoever has all of its share waits for one to come back, for another app to be done, or for ctx.
func TestAShareIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(2, []string{"a", "b"})
		got := make(chan string, 10)
		take := func(ctx context.Context, app string) {
			go func() {
				if s.take(ctx, app) != nil {
					app = "nobody"
				}
				got <- app
			}()
			synctest.Wait()
		}
		who := func() (all []string) {
			synctest.Wait()
			for len(got) > 0 {
				all = append(all, <-got)
			}
			slices.Sort(all)
			return all
		}
		take(t.Context(), "a")
		take(t.Context(), "a")
		take(t.Context(), "b")
		require.Equal(t, []string{"a", "b"}, who())
		s.give("b")
		require.Empty(t, who(), "it is of no use to a")
		s.give("a")
		require.Equal(t, []string{"a"}, who())
		take(t.Context(), "a")
		ctx, cancel := context.WithCancel(t.Context())
		take(ctx, "a")
		cancel()
		require.Equal(t, []string{"nobody"}, who())
		s.done("b")
		require.Equal(t, []string{"a"}, who())
	})
}
