package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
)

var (
	asMigration = caller.Caller{App: "migration"}
	syncOnce    = sync.OnceValues(func() (*contract.Schema, error) {
		c, err := contract.Load(contracts.FS, "orders")
		if err != nil {
			return nil, err
		}
		return c.Schema("SyncOrder")
	})
)

func syncSchema(t *testing.T) *contract.Schema {
	t.Helper()
	s, err := syncOnce()
	require.NoError(t, err)
	return s
}

type doc = map[string]any

func euros(cents int) doc { return doc{"amount": cents, "currency": "EUR"} }

// oldID gives the ID of the order of a number.
func oldID(n int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "orders:", n)).String()
}

// old gives an order of ana's of the monolith: tea of 10.00, and 1.00 for shipping, paid by card.
func old(n int, at string, with doc) doc {
	d := doc{
		"number": fmt.Sprint("OLD-", n), "customer_id": ana, "email": anaEmail, "currency": "EUR", "status": "delivered", "created_at": at,
		"lines":   []doc{{"sku": tea, "name": "Old tea", "quantity": 2, "unit_price": euros(500), "total": euros(1000)}},
		"totals":  doc{"goods": euros(1000), "shipping": euros(100), "total": euros(1100)},
		"payment": doc{"method": "card", "status": "paid", "paid": euros(1100), "refunded": euros(0), "reference": "ch_77"},
	}
	maps.Copy(d, with)
	return d
}

func sent(n, position int, d doc) doc {
	out := doc{"id": oldID(n), "source": doc{"key": fmt.Sprint("orders:", n), "position": position}}
	if d == nil {
		out["deleted"] = true
	} else {
		out["document"] = d
	}
	return out
}

type syncResult struct {
	ID, Outcome string
	Problem     struct {
		Code   string
		Fields []struct{ Name string }
	}
}

// take sends documents of one part and gives what became of them.
func (s *shop) take(t *testing.T, part string, docs ...doc) (out []syncResult) {
	t.Helper()
	var got struct{ Results []syncResult }
	s.ok(t, 200, request("POST", "/internal/v1/sync/orders", asMigration, doc{"part": part, "documents": docs}), &got)
	require.Len(t, got.Results, len(docs))
	return got.Results
}

// moved sends documents that are all stored.
func (s *shop) moved(t *testing.T, docs ...doc) {
	t.Helper()
	for _, r := range s.take(t, "0", docs...) {
		require.Equal(t, "stored", r.Outcome, "%v", r)
	}
}

// kept gives the documents of orders, by ID.
func (s *shop) kept(t *testing.T, ids ...string) map[string]json.RawMessage {
	t.Helper()
	var got struct {
		Documents []struct {
			ID       string
			Document json.RawMessage
		}
	}
	s.ok(t, 200, request("POST", "/internal/v1/sync/orders/read", asMigration, doc{"ids": ids}), &got)
	out := map[string]json.RawMessage{}
	for _, d := range got.Documents {
		out[d.ID] = d.Document
	}
	return out
}

func (s *shop) trySync(t *testing.T) {
	t.Helper()
	s.moved(t, sent(1, 5, old(1, "2019-04-01T10:00:00Z", nil)))
	require.Len(t, s.kept(t, oldID(1), nowhere), 1)
	var list struct{ IDs []string }
	s.ok(t, 200, request("GET", "/internal/v1/sync/orders", asMigration, nil), &list)
	require.Equal(t, []string{oldID(1)}, list.IDs)
	s.ok(t, 200, request("GET", "/internal/v1/sync/outbox", asMigration, nil), nil)
	require.Equal(t, 403, s.Do(t, request("GET", "/internal/v1/sync/outbox", support, nil)).Status)
}

func TestOnlyTheMigrationMovesOrdersIn(t *testing.T) {
	s := newShop(t)
	batch := doc{"part": "0", "documents": []doc{sent(1, 1, old(1, "2019-04-01T10:00:00Z", nil))}}
	admin := caller.Caller{UserID: agentID, Roles: []caller.Role{caller.Admin}}
	for _, as := range []caller.Caller{{}, asAna, asAgent, admin, support, {App: "catalog"}, {UserID: agentID, Scopes: []string{caller.OrdersRead, caller.OrdersFulfil}}} {
		require.Equal(t, 403, s.Do(t, request("POST", "/internal/v1/sync/orders", as, batch)).Status)
		require.Equal(t, 403, s.Do(t, request("POST", "/internal/v1/sync/orders/read", as, doc{"ids": []string{oldID(1)}})).Status)
		require.Equal(t, 403, s.Do(t, request("GET", "/internal/v1/sync/orders", as, nil)).Status)
	}
	require.Empty(t, s.kept(t, oldID(1)))
}

