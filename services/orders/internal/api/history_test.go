package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/money"
)

type totalDoc struct {
	Day       string      `json:"day"`
	ProductID string      `json:"product_id"`
	Name      string      `json:"name"`
	Status    string      `json:"status"`
	Orders    int         `json:"orders"`
	Quantity  int         `json:"quantity"`
	Returned  int         `json:"returned"`
	Total     money.Money `json:"total"`
	Refunded  money.Money `json:"refunded"`
}

// found gives the IDs of the orders that a list shows, over all of its pages.
func (s *shop) found(t *testing.T, as caller.Caller, query string) []string {
	t.Helper()
	ids := []string{}
	for cursor := ""; ; {
		var list struct {
			Items      []orderDoc
			NextCursor string `json:"next_cursor"`
		}
		s.ok(t, 200, request("GET", "/v1/orders?limit=2&cursor="+cursor+query, as, nil), &list)
		for _, o := range list.Items {
			ids = append(ids, o.ID)
		}
		if cursor = list.NextCursor; cursor == "" {
			return ids
		}
	}
}

func TestOrdersAreFound(t *testing.T) {
	s := newShop(t)
	first := s.bought(t, "key-of-ana-1", cash)
	second := s.bought(t, "key-of-ana-2", invoice)
	s.step(t, asAgent, nil, first.ID, "ship", nil)
	h := s.guest(t, plate, 1)
	guests := s.ordered(t, s.submit(t, caller.Caller{}, h, "key-of-guest", guestCash), 201)
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, want := range map[string][]string{
		"":                                {second.ID, first.ID},
		"&status=shipped":                 {first.ID},
		"&payment_method=invoice":         {second.ID},
		"&q=" + coffee[2:]:                {second.ID, first.ID},
		"&q=no+such":                      {},
		"&from=" + tomorrow:               {},
		"&from=2026-01-01&to=" + tomorrow: {second.ID, first.ID},
		"&to=2026-01-01":                  {},
		"&promotion=NONE":                 {},
		"&status=shipped&q=tea&from=" + today[:4] + "-01-01": {first.ID},
	} {
		require.Equal(t, want, s.found(t, asAna, query), query)
		require.Equal(t, want, s.found(t, asAgent, query+"&customer="+ana), query)
	}
	for query, want := range map[string][]string{
		"":                        {guests.ID, second.ID, first.ID},
		"&status=confirmed":       {guests.ID, second.ID},
		"&q=plate":                {guests.ID},
		"&payment_method=invoice": {second.ID},
		"&from=" + tomorrow:       {},
		"&to=2026-01-01":          {},
	} {
		require.Equal(t, want, s.found(t, asAgent, query+"&customer=all"), query)
	}
	require.Empty(t, s.found(t, asAgent, ""), "an agent's own")
	reader := caller.Caller{UserID: nowhere, Scopes: []string{caller.OrdersRead}}
	require.Len(t, s.found(t, reader, "&customer=all"), 3)
}

func TestWhatCannotBeFound(t *testing.T) {
	s := newShop(t)
	for query, want := range map[string]struct {
		status int
		code   string
		field  string
	}{
		"?customer=all":                  {403, "role_missing", "customer"},
		"?from=2026-13-01":               {400, "invalid_request", "from"},
		"?from=2026-02-03&to=2026-02-02": {400, "invalid_request", "to"},
		"?cursor=x":                      {400, "invalid_request", "cursor"},
		"?payment_method=" + url.QueryEscape("bags of gold"): {400, "invalid_request", "payment_method"},
	} {
		a := s.Do(t, request("GET", "/v1/orders"+query, asAna, nil))
		code, fields := a.Problem(t)
		require.Equal(t, want.status, a.Status, "%s: %s", query, a.Body)
		require.Equal(t, want.code, code, query)
		require.Equal(t, []string{want.field}, fields, query)
	}
	a := s.Do(t, request("GET", "/v1/orders?customer=all&from=2024-01-01&to=2026-01-01", asAgent, nil))
	require.Equal(t, 422, a.Status, "%s", a.Body)
	require.Equal(t, 400, s.Do(t, request("GET", "/v1/orders?customer=all&cursor=x", asAgent, nil)).Status)
}

func TestTotals(t *testing.T) {
	s := newShop(t)
	s.bought(t, "key-of-ana-1", cash)
	gone := s.bought(t, "key-of-ana-2", invoice)
	s.step(t, asAna, nil, gone.ID, "cancel", nil)
	day := time.Now().UTC().Format(time.DateOnly)
	cost := money.New(2*1249+500, "EUR")
	for by, want := range map[string][]totalDoc{
		"day":     {{Day: day, Orders: 1, Quantity: 3, Total: cost, Refunded: money.New(0, "EUR")}},
		"product": {{ProductID: product, Name: "Name of " + coffee, Orders: 1, Quantity: 3, Total: cost}},
		"status": {
			{Status: "confirmed", Orders: 1, Quantity: 3, Total: cost, Refunded: money.New(0, "EUR")},
			{Status: "cancelled", Orders: 1, Quantity: 3, Total: cost, Refunded: money.New(0, "EUR")},
		},
	} {
		var list struct{ Items []totalDoc }
		s.ok(t, 200, request("GET", "/v1/orders/totals?by="+by, asAgent, nil), &list)
		require.Equal(t, want, list.Items, by)
	}
	var list struct{ Items []totalDoc }
	s.ok(t, 200, request("GET", "/v1/orders/totals?by=day&to=2026-01-01", asAgent, nil), &list)
	require.Empty(t, list.Items)
	require.Equal(t, 403, s.Do(t, request("GET", "/v1/orders/totals?by=day", asAna, nil)).Status)
	require.Equal(t, 400, s.Do(t, request("GET", "/v1/orders/totals", asAgent, nil)).Status)
}
