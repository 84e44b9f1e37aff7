package state

import (
	"context"
	"errors"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
)

// brittle answers bulk reads, and those of broken ones as state.postgresql does:
// without an error, and without what had not come yet.
type brittle struct {
	sidecarState
	held   map[string]string
	broken bool
	saves  int
	down   bool
}

func (s *brittle) GetBulkState(_ context.Context, _ string, keys []string, _ map[string]string, _ int32) ([]*dapr.BulkStateItem, error) {
	out := make([]*dapr.BulkStateItem, len(keys))
	for i, k := range keys {
		out[i] = &dapr.BulkStateItem{Key: k}
		if v := s.held[k]; v != "" && !s.broken {
			out[i].Value, out[i].Etag = []byte(v), "1"
		}
	}
	return out, nil
}

func (s *brittle) SaveBulkState(_ context.Context, _ string, items ...*dapr.SetStateItem) error {
	if s.down {
		return errors.New("down")
	}
	s.saves++
	s.held[items[0].Key] = string(items[0].Value)
	return nil
}

func TestBrokenReadIsNoAbsence(t *testing.T) {
	client := &brittle{held: map[string]string{"a": "1"}}
	s := &daprStore{client: client}
	items, err := s.Get(t.Context(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, []Item{{Key: "a", Value: []byte("1"), ETag: "1"}, {Key: "b"}}, items)
	require.Equal(t, 1, client.saves, "the witness is made once")
	_, err = s.Get(t.Context(), "b", "c")
	require.NoError(t, err)
	require.Equal(t, 1, client.saves)

	client.broken = true
	_, err = s.Get(t.Context(), "a", "b")
	require.ErrorIs(t, err, errBroken)

	// A process that finds the store so does not believe it either.
	fresh := &daprStore{client: client}
	_, err = fresh.Get(t.Context(), "a", "b")
	require.ErrorIs(t, err, errBroken)
	client.down = true
	_, err = (&daprStore{client: client}).Get(t.Context(), "a", "b")
	require.ErrorContains(t, err, "down")
	client.broken, client.down = false, false
	_, err = fresh.Get(t.Context(), "a", "b")
	require.NoError(t, err)
}
