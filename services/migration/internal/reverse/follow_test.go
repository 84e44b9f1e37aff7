package reverse_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/monolith/local/localtest"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/statestore"
)

// What the monolith does not take waits, with a reason that quotes no value, and holds
// up nothing else; once it fits it is written. What cannot be reached is not kept: its
// news comes again.
func TestWhatTheMonolithDoesNotTakeWaits(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 3)
	quiet := slog.New(slog.DiscardHandler)
	list := statestore.NewUnwritten(state.Open(statetest.NewMemory(), nil, quiet))
	f := reverse.NewFollower(w.writer, list, time.Now, quiet)
	refused := map[string]map[string]any{
		"categories": {"slug": "far", "name": "Far", "position": 1, "parent": "not-there-yet"},
		"products":   {"slug": "dollars", "name": "Dollars", "category": "not-there-yet", "variants": []any{}},
		"orders":     {"number": "much-too-long-for-twenty-characters", "status": "confirmed"},
		"tickets":    {"customer_id": newID(), "status": "unheard-of", "subject": "private matter"},
	}
	ids := map[string]string{}
	for kind, doc := range refused {
		ids[kind] = newID()
		w.owners.put(t, kind, ids[kind], "", doc)
		require.NoError(t, f.Hear(t.Context(), reverse.Change{Kind: kind, ID: ids[kind], Version: 1}))
	}
	waiting, err := f.Waiting(t.Context())
	require.NoError(t, err)
	require.Len(t, waiting, len(refused))
	for _, u := range waiting {
		require.Equal(t, ids[u.Kind], u.ID)
		require.Equal(t, 1, u.Tries)
		require.NotEmpty(t, u.Reason)
		for _, value := range []string{"much-too-long", "unheard-of", "private", "not-there-yet"} {
			require.NotContains(t, u.Reason, value)
		}
	}
	require.NoError(t, f.Retry(t.Context()))
	waiting, err = f.Waiting(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, waiting[0].Tries)
	id := newID()
	w.owners.put(t, "categories", id, "", map[string]any{"slug": "not-there-yet", "name": "There", "position": 2})
	require.NoError(t, f.Hear(t.Context(), reverse.Change{Kind: "categories", ID: id, Version: 1}))
	for _, kind := range []string{"products", "orders", "tickets"} {
		w.owners.drop(kind, ids[kind])
	}
	require.NoError(t, f.Retry(t.Context()))
	waiting, err = f.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
	w.back("categories", ids["categories"])

	w.store.Close()
	require.Error(t, f.Hear(t.Context(), reverse.Change{Kind: "categories", ID: id, Version: 2}))
	waiting, err = f.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
}
