package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/origin/intake"
)

// movedIn opens a shop into which one product was moved, with so many on hand.
func movedIn(t *testing.T, quantity int) *shop {
	t.Helper()
	s := open(t)
	s.call(200, manager, "PUT", "/v1/settings/inventory", object{"low_stock_at": 2,
		"locations": []any{object{"id": "main", "name": "M"}, object{"id": "bcn", "name": "B"}}})
	s.move("categories", intake.Stored, moved("categories:1", 1, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	s.move("stock", intake.Stored, moved(stockKey(1), 1, onHand(1, quantity)))
	return s
}

func (s *shop) hold(order string, quantity int) {
	s.t.Helper()
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line("W-1", quantity)))
}

// Reservations that were made here stay: what is on hand does not go below them.
func TestStockIsNotMovedBelowWhatIsReserved(t *testing.T) {
	s := movedIn(t, 10)
	s.hold(orderA, 4)
	s.move("stock", intake.Stored, moved(stockKey(1), 2, onHand(1, 4)))
	require.Equal(t, inventoryView{SKU: "W-1", OnHand: 4, Reserved: 4, Low: true}, s.stock("W-1"))
	require.False(t, s.shows("ware-1").InStock)
	s.refused("stock", "below_reserved", moved(stockKey(1), 3, onHand(1, 3)))
	s.refused("stock", "below_reserved", moved(stockKey(1), 3, with(onHand(1, 9), "location", "bcn")))
	require.JSONEq(t, `{"sku":"W-1","on_hand":4}`, s.kept("stock", stockKey(1))[stockKey(1)])
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/release", object{"skus": []string{"W-1"}})
	s.move("stock", intake.Stored, moved(stockKey(1), 3, onHand(1, 3)))
	require.Equal(t, 3, s.stock("W-1").Available)
	require.NotContains(t, s.events.Types(), "tienda.catalog.stock_low", "what is moved in is not told of")
}

// What staff adjust or move shows as a difference, whichever location it is at, and the next state
// that is moved in puts all of it where it says.
func TestWhatStaffDoToMovedStock(t *testing.T) {
	s := movedIn(t, 10)
	kept := func() string { return s.kept("stock", stockKey(1))[stockKey(1)] }
	s.call(200, manager, "PATCH", "/v1/inventory/W-1", object{"delta": -1, "reason": "broken"})
	require.JSONEq(t, `{"sku":"W-1","on_hand":9}`, kept())
	s.call(200, manager, "PATCH", "/v1/inventory/W-1", object{"delta": 1, "location": "bcn", "reason": "found"})
	require.JSONEq(t, `{"sku":"W-1","on_hand":10,"location":"bcn"}`, kept())
	s.move("stock", intake.Stored, moved(stockKey(1), 2, with(onHand(1, 10), "location", "bcn")))
	require.JSONEq(t, `{"sku":"W-1","on_hand":10,"location":"bcn"}`, kept())
	s.call(200, manager, "POST", "/v1/inventory/W-1/transfers", object{"from": "bcn", "to": "main", "quantity": 3, "reason": "x"})
	require.JSONEq(t, `{"sku":"W-1","on_hand":10,"location":"main"}`, kept())
	s.call(200, manager, "PUT", "/v1/inventory/W-1/settings", object{"low_stock_at": 5})
	require.JSONEq(t, `{"sku":"W-1","on_hand":10,"location":"main","low_at":5}`, kept())
	s.move("stock", intake.Stored, moved(stockKey(1), 3, onHand(1, 8)))
	require.JSONEq(t, `{"sku":"W-1","on_hand":8}`, kept())
	require.Equal(t, inventoryView{SKU: "W-1", OnHand: 8, Available: 8}, s.stock("W-1"))

	// Its ledger adds up, and says what was moved in.
	var ledger struct{ Items []ledgerEntry }
	s.call(200, manager, "GET", "/v1/inventory/W-1/ledger?limit=100", nil).JSON(t, &ledger)
	sum, migrations := 0, 0
	for _, e := range ledger.Items {
		sum += e.Delta
		if e.Kind == "migration" {
			migrations++
			require.Equal(t, "moved in from stock:1", e.Reason)
		}
	}
	require.Equal(t, 8, sum)
	require.Equal(t, 5, migrations)
	n := len(ledger.Items)
	s.move("stock", intake.Stored, moved(stockKey(1), 3, onHand(1, 8)))
	s.call(200, manager, "GET", "/v1/inventory/W-1/ledger?limit=100", nil).JSON(t, &ledger)
	require.Len(t, ledger.Items, n, "the same again moves nothing")
}