func TestTheNewestOrderCounts(t *testing.T) {
	s := newShop(t)
	at := "2019-04-01T10:00:00Z"
	text := func() string {
		var d struct{ Note string }
		if raw := s.kept(t, oldID(1))[oldID(1)]; raw != nil {
			require.NoError(t, json.Unmarshal(raw, &d))
		}
		return d.Note
	}
	send := func(position int, note string) string {
		var d doc
		if note != "" {
			d = old(1, at, doc{"note": note})
		}
		return s.take(t, "0", sent(1, position, d))[0].Outcome
	}
	require.Equal(t, "stored", send(5, "five"))
	require.Equal(t, "stale", send(4, "four"))
	require.Equal(t, "stored", send(5, "five again"))
	require.Equal(t, "five again", text())
	require.Equal(t, "stored", send(6, ""))
	require.Equal(t, "stale", send(5, "five"), "what is gone stays gone")
	require.Empty(t, text())
	require.Equal(t, "stored", send(6, ""), "a repeat")
	require.Equal(t, "stored", send(7, "seven"))
	require.Equal(t, "seven", text())

	made := s.bought(t, "key-of-ana-1", invoice)
	r := s.take(t, "0", doc{"id": made.ID, "source": doc{"key": "orders:9", "position": 9}, "document": old(9, at, nil)},
		sent(2, 9, old(2, at, doc{"status": "lost"})), sent(3, 9, old(3, at, doc{"currency": "USD"})), sent(4, 9, old(4, at, nil)))
	require.Equal(t, "order_made_here", r[0].Problem.Code)
	require.Equal(t, "/status", r[1].Problem.Fields[0].Name)
	require.Equal(t, "order_inconsistent", r[2].Problem.Code)
	require.Equal(t, []string{"rejected", "rejected", "rejected", "stored"}, []string{r[0].Outcome, r[1].Outcome, r[2].Outcome, r[3].Outcome})
	require.Equal(t, made.Email, s.ordered(t, s.Do(t, request("GET", "/v1/orders/"+made.ID, asAna, nil)), 200).Email)
	require.Equal(t, "stored", s.take(t, "0", doc{"id": made.ID, "source": doc{"key": "orders:9", "position": 10}, "deleted": true})[0].Outcome)
	s.ordered(t, s.Do(t, request("GET", "/v1/orders/"+made.ID, asAna, nil)), 200)
}

// sums gives orders, pieces, total and refunded of a day, nil for none.
func (s *shop) sums(t *testing.T, day string) []int64 {
	t.Helper()
	var list struct{ Items []totalDoc }
	s.ok(t, 200, request("GET", "/v1/orders/totals?by=day&from="+day+"&to="+day, asAgent, nil), &list)
	if len(list.Items) == 0 {
		return nil
	}
	i := list.Items[0]
	return []int64{int64(i.Orders), int64(i.Quantity), i.Total.Amount, i.Refunded.Amount}
}

