package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/origin/intake"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/product"
)

type object = map[string]any

// idOf is the ID of the document of a row, as the app migration derives it.
func idOf(key string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(key)).String() }

// moved is a document of a row; nil: the row is gone.
func moved(key string, position int, doc any) object {
	out := object{"id": idOf(key), "source": object{"key": key, "position": position}, "deleted": doc == nil}
	if doc != nil {
		out["document"] = doc
	}
	return out
}

// move sends documents, which must end as told.
func (s *shop) move(kind string, want intake.Outcome, docs ...object) []intake.Result {
	s.t.Helper()
	var out struct{ Results []intake.Result }
	s.call(200, mover, "POST", "/internal/v1/sync/"+kind, object{"part": "0", "documents": docs}).JSON(s.t, &out)
	require.Len(s.t, out.Results, len(docs))
	for i, r := range out.Results {
		require.Equal(s.t, docs[i]["id"], r.ID)
		require.Equal(s.t, want, r.Outcome, "%s: %+v", docs[i]["source"], r.Problem)
	}
	return out.Results
}

// refused sends one document, which must be rejected with a code.
func (s *shop) refused(kind, code string, doc object) {
	s.t.Helper()
	require.Equal(s.t, code, s.move(kind, intake.Rejected, doc)[0].Problem.Code)
}

// kept reads documents back, as JSON by row.
func (s *shop) kept(kind string, rows ...string) map[string]string {
	s.t.Helper()
	ids := make([]string, len(rows))
	for i, key := range rows {
		ids[i] = idOf(key)
	}
	var in struct {
		Documents []struct {
			ID       string
			Source   struct{ Key string }
			Document json.RawMessage
		}
	}
	s.call(200, mover, "POST", "/internal/v1/sync/"+kind+"/read", object{"ids": ids}).JSON(s.t, &in)
	out := map[string]string{}
	for _, d := range in.Documents {
		require.Equal(s.t, idOf(d.Source.Key), d.ID)
		out[d.Source.Key] = string(d.Document)
	}
	return out
}

// listed gives the IDs of a kind.
func (s *shop) listed(kind string) (ids []string) {
	s.t.Helper()
	for cursor := ""; ; {
		path := "/internal/v1/sync/" + kind
		if cursor != "" {
			path += "?cursor=" + url.QueryEscape(cursor)
		}
		var page struct {
			IDs        []string
			NextCursor string `json:"next_cursor"`
		}
		s.call(200, mover, "GET", path, nil).JSON(s.t, &page)
		ids = append(ids, page.IDs...)
		if cursor = page.NextCursor; cursor == "" {
			return ids
		}
	}
}

func productKey(n int) string { return fmt.Sprintf("products:%d", n) }

func stockKey(n int) string { return fmt.Sprintf("stock:%d", n) }

// ware is a product of a row with the SKU "W-<n>".
func movedWare(n int) object {
	return object{"slug": fmt.Sprintf("ware-%d", n), "name": fmt.Sprintf("Ware %d", n), "category": "wares", "variants": []any{
		object{"sku": fmt.Sprintf("W-%d", n), "name": "one", "prices": []any{object{"amount": 500 + n, "currency": "EUR"}}},
	}}
}

func onHand(n, quantity int) object {
	return object{"sku": fmt.Sprintf("W-%d", n), "on_hand": quantity}
}

var wareShelf = object{"slug": "wares", "name": "Wares"}

