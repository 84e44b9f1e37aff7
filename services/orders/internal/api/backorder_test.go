package api_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
)

var release = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// promised is what a catalog says of what was back-ordered.
type promised struct {
	waits map[string]bool // by SKU
	away  bool
	asked int
}

func (p *promised) Waiting(_ context.Context, _ string, skus []string) (bool, error) {
	p.asked++
	if p.away {
		return false, fault.New(fault.Unavailable, "catalog_unavailable", "away")
	}
	return slices.ContainsFunc(skus, func(sku string) bool { return p.waits[sku] }), nil
}

// What is there leaves in a parcel of its own while the rest is waited for.
func TestWhatIsThereIsShippedFirst(t *testing.T) {
	s := newShop(t)
	later := &promised{waits: map[string]bool{plate: true}}
	s.promised = later
	s.catalog.set(func(c *fakeCatalog) {
		c.sell = func(l *order.Line) {
			if l.SKU == plate {
				l.Backordered, l.ExpectedAt = 1, release
			}
		}
	})
	s = s.restarted(t)
	h := s.guest(t, coffee, 1)
	s.put(t, caller.Caller{}, h, plate, 2)
	id := s.ordered(t, s.submit(t, caller.Caller{}, h, "key-promised", guestCash), 201).ID
	parcel := func(key string, body any, status int) {
		t.Helper()
		a := s.step(t, asAgent, http.Header{"Idempotency-Key": {key}}, id, "shipments", body)
		require.Equal(t, status, a.Status, "%s", a.Body)
	}
	there := map[string]any{"lines": []any{map[string]any{"sku": coffee, "quantity": 1}}}
	parcel("parcel-1", there, 200)
	require.Zero(t, later.asked, "nobody is asked of what was there")
	parcel("parcel-2", nil, 409)
	later.waits = nil
	parcel("parcel-2", nil, 200)
	require.Equal(t, 2, later.asked)
	parcel("parcel-1", there, 200)
	parcel("parcel-2", nil, 200)
	require.Equal(t, 2, later.asked, "nor for a repeat")
}

// A line that was back-ordered says so, and its order is shipped once catalog says
// that all of it has come, and not before; of other orders nobody is asked.
func TestBackorderedLines(t *testing.T) {
	s := newShop(t)
	later := &promised{waits: map[string]bool{plate: true}}
	s.promised = later
	s.catalog.set(func(c *fakeCatalog) {
		c.quote = func(sku string, q *cart.Quote) {
			q.Availability = "in_stock"
			if sku == plate {
				q.Availability, q.ExpectedAt = "preorder", release
			}
		}
		c.sell = func(l *order.Line) {
			if l.SKU == plate {
				l.Backordered, l.ExpectedAt = 1, release
			}
		}
	})
	s = s.restarted(t)
	type doc struct {
		Lines []struct {
			SKU          string    `json:"sku"`
			Availability string    `json:"availability"`
			Backordered  int       `json:"backordered"`
			ExpectedAt   time.Time `json:"expected_at"`
		} `json:"lines"`
	}
	h := s.guest(t, coffee, 1)
	var seen doc
	s.put(t, caller.Caller{}, h, plate, 2).JSON(t, &seen)
	require.Equal(t, []string{"in_stock", "preorder"}, []string{seen.Lines[0].Availability, seen.Lines[1].Availability})
	require.True(t, seen.Lines[1].ExpectedAt.Equal(release))

	a := s.submit(t, caller.Caller{}, h, "key-promised", guestCash)
	o := s.ordered(t, a, 201)
	a.JSON(t, &seen)
	require.Equal(t, []int{0, 1}, []int{seen.Lines[0].Backordered, seen.Lines[1].Backordered})
	require.True(t, seen.Lines[1].ExpectedAt.Equal(release))

	ship := func(status int, code string) {
		t.Helper()
		a := s.step(t, asAgent, nil, o.ID, "ship", map[string]string{})
		require.Equal(t, status, a.Status, "%s", a.Body)
		if code != "" {
			got, _ := a.Problem(t)
			require.Equal(t, code, got)
		}
	}
	ship(409, "backordered")
	later.away = true
	ship(503, "catalog_unavailable")
	later.away, later.waits = false, nil
	ship(200, "")
	require.Equal(t, 3, later.asked)

	h = s.guest(t, coffee, 1)
	o = s.ordered(t, s.submit(t, caller.Caller{}, h, "key-another", guestCash), 201)
	ship(200, "")
	require.Equal(t, 3, later.asked, "nobody is asked of an order that had all")
}
