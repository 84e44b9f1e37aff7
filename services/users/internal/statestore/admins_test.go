package statestore

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/users/internal/account"
)

// Who is being taken away takes nobody away, until it is settled, or given up
// because the process that began it has died.
func TestAnAdminWhoIsLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := NewAccounts(w.db(t))
		a, b := w.admin(t, "a@example.com").ID, w.admin(t, "b@example.com").ID
		op, err := store.Leave(t.Context(), a, b)
		require.NoError(t, err)
		other, err := store.Leave(t.Context(), a, b)
		require.NoError(t, err)
		refused := func() {
			t.Helper()
			_, err := store.Leave(t.Context(), b, a)
			require.ErrorIs(t, err, account.ErrNotAdmin)
		}
		refused()
		require.NoError(t, store.Settle(t.Context(), b, op))
		refused() // the other one is still under way
		require.NoError(t, store.Settle(t.Context(), b, other))
		op, err = store.Leave(t.Context(), b, a)
		require.NoError(t, err)
		require.NoError(t, store.Settle(t.Context(), a, op))

		_, err = store.Leave(t.Context(), a, b) // and never settled
		require.NoError(t, err)
		refused()
		time.Sleep(opLimit + time.Second)
		_, err = store.Leave(t.Context(), b, a)
		require.NoError(t, err)

		u := w.register(t, "c@example.com")
		_, err = store.Leave(t.Context(), u.ID, a)
		require.ErrorIs(t, err, account.ErrNotAdmin)
		_, err = store.Leave(t.Context(), "nobody", a)
		require.ErrorIs(t, err, account.ErrNotAdmin)
	})
}