// A moved order is in its customer's list and in the shop's where its time puts it, and in
// the sums of its day, once, whatever is sent how often.
func TestAMovedOrderIsWhereItBelongs(t *testing.T) {
	s := newShop(t)
	all := "&customer=all&from=2019-03-01&to=2019-05-01"
	s.moved(t, sent(1, 5, old(1, "2019-04-01T10:00:00Z", nil)), sent(2, 5, old(2, "2019-04-02T10:00:00Z", doc{"customer_id": ben})),
		sent(3, 5, old(3, "2019-04-01T09:00:00Z", doc{"status": "cancelled"})))
	for range 2 {
		require.Equal(t, []string{oldID(2), oldID(1), oldID(3)}, s.found(t, asAgent, all))
		require.Equal(t, []string{oldID(1), oldID(3)}, s.found(t, asAna, ""))
		require.Equal(t, []string{oldID(2)}, s.found(t, asBen, ""))
		require.Equal(t, []int64{1, 2, 1100, 0}, s.sums(t, "2019-04-01"))
		s.moved(t, sent(1, 5, old(1, "2019-04-01T10:00:00Z", nil)))
	}
	for query, want := range map[string][]string{
		"&q=old-1": {oldID(1)}, "&q=old+tea": {oldID(2), oldID(1), oldID(3)}, "&q=" + tea: {oldID(2), oldID(1), oldID(3)},
		"&status=cancelled": {oldID(3)}, "&payment_method=card": {oldID(2), oldID(1), oldID(3)}, "&payment_method=invoice": {},
	} {
		require.Equal(t, want, s.found(t, asAgent, query+all), query)
	}
	require.Equal(t, []string{oldID(1)}, s.found(t, asAna, "&q=old-1"))

	s.moved(t, sent(1, 6, old(1, "2019-04-03T10:00:00Z", doc{"customer_id": ben,
		"payment": doc{"method": "card", "status": "partially_refunded", "paid": euros(1100), "refunded": euros(300)}})))
	require.Equal(t, []string{oldID(1), oldID(2), oldID(3)}, s.found(t, asAgent, all))
	require.Equal(t, []string{oldID(3)}, s.found(t, asAna, ""))
	require.Equal(t, []string{oldID(1), oldID(2)}, s.found(t, asBen, ""))
	require.Nil(t, s.sums(t, "2019-04-01"))
	require.Equal(t, []int64{1, 2, 1100, 300}, s.sums(t, "2019-04-03"))

	s.moved(t, sent(1, 7, nil), sent(3, 7, nil))
	require.Equal(t, []string{oldID(2)}, s.found(t, asAgent, all))
	require.Empty(t, s.found(t, asAna, ""))
	require.Nil(t, s.sums(t, "2019-04-03"))
	require.Equal(t, 404, s.Do(t, request("GET", "/v1/orders/"+oldID(1), asAgent, nil)).Status)
	require.Equal(t, 404, s.step(t, asAgent, nil, oldID(1), "cancel", nil).Status)
	s.moved(t, sent(1, 8, old(1, "2019-04-01T10:00:00Z", nil)))
	require.Equal(t, []string{oldID(1)}, s.found(t, asAna, ""), "it has come again")
	require.Empty(t, s.events.Types(), "nothing is announced")
}

// Orders that come in any order beside those that are made here, in lists of any length.
func TestMovedOrdersAmongThoseMadeHere(t *testing.T) {
	s := newShop(t)
	r := rand.New(rand.NewPCG(1, 1))
	want := map[string]time.Time{}
	for n := range 3 {
		made := s.bought(t, fmt.Sprint("key-of-ana-", n), invoice)
		var o struct {
			CreatedAt time.Time `json:"created_at"`
		}
		s.Do(t, request("GET", "/v1/orders/"+made.ID, asAna, nil)).JSON(t, &o)
		want[made.ID] = o.CreatedAt
		// Some are made in the monolith between those of here.
		for i := range 4 {
			at := o.CreatedAt.Add(time.Duration(r.IntN(4)-2) * time.Hour * 24 * 300).Add(time.Duration(i-2) * time.Millisecond).Truncate(time.Millisecond).UTC()
			for slices.ContainsFunc(slices.Collect(maps.Values(want)), func(t time.Time) bool { return t.Truncate(time.Millisecond).Equal(at) }) {
				at = at.Add(time.Millisecond) // of two of one instant either may be first
			}
			want[oldID(n*10+i)] = at
			s.moved(t, sent(n*10+i, 1, old(n*10+i, at.Format(time.RFC3339Nano), nil)))
		}
	}
	ids := slices.SortedFunc(maps.Keys(want), func(a, b string) int { return want[b].Compare(want[a]) })
	require.Equal(t, ids, s.found(t, asAna, ""))
	var all []string
	var list struct {
		Items      []orderDoc
		NextCursor string `json:"next_cursor"`
	}
	for cursor := ""; ; cursor = list.NextCursor {
		list.NextCursor, list.Items = "", nil
		s.ok(t, 200, request("GET", "/v1/orders?limit=5&cursor="+cursor, asAna, nil), &list)
		for _, o := range list.Items {
			all = append(all, o.ID)
		}
		if list.NextCursor == "" {
			break
		}
		require.Len(t, list.Items, 5)
	}
	require.Equal(t, ids, all)
	require.Len(t, s.listed(t, asAna), 15)
}