// trySync calls every route of sync once.
func (s *shop) trySync() {
	s.t.Helper()
	s.move("categories", intake.Stored, moved("categories:1", 1, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	s.move("stock", intake.Stored, moved(stockKey(1), 1, onHand(1, 7)))
	for kind, row := range map[string]string{"categories": "categories:1", "products": productKey(1), "stock": stockKey(1)} {
		require.Contains(s.t, s.kept(kind, row, "never"), row)
		require.Equal(s.t, []string{idOf(row)}, s.listed(kind))
		s.move(kind, intake.Stored, moved(row, 2, nil))
		require.Empty(s.t, s.listed(kind))
	}
	s.call(200, mover, "GET", "/internal/v1/sync/outbox", nil)
	s.call(403, manager, "GET", "/internal/v1/sync/outbox", nil)
	cancelled := object{"id": "1", "type": "tienda.orders.cancelled", "source": "orders", "specversion": "1.0", "data": object{"order_id": orderA, "lines": []any{line("W-1", 1)}}}
	s.call(204, mover, "POST", "/internal/v1/sync/news", object{"events": []any{cancelled, cancelled}})
	s.call(403, manager, "POST", "/internal/v1/sync/news", object{"events": []any{cancelled}})
}

// What is moved in is listed, found, shown, sold and changed as what was made here, and nothing
// is announced of it. When it goes, nothing of it is left.
func TestMovedIsShown(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("categories:1", 5, wareShelf))
	doc := with(movedWare(1), "name", "Kettle")
	s.move("products", intake.Stored, moved(productKey(1), 5, doc))
	require.False(t, s.shows("ware-1").InStock)
	s.move("stock", intake.Stored, moved(stockKey(1), 5, onHand(1, 7)))
	require.Empty(t, s.events.Events())

	require.Equal(t, idOf(productKey(1)), s.shows("ware-1").ID)
	require.True(t, s.shows(idOf(productKey(1))).InStock)
	require.Contains(t, string(s.call(200, nobody, "GET", "/v1/products?q=kettle&category=wares&in_stock=true", nil).Body), idOf(productKey(1)))
	require.Contains(t, string(s.call(200, nobody, "GET", "/v1/categories", nil).Body), `"wares"`)
	require.Contains(t, string(s.call(200, orders, "POST", "/internal/v1/quotes", object{"currency": "EUR", "skus": []string{"W-1"}}).Body), `"amount":501`)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("W-1", 2)))
	require.Equal(t, inventoryView{SKU: "W-1", OnHand: 7, Reserved: 2, Available: 5}, s.stock("W-1"))
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/release", object{"skus": []string{"W-1"}})
	ledger := string(s.call(200, manager, "GET", "/v1/inventory/W-1/ledger", nil).Body)
	require.Contains(t, ledger, `"kind":"migration"`)
	require.Contains(t, ledger, `"reason":"moved in from stock:1"`)
}

// A later state wins over an earlier one, the same is written again, and what is gone comes back
// with a later one only.
func TestTheNewerIsKept(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("categories:0", 1, wareShelf))
	for kind, doc := range map[string]func(n int) object{
		"categories": func(n int) object { return object{"slug": "c", "name": fmt.Sprintf("C %d", n)} },
		"products":   func(n int) object { return with(movedWare(1), "name", fmt.Sprintf("P %d", n)) },
		"stock":      func(n int) object { return onHand(1, n) },
	} {
		row := kind + ":1"
		is := func(n int) {
			want, err := json.Marshal(doc(n))
			require.NoError(t, err)
			require.JSONEq(t, string(want), s.kept(kind, row)[row])
		}
		s.move(kind, intake.Stored, moved(row, 5, doc(5)))
		is(5)
		s.move(kind, intake.Stale, moved(row, 4, doc(4)))
		s.move(kind, intake.Stale, moved(row, 4, nil))
		is(5)
		s.move(kind, intake.Stored, moved(row, 5, doc(6)))
		is(6)
		s.move(kind, intake.Stored, moved(row, 7, doc(7)), moved(row, 8, doc(8)))
		is(8)
		s.move(kind, intake.Stored, moved(row, 9, nil))
		require.Empty(t, s.kept(kind, row))
		s.move(kind, intake.Stale, moved(row, 8, doc(8)))
		require.Empty(t, s.kept(kind, row))
		s.move(kind, intake.Stored, moved(row, 10, doc(10)))
		is(10)
		s.move(kind, intake.Stored, moved(row, 11, doc(11)), moved(row, 12, nil))
		require.NotContains(t, s.listed(kind), idOf(row))
	}
	s.move("categories", intake.Stored, moved("categories:0", 2, nil))
	for _, prefix := range []string{"product:", "slug:", "sku:", "stock:"} {
		require.Empty(t, s.store.Keys(prefix))
	}
	require.Empty(t, s.events.Events())
	s.call(404, nobody, "GET", "/v1/products/ware-1", nil)
	require.JSONEq(t, `{"items":[]}`, string(s.call(200, nobody, "GET", "/v1/categories", nil).Body))
}

