package api_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

// deleted is the event that an account of ana's was erased.
func deleted(data any) map[string]any {
	return map[string]any{
		"specversion": "1.0", "id": "e", "source": "users", "type": "tienda.users.deleted", "docversion": 4,
		"time": time.Now().UTC().Format(time.RFC3339), "data": data,
	}
}

func (s *shop) hearUsers(t *testing.T, e map[string]any) {
	t.Helper()
	a := s.Do(t, contracttest.Request{Method: "POST", Path: "/events/users", ContentType: "application/cloudevents+json", Body: e})
	require.Equal(t, 200, a.Status, "%s", a.Body)
}

// The cart and what identifies the buyer go; other users' things stay; a repeat
// of the event, at any time, does no harm; and the job comes to an end.
func TestADeletedAccountIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		buy := func(as caller.Caller, key string) string {
			s.put(t, as, nil, coffee, 1)
			body := map[string]any{"payment_method": "invoice", "note": "ring twice", "email": "them@example.com", "address": map[string]string{
				"name": "Them", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES", "phone": "555 123"}}
			return s.ordered(t, s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/orders", As: as, Header: http.Header{"Idempotency-Key": {key}}, Body: body}), 201).ID
		}
		cancelled, open, bens := buy(asAna, "the-first-one"), buy(asAna, "the-second-one"), buy(asBen, "the-third-one")
		s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/orders/" + cancelled + "/cancel", As: asAna, Body: map[string]any{}})
		s.put(t, asAna, nil, coffee, 2)
		s.put(t, asBen, nil, coffee, 2)
		stored := func(key string) string {
			items, err := s.store.Get(t.Context(), key)
			require.NoError(t, err)
			return string(items[0].Value)
		}
		s.hearUsers(t, map[string]any{"specversion": "1.0", "id": "e", "source": "users", "type": "tienda.users.registered", "docversion": 1, "time": "2026-11-23T10:00:00Z", "data": map[string]string{"user_id": ana}})
		require.NoError(t, s.erasures.Run(t.Context()))
		require.Contains(t, stored("order:"+cancelled), "ring twice", "other events are of no interest")

		e := deleted(map[string]string{"user_id": ana})
		s.hearUsers(t, e)
		s.hearUsers(t, e)
		require.NoError(t, s.erasures.Run(t.Context()))
		require.Empty(t, s.cart(t, asAna, nil).Lines)
		require.Len(t, s.cart(t, asBen, nil).Lines, 1)
		for _, personal := range []string{"ring twice", "them@example.com", "555 123", "Calle Mayor", "Them"} {
			require.NotContains(t, stored("order:"+cancelled), personal)
			require.Contains(t, stored("order:"+open), personal, "under way")
			require.Contains(t, stored("order:"+bens), personal)
		}
		// What an old token still did is forgotten with the second look.
		s.put(t, asAna, nil, coffee, 1)
		time.Sleep(14 * time.Minute)
		require.NoError(t, s.erasures.Run(t.Context()))
		require.Len(t, s.cart(t, asAna, nil).Lines, 1)
		time.Sleep(time.Minute)
		require.NoError(t, s.erasures.Run(t.Context()))
		require.Empty(t, s.cart(t, asAna, nil).Lines)
		require.False(t, strings.Contains(stored("index:erasures"), ana))
		s.hearUsers(t, e)
		require.NoError(t, s.restarted(t).erasures.Run(t.Context()), "a late repeat")
		require.False(t, strings.Contains(stored("index:erasures"), ana))
	})
}