// A moved order can be shown and changed like any other, and what is paid back is by hand.
func TestAMovedOrderIsAFullOrder(t *testing.T) {
	s := newShop(t)
	at := "2019-04-01T10:00:00Z"
	s.moved(t, sent(1, 5, old(1, at, nil)), sent(2, 5, old(2, at, doc{"status": "confirmed"})), sent(3, 5, old(3, at, doc{"status": "confirmed"})))
	var shown struct {
		Number  string
		Address struct{ Name, Country string }
		Payment struct{ Outside struct{ Reference string } }
	}
	s.ok(t, 200, request("GET", "/v1/orders/"+oldID(1), asAna, nil), &shown)
	require.Equal(t, "OLD-1", shown.Number)
	require.Equal(t, "ch_77", shown.Payment.Outside.Reference)
	require.Equal(t, "- ZZ", shown.Address.Name+" "+shown.Address.Country)
	require.Equal(t, 404, s.Do(t, request("GET", "/v1/orders/"+oldID(1), asBen, nil)).Status)

	refund := func(returnID string, n int) contracttest.Answer {
		return s.Do(t, request("POST", "/internal/v1/orders/"+oldID(1)+"/refunds", support, doc{
			"return_id": returnID, "lines": []doc{{"sku": tea, "quantity": n, "restock": true}}}))
	}
	for range 2 {
		require.Equal(t, 200, refund(returnA, 1).Status)
	}
	require.Equal(t, 422, refund(returnB, 2).Status)
	require.Equal(t, 200, refund(returnB, 1).Status)
	require.Equal(t, []int64{3, 6, 3300, 1100}, s.sums(t, "2019-04-01"))
	o := s.ordered(t, s.Do(t, request("GET", "/v1/orders/"+oldID(1), asAna, nil)), 200)
	require.Equal(t, "refunded", o.Payment.Status)
	require.EqualValues(t, 1100, o.Payment.Refunded.Amount)

	require.Equal(t, "shipped", s.ordered(t, s.step(t, asAgent, nil, oldID(2), "ship", doc{"tracking": "ES-1"}), 200).Status)
	require.Equal(t, "payment_not_by_card", code(t, s.step(t, asAgent, nil, oldID(2), "payment/capture", nil)))
	require.Equal(t, "refunded", s.ordered(t, s.step(t, asAna, nil, oldID(3), "cancel", nil), 200).Payment.Status)
	require.Equal(t, []string{oldID(3)}, s.found(t, asAgent, "&customer=all&status=cancelled&from=2019-04-01&to=2019-04-01"))
	require.Contains(t, string(s.kept(t, oldID(2))[oldID(2)]), `"ES-1"`, "the change is a difference")

	// The monolith is in charge: what it says next counts, and a refund of here stays one.
	s.moved(t, sent(1, 6, old(1, at, nil)), sent(2, 6, old(2, at, doc{"status": "confirmed"})))
	require.JSONEq(t, marshal(t, old(2, at, doc{"status": "confirmed"})), string(s.kept(t, oldID(2))[oldID(2)]))
	require.Equal(t, 200, refund(returnA, 1).Status, "a repeat")
	require.Equal(t, 422, refund(nowhere, 1).Status, "nothing is left to come back")
	require.Equal(t, "shipped", s.ordered(t, s.step(t, asAgent, nil, oldID(2), "ship", nil), 200).Status)
}

func code(t *testing.T, a contracttest.Answer) string {
	t.Helper()
	c, _ := a.Problem(t)
	return c
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestAMovedOrderOfAGuestIsForStaff(t *testing.T) {
	s := newShop(t)
	d := old(1, "2019-04-01T10:00:00Z", nil)
	delete(d, "customer_id")
	s.moved(t, sent(1, 5, d))
	h := s.guest(t, coffee, 1)
	r := request("GET", "/v1/orders/"+oldID(1), caller.Caller{}, nil)
	r.Header = h
	require.Equal(t, 404, s.Do(t, r).Status)
	require.Equal(t, []string{oldID(1)}, s.found(t, asAgent, "&customer=all&q=OLD-1&from=2019-04-01&to=2019-04-01"))
	require.JSONEq(t, marshal(t, d), string(s.kept(t, oldID(1))[oldID(1)]))
	s.moved(t, sent(1, 6, old(1, "2019-04-01T10:00:00Z", nil)))
	require.Equal(t, []string{oldID(1)}, s.found(t, asAna, ""), "its customer is known now")
}

// Whose account is deleted is forgotten in moved orders as well, and stays so.
func TestMovedOrdersOfADeletedAccount(t *testing.T) {
	s := newShop(t)
	at := "2019-04-01T10:00:00Z"
	s.moved(t, sent(1, 5, old(1, at, doc{"note": "ring twice"})), sent(2, 5, old(2, at, doc{"customer_id": ben, "note": "ring twice"})))
	s.hearUsers(t, deleted(map[string]string{"user_id": ana}))
	require.NoError(t, s.erasures.Run(t.Context()))
	for range 2 {
		require.NotContains(t, string(s.kept(t, oldID(1))[oldID(1)]), "ring twice")
		require.NotContains(t, string(s.kept(t, oldID(1))[oldID(1)]), anaEmail)
		s.moved(t, sent(1, 5, old(1, at, doc{"note": "ring twice"})))
	}
	require.Contains(t, string(s.kept(t, oldID(2))[oldID(2)]), "ring twice")
}
