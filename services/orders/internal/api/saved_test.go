package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/services/orders/internal/cart"
)

const (
	savedID  = "0198d2a0-6666-7000-8000-000000000001"
	savedID2 = "0198d2a0-6666-7000-8000-000000000002"
)

type savedDoc struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Lines   []cart.Line `json:"lines"`
	Version int64       `json:"version"`
}

func (s *shop) saved(t *testing.T, as caller.Caller) []savedDoc {
	t.Helper()
	var list struct{ Items []savedDoc }
	s.ok(t, 200, request("GET", "/v1/saved-carts", as, nil), &list)
	return list.Items
}

// A cart is saved, emptied and restored, and says what has changed meanwhile.
func TestSavedCarts(t *testing.T) {
	s := newShop(t)
	weekly := request("PUT", "/v1/saved-carts/"+savedID, asAna, map[string]string{"name": "Weekly"})
	s.refused(t, 422, "cart_empty", weekly)
	s.put(t, asAna, nil, coffee, 2)
	s.put(t, asAna, nil, tea, 1)
	var kept savedDoc
	for range 2 { // the second is a repeat
		s.ok(t, 200, weekly, &kept)
		require.Equal(t, savedDoc{ID: savedID, Name: "Weekly", Lines: []cart.Line{{SKU: coffee, Quantity: 2}, {SKU: tea, Quantity: 1}}, Version: 1}, kept)
	}
	require.Len(t, s.cart(t, asAna, nil).Lines, 2, "the cart stays")
	s.refused(t, 409, "name_taken", request("PUT", "/v1/saved-carts/"+savedID2, asAna, map[string]string{"name": "weekly"}))
	s.put(t, asAna, nil, tea, 3)
	s.ok(t, 200, request("PUT", "/v1/saved-carts/"+savedID2, asAna, map[string]string{"name": "Party"}), nil)
	list := s.saved(t, asAna)
	require.Len(t, list, 2)
	require.Equal(t, "Party", list[0].Name, "the newest first")

	s.ok(t, 204, request("DELETE", "/v1/cart", asAna, nil), nil)
	s.put(t, asAna, nil, tea, 2)
	s.catalog.set(func(c *fakeCatalog) { c.price[coffee] = 1399 })
	s = s.restarted(t) // its quotes are new
	var c cartDoc
	s.ok(t, 200, request("POST", "/v1/saved-carts/"+savedID+"/restore", asAna, nil), &c)
	require.Len(t, c.Lines, 2)
	require.Equal(t, 2, c.Lines[0].Quantity, "tea is there with more")
	require.Equal(t, coffee, c.Lines[1].SKU)
	require.Equal(t, "price_changed", c.Lines[1].Notice)
	require.Len(t, s.saved(t, asAna), 2, "what is saved stays")

	// Nobody else sees or touches them.
	require.Empty(t, s.saved(t, asBen))
	require.Equal(t, 404, s.Do(t, request("POST", "/v1/saved-carts/"+savedID+"/restore", asBen, nil)).Status)
	require.Equal(t, 404, s.Do(t, request("DELETE", "/v1/saved-carts/"+savedID, asBen, nil)).Status)
	require.Equal(t, 401, s.Do(t, request("GET", "/v1/saved-carts", caller.Caller{}, nil)).Status)

	drop := request("DELETE", "/v1/saved-carts/"+savedID, asAna, nil)
	drop.Header = http.Header{"If-Match": {`"7"`}}
	s.refused(t, 412, "version_mismatch", drop)
	drop.Header = http.Header{"If-Match": {`"1"`}}
	s.ok(t, 204, drop, nil)
	require.Equal(t, 404, s.Do(t, drop).Status)
}

// A saved cart goes with the account.
func TestSavedCartsAreErased(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 1)
	s.ok(t, 200, request("PUT", "/v1/saved-carts/"+savedID, asAna, map[string]string{"name": "Gift for Luis"}), nil)
	s.hearUsers(t, deleted(map[string]string{"user_id": ana}))
	require.NoError(t, s.erasures.Run(t.Context()))
	require.Empty(t, s.saved(t, asAna))
	items, err := s.store.Get(t.Context(), "saved-carts:"+ana)
	require.NoError(t, err)
	require.Empty(t, items[0].ETag, "nor is anything left behind")
}
