package terms

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/shopper"
)

// slow is a source that takes a while, and may be away.
type slow struct {
	takes time.Duration
	away  bool
	reads int
}

var errAway = errors.New("away")

func (s *slow) Load(ctx context.Context) (*Terms, error) {
	s.reads++
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.away {
		return nil, errAway
	}
	return &Terms{Book: &promotion.Book{}}, nil
}

// Terms are never older than MaxAge: who needs them waits, or is told.
func TestModelIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &slow{takes: 10 * time.Millisecond}
		m := NewModel(src, time.Now)
		for range 5 { // those who ask at the same time share one reading
			go func() { _, _ = m.Get(t.Context()) }()
		}
		first, err := m.Get(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 1, src.reads)
		time.Sleep(MaxAge - 10*time.Millisecond)
		again, err := m.Get(t.Context())
		require.NoError(t, err)
		require.Same(t, first, again)
		require.Equal(t, 1, src.reads)
		time.Sleep(time.Second)
		require.NoError(t, m.Refresh(t.Context()))
		next, err := m.Get(t.Context())
		require.NoError(t, err)
		require.NotSame(t, first, next)
		require.Equal(t, 2, src.reads)

		src.away = true
		require.Error(t, m.Refresh(t.Context()))
		_, err = m.Get(t.Context())
		require.NoError(t, err, "they are still young enough")
		time.Sleep(MaxAge)
		_, err = m.Get(t.Context())
		require.ErrorIs(t, err, errAway)
		src.takes = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = m.Get(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Which promotions goods may have, and why not the others.
func TestCodes(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	rule := func(id string, r promotion.Rule) promotion.Promotion {
		r.Kind, r.Rate, r.Code = pricing.Percentage, 10_000, id
		return promotion.Promotion{ID: id, Rule: r}
	}
	terms := &Terms{
		Book: &promotion.Book{Promotions: []promotion.Promotion{
			rule("GOOD", promotion.Rule{}), rule("LATE", promotion.Rule{EndsAt: now}), rule("EARLY", promotion.Rule{StartsAt: now.Add(1)}),
			rule("FEW", promotion.Rule{Limit: 2}), rule("MINE", promotion.Rule{PerUser: 1}),
		}},
		Uses: map[string]*promotion.Uses{"FEW": {Folded: 1, Open: []promotion.Use{{Order: "o"}}}, "MINE": {}},
	}
	reasons := func(q Query) map[string]pricing.Reason {
		q.Currency, q.At = "EUR", now
		q.Lines = []pricing.Line{{SKU: "A", Quantity: 1, Unit: 1000}}
		q.Codes = []string{"GOOD", "LATE", "EARLY", "FEW", "MINE", "NONE"}
		got, err := terms.Price(q)
		require.NoError(t, err)
		out := map[string]pricing.Reason{}
		for _, c := range got.Codes {
			out[c.Code] = c.Reason
		}
		return out
	}
	want := map[string]pricing.Reason{"GOOD": "", "LATE": Expired, "EARLY": NotStarted, "FEW": UsedUp, "MINE": SignIn, "NONE": Unknown}
	require.Equal(t, want, reasons(Query{}))
	want["MINE"] = ""
	require.Equal(t, want, reasons(Query{Owner: shopper.User("u")}))
	want["FEW"] = ""
	require.Equal(t, want, reasons(Query{Owner: shopper.User("u"), Order: "another"}), "at a checkout the ledger says it")
}
