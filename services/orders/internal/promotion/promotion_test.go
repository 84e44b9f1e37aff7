package promotion

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/pricing"
)

var now = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

func ten(code string) Rule {
	return Rule{Code: code, Label: "Ten off", Kind: pricing.Percentage, Rate: 10_000}
}

func TestBook(t *testing.T) {
	var b Book
	_, err := b.Add("1", ten("TEN"), now)
	require.NoError(t, err)
	_, err = b.Add("2", ten("TEN"), now)
	require.Equal(t, "code_taken", fault.CodeOf(err))
	_, err = b.End("1", 2, now)
	require.Equal(t, "version_mismatch", fault.CodeOf(err))
	p, err := b.End("1", 1, now)
	require.NoError(t, err)
	require.True(t, p.Ended(now))
	p, err = b.End("1", 0, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, now, p.EndsAt, "a repeat changes nothing")
	_, err = b.Add("2", ten("TEN"), now.Add(time.Second))
	require.NoError(t, err, "the code is free again")
	p, known := b.ByCode("TEN")
	require.True(t, known)
	require.Equal(t, "2", p.ID, "the newest")
	_, err = b.Change("1", ten("TEN"), 0, now.Add(time.Minute))
	require.Equal(t, "code_taken", fault.CodeOf(err), "it cannot come back")

	for i := len(b.Promotions); i < maxPromotions; i++ {
		_, err = b.Add(fmt.Sprint("auto-", i), ten(""), now)
		require.NoError(t, err)
	}
	_, err = b.Add("more", ten(""), now.Add(keepEnded-time.Second))
	require.Equal(t, "too_many_promotions", fault.CodeOf(err))
	_, err = b.Add("more", ten(""), now.Add(keepEnded))
	require.NoError(t, err)
	_, err = b.Find("1")
	require.ErrorIs(t, err, ErrMissing, "it has made room")
	require.Len(t, b.Promotions, maxPromotions)
}

func TestAmountsByCurrency(t *testing.T) {
	p := Promotion{Rule: Rule{Kind: pricing.FixedAmount, Amounts: []money.Money{money.New(500, "EUR"), money.New(600, "USD")}, Minimums: []money.Money{money.New(2000, "EUR")}}}
	got, ok := p.In("EUR")
	require.True(t, ok)
	require.Equal(t, [2]int64{500, 2000}, [2]int64{got.Amount, got.Minimum})
	for _, c := range []string{"USD", "JPY"} { // no minimum, no amount
		_, ok = p.In(c)
		require.False(t, ok, c)
	}
}

// ledger is one over orders in memory.
func ledger(orders map[string]*order.Order, u *Uses, mine map[UserKey]*UserUses) *Ledger {
	return &Ledger{
		Uses: map[string]*Uses{"p": u}, Mine: mine, ChangedUses: map[string]bool{}, ChangedMine: map[UserKey]bool{},
		Orders: func(ids ...string) (map[string]*order.Order, error) {
			out := map[string]*order.Order{}
			for _, id := range ids {
				if o := orders[id]; o != nil {
					out[id] = o
				}
			}
			return out, nil
		},
	}
}

// What becomes of a use, by how its order stands.
func TestSettle(t *testing.T) {
	old, young := now.Add(-time.Minute), now.Add(-10*time.Second)
	with := []string{"p"}
	for _, tt := range []struct {
		name         string
		order        *order.Order
		used         time.Time
		folded, open int
	}{
		{"pending", &order.Order{Status: order.Pending}, old, 0, 1},
		{"confirmed with it", &order.Order{Status: order.Confirmed, Redeemed: with, ConfirmedAt: old}, old, 0, 1},
		{"confirmed without it", &order.Order{Status: order.Confirmed, ConfirmedAt: old}, old, 0, 0},
		{"shipped without it", &order.Order{Status: order.Shipped, ConfirmedAt: old}, old, 0, 0},
		{"cancelled", &order.Order{Status: order.Cancelled, Redeemed: with}, old, 0, 0},
		{"shipped", &order.Order{Status: order.Shipped, Redeemed: with, ConfirmedAt: old}, old, 1, 0},
		{"shipped at once", &order.Order{Status: order.Shipped, Redeemed: with, ConfirmedAt: young}, old, 0, 1},
		{"delivered", &order.Order{Status: order.Delivered, Redeemed: with, ConfirmedAt: old}, old, 1, 0},
		{"not there", nil, old, 0, 0},
		{"not there yet", nil, young, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &Uses{Open: []Use{{Order: "o", User: "ana", At: tt.used.Unix()}}}
			mine := &UserUses{Orders: []string{"before", "o"}}
			l := ledger(map[string]*order.Order{"o": tt.order}, u, map[UserKey]*UserUses{{"p", "ana"}: mine})
			for range 2 { // a repeat changes nothing
				require.NoError(t, l.Settle("p", []string{"o"}, now))
				require.Equal(t, [2]int{tt.folded, tt.open}, [2]int{u.Folded, len(u.Open)})
			}
			want := []string{"before", "o"}
			if tt.folded+tt.open == 0 {
				want = want[:1]
			}
			require.Equal(t, want, mine.Orders)
		})
	}
}

func TestTake(t *testing.T) {
	p := Promotion{ID: "p", Rule: Rule{Limit: 3, PerUser: 1}}
	orders := map[string]*order.Order{"gone": {Status: order.Cancelled, Redeemed: []string{"p"}}}
	for _, id := range []string{"a", "b", "c"} {
		orders[id] = &order.Order{Status: order.Pending}
	}
	u := &Uses{Folded: 1}
	mine := map[UserKey]*UserUses{{"p", "ana"}: {Orders: []string{"gone"}}, {"p", "ben"}: {}}
	l := ledger(orders, u, mine)
	take := func(id, user string) error {
		return l.Take(Ask{Order: id, User: user, Promotions: []Promotion{p}}, now)
	}
	require.NoError(t, take("a", "ana"), "what a cancelled order has left of hers is forgotten")
	require.NoError(t, take("a", "ana"), "a repeat")
	require.ErrorIs(t, take("b", "ana"), ErrYours)
	require.NoError(t, take("b", "ben"))
	require.Equal(t, 3, u.Count())
	p.PerUser = 0
	require.ErrorIs(t, take("c", "ben"), ErrUsedUp)
	require.NoError(t, take("b", "ben"), "who has it keeps it")
	require.ErrorIs(t, take("gone", "ana"), ErrEnded)
	require.ErrorIs(t, take("never", "ana"), ErrEnded)
	require.Equal(t, 3, u.Count())
}
