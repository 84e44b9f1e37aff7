package statetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
)

// losing is a store whose answers get lost: of the writes that are made every
// second one is answered with an error, and so is every third that is not made.
type losing struct {
	state.Store
	n atomic.Int64
}

var errLost = errors.New("statetest: the answer was lost")

func (l *losing) Commit(ctx context.Context, ops ...state.Op) error {
	n := l.n.Add(1)
	if n%3 == 0 {
		return errLost
	}
	if err := l.Store.Commit(ctx, ops...); err != nil || n%2 == 0 {
		return errors.Join(err, errLost)
	}
	return nil
}

// lostAnswers has writers go on while every second answer is lost: what was
// answered with success is there once, and nothing is there twice.
func lostAnswers(t *testing.T, s suite) {
	const writers, turns = 8, 6
	events := &event.Memory{}
	db := state.Open(&losing{Store: s.store}, events, slog.New(slog.DiscardHandler))
	var acknowledged atomic.Int64
	parallel(writers, func(i int) bool {
		for turn := range turns {
			mark := fmt.Sprintf("%d.%d", i, turn)
			for try := 0; ; try++ { // as a client repeats with the same key
				err := db.Update(context.Background(), func(tx *state.Tx) error {
					c, _, err := s.docs.Get(tx, "shared")
					if err != nil || slices.Contains(c.Seen, mark) {
						return err
					}
					c.N++
					c.Seen = append(c.Seen, mark)
					if err := s.docs.Put(tx, "beside-"+mark, counter{N: 1}); err != nil {
						return err
					}
					return s.docs.Put(tx, "shared", c)
				})
				if err == nil {
					acknowledged.Add(1)
					break
				}
				if try == 200 {
					return false
				}
			}
		}
		return true
	})
	require.EqualValues(t, writers*turns, acknowledged.Load())
	c, _ := s.get(t, "shared")
	require.Equal(t, writers*turns, c.N)
	seen := map[string]bool{}
	for _, mark := range c.Seen {
		require.False(t, seen[mark], "%s is there twice", mark)
		seen[mark] = true
		_, ok := s.get(t, "beside-"+mark)
		require.True(t, ok, "the other document of %s", mark)
	}
}

// expiry: a document with a TTL is gone after it, written alone or in a
// transaction; each write begins the TTL anew; then it can be created again.
func expiry(t *testing.T, s suite) {
	const ttl = 2 * time.Second
	short := s.docs
	short.TTL = ttl
	put := func(ids ...string) {
		require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
			for _, id := range ids {
				if err := short.Put(tx, id, counter{N: 1}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	there := func(id string) bool { return s.item(t, id).ETag != "" }
	put("alone")
	put("one", "two")
	put("renewed")
	for _, id := range []string{"alone", "one", "two", "renewed"} {
		require.True(t, there(id), id)
	}
	time.Sleep(ttl * 3 / 4)
	put("renewed")
	time.Sleep(ttl * 3 / 4)
	require.True(t, there("renewed"), "its TTL began anew")
	// A store counts in seconds, and may be one late.
	require.Eventually(t, func() bool {
		return !there("alone") && !there("one") && !there("two") && !there("renewed")
	}, ttl+4*time.Second, 50*time.Millisecond)
	put("alone")
	put("one", "two")
	require.True(t, there("alone") && there("one") && there("two"), "created again")
	c, ok := s.get(t, "alone")
	require.True(t, ok)
	require.Equal(t, 1, c.N)
}