// What was made here and written back to the other system is taken over from there under its
// ID, where the sender says so: from then on it is as what was moved in.
func TestWhatWasMadeHereIsAdopted(t *testing.T) {
	s, _ := stocked(t)
	adopted := func(key string, id string, doc any) object {
		d := moved(key, 5, doc)
		d["id"], d["adopt"] = id, true
		return d
	}
	line := with(with(coffee(), "id", idOf(productKey(5))), "slug", "imported")
	for _, v := range line["variants"].([]any) {
		v.(object)["sku"], v.(object)["stock"] = "I-"+v.(object)["sku"].(string), 1
	}
	raw, err := json.Marshal(line)
	require.NoError(t, err)
	require.Equal(t, 1, s.load(string(raw)).Accepted)
	s.refused("products", "made_here", moved(productKey(5), 5, movedWare(5)))
	s.move("categories", intake.Stored, moved("categories:2", 1, wareShelf))
	s.move("products", intake.Stored, adopted(productKey(5), idOf(productKey(5)), movedWare(5)))
	require.Equal(t, "ware-5", s.shows(idOf(productKey(5))).Slug)
	require.Equal(t, []string{idOf(productKey(5))}, s.listed("products"))
	s.move("products", intake.Stored, moved(productKey(5), 6, nil))
	s.call(404, nobody, "GET", "/v1/products/"+idOf(productKey(5)), nil)

	coffeeID := product.Category{Slug: "coffee"}.Document()
	s.refused("categories", "slug_taken", moved("categories:9", 5, object{"slug": "coffee", "name": "Café"}))
	s.move("categories", intake.Stored, adopted("categories:9", coffeeID, object{"slug": "coffee", "name": "Café"}))
	require.Contains(t, s.listed("categories"), coffeeID)

	s.refused("stock", "sku_taken", moved(stockKey(1), 1, object{"sku": "COF-250", "on_hand": 3}))
	d := moved(stockKey(1), 1, object{"sku": "COF-250", "on_hand": 3})
	d["adopt"] = true
	s.move("stock", intake.Stored, d)
	require.Equal(t, 3, s.stock("COF-250").OnHand)
}

// What was made here under the same name stays, and so does what was moved in for another row.
func TestWhatIsTaken(t *testing.T) {
	s, _ := stocked(t)
	s.refused("categories", "slug_taken", moved("categories:1", 1, object{"slug": "coffee", "name": "Coffee"}))
	s.move("categories", intake.Stored, moved("categories:2", 1, wareShelf))
	s.refused("categories", "slug_taken", moved("categories:3", 1, wareShelf))
	s.refused("products", "slug_taken", moved(productKey(1), 1, with(movedWare(1), "slug", "cafe-molido")))
	taken := movedWare(1)
	taken["variants"].([]any)[0].(object)["sku"] = "COF-250"
	s.refused("products", "sku_taken", moved(productKey(1), 1, taken))
	s.refused("products", "unknown_category", moved(productKey(1), 1, with(movedWare(1), "category", "none")))
	s.refused("products", "invalid_request", moved(productKey(1), 1, with(movedWare(1), "colour", "red")))
	missing := moved(productKey(1), 1, movedWare(1))
	delete(missing, "document")
	s.refused("products", "invalid_request", missing)
	s.refused("products", "invalid_product", moved(productKey(1), 1, with(movedWare(1), "language", "zz-zz-zz")))
	s.refused("stock", "sku_taken", moved(stockKey(1), 1, object{"sku": "COF-250", "on_hand": 1}))
	s.refused("stock", "unknown_location", moved(stockKey(1), 1, with(onHand(1, 1), "location", "moon")))
	require.Equal(t, 10, s.stock("COF-250").OnHand)
	for _, kind := range []string{"products", "stock"} {
		require.Empty(t, s.listed(kind))
	}
	line := with(with(coffee(), "id", idOf(productKey(5))), "slug", "imported")
	for _, v := range line["variants"].([]any) {
		v.(object)["sku"], v.(object)["stock"] = "I-"+v.(object)["sku"].(string), 1
	}
	raw, err := json.Marshal(line)
	require.NoError(t, err)
	require.Equal(t, 1, s.load(string(raw)).Accepted)
	s.refused("products", "made_here", moved(productKey(5), 1, movedWare(5)))
	s.move("products", intake.Stored, moved(productKey(5), 2, nil))
	require.Equal(t, "imported", s.shows(idOf(productKey(5))).Slug, "what was made here does not go")

	s.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	s.move("stock", intake.Stored, moved(stockKey(1), 1, onHand(1, 4)))
	s.refused("products", "slug_taken", moved(productKey(2), 1, with(movedWare(2), "slug", "ware-1")))
	s.refused("stock", "sku_taken", moved(stockKey(2), 1, onHand(1, 3)))
	require.Equal(t, 4, s.stock("W-1").OnHand)
}

// Only the app migration moves anything in.
func TestOnlyTheMigrationMovesIn(t *testing.T) {
	s := open(t)
	for _, kind := range []string{"categories", "products", "stock"} {
		for _, who := range []caller.Caller{nobody, customer, manager, orders, gateway} {
			path := "/internal/v1/sync/" + kind
			s.call(403, who, "POST", path, object{"part": "0", "documents": []any{moved("x:1", 1, wareShelf)}})
			s.call(403, who, "POST", path+"/read", object{"ids": []string{idOf("x:1")}})
			s.call(403, who, "GET", path, nil)
		}
	}
}

// batch is documents of rows 1 to n.
func batch(n, position int, row func(int) string, doc func(int) object) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = moved(row(i+1), position, doc(i+1))
	}
	return out
}

