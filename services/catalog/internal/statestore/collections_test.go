package statestore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/collection"
	"tienda/services/catalog/internal/product"
)

// mayBeAway is a store that cannot be read while it is away.
type mayBeAway struct {
	state.Store
	away bool
}

func (m *mayBeAway) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if m.away {
		return nil, errors.New("the store is away")
	}
	return m.Store.Get(ctx, keys...)
}

// shelves is what two replicas show of collections in one store.
type shelves struct {
	*testing.T
	store *mayBeAway
	now   time.Time
	both  [2]*collection.Service
}

func newShelves(t *testing.T) *shelves {
	t.Helper()
	s := &shelves{T: t, store: &mayBeAway{Store: statetest.NewMemory()}, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	for i := range s.both {
		s.both[i] = newReplica(s)
	}
	return s
}

func newReplica(s *shelves) *collection.Service {
	db := state.Open(s.store, &event.Memory{}, slog.New(slog.DiscardHandler))
	return collection.NewService(NewCollections(db), func() time.Time { return s.now })
}

func (s *shelves) shown(replica int) (slugs []string) {
	s.Helper()
	all, err := s.both[replica].All(s.Context())
	require.NoError(s, err)
	for _, c := range all.All {
		slugs = append(slugs, c.Slug)
	}
	return slugs
}

func of(slug string) collection.Collection {
	return collection.Collection{Slug: slug, Name: slug, Status: product.Published, Products: []string{"p-1"}}
}

// What one replica changes it shows at once, and the other within a second; of a store
// that is away each goes on showing what it knew, and one that knows nothing says so.
func TestCollectionsOfTwoReplicas(t *testing.T) {
	s := newShelves(t)
	require.Empty(t, s.shown(1))
	_, err := s.both[0].Create(t.Context(), of("winter"))
	require.NoError(t, err)
	require.Equal(t, []string{"winter"}, s.shown(0))
	require.Empty(t, s.shown(1))
	s.now = s.now.Add(time.Second)
	require.Equal(t, []string{"winter"}, s.shown(1))

	s.store.away = true
	s.now = s.now.Add(time.Hour)
	require.Equal(t, []string{"winter"}, s.shown(0))
	require.Equal(t, []string{"winter"}, s.shown(1))
	_, err = newReplica(s).All(t.Context())
	require.Error(t, err)
	s.store.away = false

	require.NoError(t, s.both[1].Delete(t.Context(), "winter", 0))
	require.Empty(t, s.shown(1))
	require.Empty(t, s.shown(0), "what it knows is old")
}

// Of many who add at once in two replicas, all are there in the end, and of those who
// add the same slug one.
func TestCollectionsAtOnce(t *testing.T) {
	s := newShelves(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := map[string]int{}
	for i := range 40 {
		wg.Go(func() {
			slug := "c-" + string(rune('a'+i%10))
			if _, err := s.both[i%2].Create(context.WithoutCancel(t.Context()), of(slug)); err == nil {
				mu.Lock()
				added[slug]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, added, 10)
	for slug, n := range added {
		require.Equal(t, 1, n, slug)
	}
	s.now = s.now.Add(time.Second)
	require.Len(t, s.shown(0), 10)
	require.Equal(t, s.shown(0), s.shown(1))
}
