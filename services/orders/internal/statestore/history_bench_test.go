package statestore

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// BenchmarkTotals adds up a month of orders with two lines each, without the sidecar.
func BenchmarkTotals(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := history.NewService(monthOf(b, n), func() time.Time { return time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC) })
			b.ResetTimer()
			for b.Loop() {
				sums, _, err := s.Totals(b.Context(), history.Span{}, history.ByProduct, "", 100)
				require.NoError(b, err)
				require.Len(b, sums, 100)
			}
		})
	}
}

// monthOf gives the history of n orders made in 30 days.
func monthOf(b *testing.B, n int) *History {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	products := make([]string, 100)
	for i := range products {
		products[i] = uuid.NewString()
	}
	names := &pages{}
	rows := map[string][]history.Row{}
	size := 0
	for i := range n {
		o := order.Order{ID: uuid.NewString(), CreatedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 30 * 24 * time.Hour / time.Duration(n))}
		r := history.Row{ID: o.ID, Version: 2, Owner: shopper.User(products[0]), Status: order.Confirmed, Method: order.Invoice, At: o.CreatedAt, Currency: "EUR", Total: 2500}
		for l := range 2 {
			p := (i + l) % len(products)
			r.Lines = append(r.Lines, history.RowLine{SKU: fmt.Sprintf("SKU-%06d", p), Product: products[p], Name: "Smoked Paprika Murciana", Quantity: 1, Total: 1250})
		}
		raw, err := json.Marshal(r)
		require.NoError(b, err)
		size += len(raw)
		page := names.next(&o)
		rows[page] = append(rows[page], r)
	}
	for page, some := range rows {
		require.NoError(b, db.Update(b.Context(), func(tx *state.Tx) error { return keepRows(tx, page, some) }))
	}
	b.ReportMetric(float64(size/n), "B/row")
	return NewHistory(db)
}
