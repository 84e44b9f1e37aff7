package state_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// A replica tells what it has announced of watched documents, by number, and only once
// nothing of it is counted as waiting.
func TestAnnounced(t *testing.T) {
	type doc struct{ N int }
	docs := state.Collection[doc]{Prefix: "w:"}
	r := open(statetest.NewMemory(), &topic{})
	require.False(t, r.Watched())
	r.Watch(state.Watch{
		Prefix:   "w:",
		Holds:    func(raw []byte) (map[string][]byte, error) { return map[string][]byte{"x": raw}, nil },
		Announce: func(id string, _ bool) event.Event { return event.New("t", "document_changed", id, struct{}{}) },
	})
	require.True(t, r.Watched())
	r.run(time.Second)
	defer r.end()
	first := r.Announced("", 0, 10)
	require.NotEmpty(t, first.Process)
	require.Zero(t, first.Last)
	for n := range 5 {
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error { return docs.Put(tx, fmt.Sprint(n), doc{n}) }))
	}
	require.Eventually(t, func() bool { return r.OutboxStats().Backlog == 0 }, 10*time.Second, time.Millisecond)
	a := r.Announced(first.Process, 0, 3)
	require.Equal(t, int64(5), a.Last, "nothing waits, so all is known")
	require.Equal(t, int64(3), a.After)
	require.Len(t, a.Events, 3)
	var e event.Received
	require.NoError(t, json.Unmarshal(a.Events[0], &e))
	require.Equal(t, "tienda.t.document_changed", e.Type)
	a = r.Announced(first.Process, 3, 3)
	require.Equal(t, int64(5), a.After)
	require.Len(t, a.Events, 2)
	require.Empty(t, r.Announced(first.Process, 5, 3).Events)
	other := r.Announced("another", 1, 3)
	require.Empty(t, other.Events)
	require.Zero(t, other.After)
	journals, err := r.Journals(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{r.Journal()}, journals)
}