// What is low is known without being told of.
func TestMovedStockIsLow(t *testing.T) {
	s := movedIn(t, 2)
	require.Contains(t, string(s.call(200, manager, "GET", "/v1/inventory?low=true", nil).Body), `"W-1"`)
	s.move("stock", intake.Stored, moved(stockKey(1), 2, with(onHand(1, 2), "low_at", 1)))
	require.NotContains(t, string(s.call(200, manager, "GET", "/v1/inventory?low=true", nil).Body), `"W-1"`)
	require.Empty(t, s.events.Events())
}

// Stock that comes before its product is kept for it, and stays when the SKU goes from one
// product that was moved in to another.
func TestStockComesAndGoesByItself(t *testing.T) {
	s := movedIn(t, 1)
	s.move("stock", intake.Stored, moved(stockKey(2), 1, onHand(2, 6)))
	s.call(404, manager, "GET", "/v1/inventory/W-2", nil)
	require.JSONEq(t, `{"sku":"W-2","on_hand":6}`, s.kept("stock", stockKey(2))[stockKey(2)])
	s.move("products", intake.Stored, moved(productKey(2), 2, movedWare(2)))
	require.Equal(t, 6, s.stock("W-2").Available)
	require.True(t, s.shows("ware-2").InStock)

	s.refused("products", "sku_taken", moved(productKey(3), 3, with(movedWare(2), "slug", "ware-3")))
	s.move("products", intake.Stored, moved(productKey(2), 3, with(movedWare(4), "slug", "ware-2")))
	s.call(404, manager, "GET", "/v1/inventory/W-2", nil)
	s.move("products", intake.Stored, moved(productKey(3), 3, with(movedWare(2), "slug", "ware-3")))
	require.Equal(t, 6, s.stock("W-2").Available)
	require.True(t, s.shows("ware-3").InStock)
	require.False(t, s.shows("ware-2").InStock)
	s.move("products", intake.Stored, moved(productKey(3), 4, nil))
	require.JSONEq(t, `{"sku":"W-2","on_hand":6}`, s.kept("stock", stockKey(2))[stockKey(2)])

	// A product that is made here does not get it.
	s.call(201, manager, "POST", "/v1/products", with(with(movedWare(2), "slug", "mine"), "status", "published"))
	require.Zero(t, s.stock("W-2").Available)
	require.Empty(t, s.kept("stock", stockKey(2)))
	s.refused("stock", "sku_taken", moved(stockKey(2), 5, onHand(2, 6)))
	s.move("stock", intake.Stored, moved(stockKey(2), 6, nil))
	require.Contains(t, s.store.Keys("stock:"), "stock:W-2", "nor does that which it has go")
}

// The stock of a row can be that of another SKU later.
func TestStockOfAnotherSKU(t *testing.T) {
	s := movedIn(t, 3)
	s.move("products", intake.Stored, moved(productKey(2), 2, movedWare(2)))
	s.move("stock", intake.Stored, moved(stockKey(1), 2, onHand(2, 5)))
	require.Equal(t, 5, s.stock("W-2").Available)
	require.Zero(t, s.stock("W-1").OnHand)
	require.False(t, s.shows("ware-1").InStock)
	require.JSONEq(t, `{"sku":"W-2","on_hand":5}`, s.kept("stock", stockKey(1))[stockKey(1)])
}

