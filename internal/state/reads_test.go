package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// shelf answers reads after a second and notes what it was asked together.
type shelf struct {
	mu    sync.Mutex
	calls [][]string
	bad   string // a call that asks for this key fails
}

func (*shelf) Commit(context.Context, ...Op) error { return nil }

func (s *shelf) Get(ctx context.Context, keys ...string) ([]Item, error) {
	s.mu.Lock()
	s.calls = append(s.calls, keys)
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if slices.Contains(keys, s.bad) {
		return nil, errors.New("unreadable")
	}
	items := make([]Item, len(keys))
	for i, k := range keys {
		items[i] = Item{Key: k, Value: []byte(k), ETag: "1"}
	}
	return items, nil
}

func TestReadsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		g := readTogether(s)
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				keys := []string{fmt.Sprint("own", i), "everybody's"}
				items, err := g.Get(t.Context(), keys...)
				if !errors.Is(err, nil) || len(items) != 2 || items[0].Key != keys[0] || items[1].Key != keys[1] {
					t.Errorf("reader %d got %v, %v", i, items, err)
				}
			})
		}
		wg.Wait()
		require.Len(t, s.calls, readFlights+1, "the first ones go out at once, alone; the others share a call")
		require.Len(t, s.calls[readFlights], 60-readFlights+1, "a key that all want is asked for once")
		require.Equal(t, 2*time.Second, time.Since(began))
		_, err := g.Get(t.Context(), "later")
		require.NoError(t, err)
		require.Equal(t, []string{"later"}, s.calls[readFlights+1])
		require.Equal(t, 0, g.flights)
	})
}

func TestReadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		g := readTogether(s)
		var wg sync.WaitGroup
		for i := range readFlights + 3 {
			wg.Go(func() {
				keys := make([]string, readKeys/2+1)
				for k := range keys {
					keys[k] = fmt.Sprint(i, "-", k)
				}
				_, _ = g.Get(t.Context(), keys...)
			})
		}
		wg.Wait()
		for _, keys := range s.calls {
			require.LessOrEqual(t, len(keys), readKeys)
		}
	})
}

func TestAReadThatFailsFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{bad: "bad"}
		g := readTogether(s)
		for i := range readFlights {
			go func() { _, _ = g.Get(t.Context(), fmt.Sprint("first", i)) }()
		}
		synctest.Wait()
		errs := map[string]error{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, key := range []string{"good", "bad", "fine"} {
			wg.Go(func() {
				_, err := g.Get(t.Context(), key)
				mu.Lock()
				defer mu.Unlock()
				errs[key] = err
			})
		}
		wg.Wait()
		require.NoError(t, errs["good"])
		require.NoError(t, errs["fine"])
		require.ErrorContains(t, errs["bad"], "unreadable")
	})
}

func TestAReaderMayGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		g := readTogether(s)
		for i := range readFlights {
			go func() { _, _ = g.Get(t.Context(), fmt.Sprint("first", i)) }()
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := g.Get(gone, "gone")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left got %v", err)
			}
		})
		wg.Go(func() {
			items, err := g.Get(t.Context(), "stays")
			if err != nil || items[0].Key != "stays" {
				t.Errorf("the one who stayed got %v, %v", items, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		require.Equal(t, []string{"stays"}, s.calls[readFlights])
	})
}