// A batch of 200 documents costs a few calls, whatever is in it.
func TestABatchIsAFewCalls(t *testing.T) {
	s := open(t)
	*s.within = time.Hour
	require.NoError(t, s.shown.Freshen(t.Context(), time.Hour))
	count := func(f func()) [2]int64 {
		gets, commits := s.calls.during(f)
		return [2]int64{gets, commits}
	}
	s.move("categories", intake.Stored, moved("categories:1", 1, wareShelf))
	all := func(kind string, position int, row func(int) string, doc func(int) object) [2]int64 {
		return count(func() { s.move(kind, intake.Stored, batch(200, position, row, doc)...) })
	}
	five := func(n int) object { return onHand(n, 5) }
	categories := func(n int) object { return object{"slug": fmt.Sprintf("c-%d", n), "name": "C"} }
	require.Equal(t, [2]int64{1, 1}, all("categories", 1, func(n int) string { return fmt.Sprintf("c:%d", n) }, categories))
	require.Equal(t, [2]int64{2, 1}, all("products", 1, productKey, movedWare), "new products; the second get is of the categories")
	require.Equal(t, [2]int64{3, 1}, all("products", 1, productKey, movedWare), "the same again")
	require.Equal(t, [2]int64{2, 1}, all("stock", 1, stockKey, five), "new stock, and the marks of what comes into stock")
	require.Equal(t, [2]int64{2, 1}, all("stock", 2, stockKey, func(n int) object { return onHand(n, 6) }), "other stock")
	other := func(n int) object {
		d := with(movedWare(n), "slug", fmt.Sprintf("other-%d", n))
		d["variants"].([]any)[0].(object)["prices"] = []any{object{"amount": 9, "currency": "EUR"}}
		return d
	}
	require.Equal(t, [2]int64{4, 1}, all("products", 2, productKey, other), "other slugs and prices")
	require.Equal(t, [2]int64{4, 1}, all("products", 3, productKey, movedWare), "and back, with a history of prices")
	for position := 3; position < 31; position++ {
		s.move("stock", intake.Stored, batch(200, position, stockKey, func(n int) object { return onHand(n, position+10) })...)
	}
	require.Equal(t, [2]int64{2, 1}, all("stock", 40, stockKey, five))
	require.Equal(t, [2]int64{2, 1}, all("stock", 41, stockKey, func(n int) object { return onHand(n, 6) }))
	require.Equal(t, [2]int64{3, 1}, all("stock", 42, stockKey, five), "a page of each ledger is full")
	require.Len(t, s.store.Keys("ledger:"), 200)
	rows := make([]string, 200)
	for i := range rows {
		rows[i] = productKey(i + 1)
	}
	require.Equal(t, [2]int64{1, 0}, count(func() { require.Len(t, s.kept("products", rows...), 200) }))
	for i := range rows {
		rows[i] = stockKey(i + 1)
	}
	require.Equal(t, [2]int64{2, 0}, count(func() { require.Len(t, s.kept("stock", rows...), 200) }))
	gone := func(kind string, row func(int) string) [2]int64 {
		docs := make([]object, 200)
		for i := range docs {
			docs[i] = moved(row(i+1), 50, nil)
		}
		return count(func() { s.move(kind, intake.Stored, docs...) })
	}
	require.Equal(t, [2]int64{3, 1}, gone("products", productKey))
	require.Equal(t, [2]int64{3, 1}, gone("stock", stockKey))
	require.Empty(t, append(s.store.Keys("sku:"), append(s.store.Keys("slug:"), s.store.Keys("stock:")...)...))
}

// What another replica has moved in is shown by the next refresh.
func TestAnotherReplicaShowsWhatIsMoved(t *testing.T) {
	store, published := statetest.NewMemory(), &event.Memory{}
	a, b := openOver(t, store, published), openOver(t, store, published)
	refresh := func() { require.NoError(t, b.shown.Refresh(t.Context())) }
	a.move("categories", intake.Stored, moved("categories:1", 1, wareShelf))
	a.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	refresh()
	require.False(t, b.shows("ware-1").InStock)
	a.move("stock", intake.Stored, moved(stockKey(1), 1, onHand(1, 1)))
	refresh()
	require.True(t, b.shows("ware-1").InStock)
	a.move("products", intake.Stored, moved(productKey(1), 2, with(movedWare(1), "slug", "renamed")))
	refresh()
	b.call(308, nobody, "GET", "/v1/products/ware-1", nil)
	require.True(t, b.shows("renamed").InStock)
	a.move("products", intake.Stored, moved(productKey(1), 3, nil))
	refresh()
	b.call(404, nobody, "GET", "/v1/products/renamed", nil)
}