// Stock that goes leaves what orders hold, until they are through; it can come again.
func TestStockThatGoes(t *testing.T) {
	s := movedIn(t, 10)
	s.hold(orderA, 2)
	s.hold(orderB, 3)
	s.move("stock", intake.Stored, moved(stockKey(1), 2, nil))
	require.Empty(t, s.kept("stock", stockKey(1)))
	require.False(t, s.shows("ware-1").InStock)
	require.Equal(t, inventoryView{SKU: "W-1", OnHand: 5, Reserved: 5}, s.stock("W-1"))
	s.move("stock", intake.Stored, moved(stockKey(1), 3, onHand(1, 5)))
	require.Equal(t, inventoryView{SKU: "W-1", OnHand: 5, Reserved: 5, Low: true}, s.stock("W-1"), "it is for sale again, and low")
	s.move("stock", intake.Stored, moved(stockKey(1), 4, nil))
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/release", object{"skus": []string{"W-1"}})
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderB+"/commit", object{"skus": []string{"W-1"}})
	require.Zero(t, s.stock("W-1").OnHand)
	s.move("stock", intake.Stored, moved(stockKey(1), 5, onHand(1, 4)))
	require.Equal(t, 4, s.stock("W-1").Available)
	require.True(t, s.shows("ware-1").InStock)
}

// Stock that staff stated of a product that was moved in is taken over; of one that they deleted,
// nothing is left until it is moved in again.
func TestStockOfStaff(t *testing.T) {
	s := movedIn(t, 1)
	s.move("products", intake.Stored, moved(productKey(2), 1, movedWare(2)))
	s.call(200, manager, "PATCH", "/v1/inventory/W-2", object{"on_hand": 3, "reason": "count"})
	require.Empty(t, s.kept("stock", stockKey(2)))
	s.move("stock", intake.Stored, moved(stockKey(2), 1, onHand(2, 9)))
	require.Equal(t, 9, s.stock("W-2").OnHand)

	s.call(204, manager, "DELETE", "/v1/products/"+idOf(productKey(2)), nil)
	require.Empty(t, s.kept("products", productKey(2)))
	require.Empty(t, s.kept("stock", stockKey(2)))
	s.move("products", intake.Stored, moved(productKey(2), 1, movedWare(2)))
	s.move("stock", intake.Stored, moved(stockKey(2), 1, onHand(2, 9)))
	require.Equal(t, 9, s.stock("W-2").Available)
	require.True(t, s.shows("ware-2").InStock)
}

// What orders of here hold, another system in charge of them has off its count: its count
// holds beside that, whichever of its news and of the orders' comes first.
func TestWhatOrdersHoldIsOffTheCountElsewhere(t *testing.T) {
	for _, first := range []string{"orders", "stock"} {
		s := movedIn(t, 10)
		s.hold(orderA, 4)
		require.Equal(t, 6, s.abroad("stock", idOf(stockKey(1))))
		over := func() {
			s.hears("handed_over", object{"order_id": orderA, "lines": []any{line("W-1", 4)}})
		}
		tells := func(position, n int) {
			d := moved(stockKey(1), position, onHand(1, n))
			d["adopt"] = true
			s.move("stock", intake.Stored, d)
			require.JSONEq(t, fmt.Sprintf(`{"sku":"W-1","on_hand":%d}`, n), s.kept("stock", stockKey(1))[stockKey(1)])
			require.Equal(t, n, s.stock("W-1").Available)
		}
		if first == "orders" {
			over()
			tells(2, 6)
		} else {
			tells(2, 6)
			require.Equal(t, inventoryView{SKU: "W-1", OnHand: 10, Reserved: 4, Available: 6}, s.stock("W-1"))
			tells(3, 3)
			over()
		}
		over()
		tells(4, 7) // the order is cancelled there
		require.Equal(t, inventoryView{SKU: "W-1", OnHand: 7, Available: 7, Sold: 4}, s.stock("W-1"))
		require.Equal(t, 7, s.abroad("stock", idOf(stockKey(1))))
	}
}

// abroad gives how much of a stock another system is told of.
func (s *shop) abroad(kind, id string) int {
	s.t.Helper()
	var out struct {
		Documents []struct {
			Document struct {
				OnHand int `json:"on_hand"`
			}
		}
	}
	s.call(200, mover, "POST", "/internal/v1/sync/"+kind+"/read", object{"ids": []string{id}, "all": true}).JSON(s.t, &out)
	require.Len(s.t, out.Documents, 1)
	return out.Documents[0].Document.OnHand
}
