package statestore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/shopper"
)

// readers are customers whose IDs say what they want.
type readers struct{}

func (readers) Reader(_ context.Context, id string) (letters.Reader, error) {
	if strings.HasPrefix(id, "gone") {
		return letters.Reader{}, fault.Missing("user")
	}
	return letters.Reader{Email: id + "@example.com", Language: "en", Marketing: !strings.HasPrefix(id, "silent")}, nil
}

func shopperOf(user string) shopper.Shopper {
	if strings.HasPrefix(user, "guest") {
		return shopper.Shopper{Guest: shopper.Owner("guest:" + user)}
	}
	return shopper.Shopper{User: user}
}

func fill(t *testing.T, db *state.DB, user string, quantity int, at time.Time) {
	t.Helper()
	_, err := NewCarts(db).Update(t.Context(), shopperOf(user), func(c *cart.Cart) error {
		if quantity == 0 {
			c.Empty(at)
			return nil
		}
		return c.Set("A", quantity, at)
	})
	require.NoError(t, err)
}

// Who has left a cart for two days and allows marketing is written once, whatever the
// replicas do at the same time.
func TestReminders(t *testing.T) {
	for name, wrap := range map[string]func(state.Store) state.Store{
		"with rollback":    func(s state.Store) state.Store { return s },
		"without rollback": func(s state.Store) state.Store { return halved{s} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				docs := statetest.NewMemory()
				smtp := &post{}
				w, other := startWriter(wrap(docs), deaf{}, smtp), startWriter(wrap(docs), deaf{}, smtp)
				defer w.stop()
				defer other.stop()
				var mine []string
				for i := range 60 {
					mine = append(mine, fmt.Sprint("left-", i))
				}
				noon := time.Now().Add(12 * time.Hour)
				for _, user := range append(mine, "silent", "gone", "emptied", "back", "guest") {
					fill(t, w.saga.db, user, 2, noon)
				}
				fill(t, w.saga.db, "emptied", 0, noon)
				fill(t, other.saga.db, "back", 3, noon.AddDate(0, 0, 1)) // is at it again
				remind := func(days int) []string {
					at := func() time.Time { return noon.AddDate(0, 0, days) }
					var both sync.WaitGroup
					for _, r := range []writer{w, other} {
						both.Go(func() { assert.NoError(t, cart.NewReminders(NewReminders(r.saga.db, r.mail), at).Run(t.Context())) })
					}
					both.Wait()
					time.Sleep(time.Minute)
					return smtp.letters()
				}
				require.Empty(t, remind(1), "it is too early")
				for range 3 {
					require.Len(t, remind(2), len(mine))
				}
				require.Len(t, remind(3), len(mine)+1, "the one who came back is reminded a day later")
				require.Empty(t, docs.Keys("mail:"))
				require.Contains(t, smtp.letters(), "Your cart is waiting for you")
			})
		})
	}
}

// A cart is kept for 90 days after its last change, a guest's for 30.
func TestCartsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
		there := func(user string) bool {
			kept := false
			_, err := NewCarts(db).Update(t.Context(), shopperOf(user), func(c *cart.Cart) error {
				kept = len(c.Lines) > 0
				return nil
			})
			require.NoError(t, err)
			return kept
		}
		for user, life := range map[string]time.Duration{"ana": cart.CustomerLife, "guest": cart.GuestLife} {
			fill(t, db, user, 1, time.Now())
			time.Sleep(life - time.Second)
			fill(t, db, user, 2, time.Now())
			time.Sleep(life - time.Second)
			require.True(t, there(user))
			time.Sleep(time.Second)
			require.False(t, there(user))
		}
	})
}
