package conformance

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/profile/profiletest"
	"tienda/internal/state"
)

// What the stores themselves do where they differ. The state layer is built for
// the worst of it; when a line here changes, so may the layer.
func TestWhatStoresDo(t *testing.T) {
	for _, c := range []struct {
		store string
		// A transaction with one stale ETag still writes its other keys.
		halfWritten bool
	}{
		{"local", false},
		{"redis", true},
		{"postgres", false},
	} {
		t.Run(c.store, func(t *testing.T) {
			profiletest.Needs(t, c.store)
			dir := t.TempDir()
			s := state.Dapr(start(t, "orders", dir, component(t, c.store, dir)), "orders-state")
			read := func(key string) state.Item {
				items, err := s.Get(t.Context(), key)
				require.NoError(t, err)
				return items[0]
			}
			create := func(text string) state.Op { return state.Op{Key: uuid.NewString(), Value: []byte(text)} }

			alone := create(`"first"`)
			require.NoError(t, s.Commit(t.Context(), alone))
			again := state.Op{Key: alone.Key, Value: []byte(`"second"`)}
			require.Error(t, s.Commit(t.Context(), again))
			neighbour := create(`"neighbour"`)
			require.Error(t, s.Commit(t.Context(), again, neighbour))
			require.Equal(t, `"first"`, string(read(alone.Key).Value))
			require.Equal(t, c.halfWritten, read(neighbour.Key).ETag != "", "the neighbour of a refused create")

			stale := state.Op{Key: alone.Key, Value: []byte(`"stale"`), ETag: read(alone.Key).ETag}
			require.NoError(t, s.Commit(t.Context(), state.Op{Key: alone.Key, Value: []byte(`"newer"`), ETag: stale.ETag}))
			neighbour = create(`"neighbour"`)
			require.Error(t, s.Commit(t.Context(), stale, neighbour))
			require.Equal(t, `"newer"`, string(read(alone.Key).Value))
			require.Equal(t, c.halfWritten, read(neighbour.Key).ETag != "", "the neighbour of a stale ETag")

			// state.redis makes again, over what it holds, a key that was made
			// inside a transaction; our creates carry what keeps it from that.
			for what, more := range map[string][]state.Op{"alone": nil, "with others": {create(`1`)}} {
				made := create(`"first"`)
				require.NoError(t, s.Commit(t.Context(), made, create(`1`)))
				require.Error(t, s.Commit(t.Context(), append([]state.Op{{Key: made.Key, Value: []byte(`"second"`)}}, more...)...), what)
				require.Equal(t, `"first"`, string(read(made.Key).Value), what)
			}
		})
	}
}
