package pricing

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }

func TestAt(t *testing.T) {
	book := Lists{
		{ID: "sale", Name: "Sale", Starts: at(0), Ends: at(2)},
		{ID: "bulk", Name: "Bulk"},
		{ID: "gold", Name: "Gold", Group: "gold"},
		{ID: "dear", Name: "Dear"},
	}.Book()
	p := Prices{
		Base: []money.Money{money.New(1000, "EUR"), money.New(1100, "USD")},
		Listed: []Entry{
			{"sale", "EUR", 900, 1}, {"bulk", "EUR", 950, 5}, {"bulk", "EUR", 850, 10}, {"gold", "EUR", 800, 1}, {"gold", "EUR", 790, 20},
			{"dear", "EUR", 1500, 1}, {"gone", "EUR", 1, 1}, {"sale", "JPY", 1, 1},
		},
	}
	was := money.New(1000, "EUR")
	price := func(amount int64, kind Kind, list string, ends time.Time, from int) Price {
		return Price{Money: money.New(amount, "EUR"), Kind: kind, List: list, Was: was, EndsAt: ends, Quantity: from}
	}
	base := Price{Money: was, Kind: Base, Quantity: 1}
	never := time.Time{}
	for name, tt := range map[string]struct {
		ask  Ask
		want Price
	}{
		"before the sale":       {Ask{"EUR", 1, "", at(0).Add(-1)}, base},
		"as the sale starts":    {Ask{"EUR", 1, "", at(0)}, price(900, Sale, "Sale", at(2), 1)},
		"its last moment":       {Ask{"EUR", 1, "", at(2).Add(-1)}, price(900, Sale, "Sale", at(2), 1)},
		"as it ends":            {Ask{"EUR", 1, "", at(2)}, base},
		"five":                  {Ask{"EUR", 5, "", at(2)}, price(950, Tier, "Bulk", never, 5)},
		"five, in the sale":     {Ask{"EUR", 5, "", at(1)}, price(900, Sale, "Sale", at(2), 1)},
		"eleven, in the sale":   {Ask{"EUR", 11, "", at(1)}, price(850, Tier, "Bulk", never, 10)},
		"one, of the group":     {Ask{"EUR", 1, "gold", at(1)}, price(800, Group, "Gold", never, 1)},
		"twenty, of the group":  {Ask{"EUR", 20, "gold", at(1)}, price(790, Group, "Gold", never, 20)},
		"twenty, of another":    {Ask{"EUR", 20, "silver", at(2)}, price(850, Tier, "Bulk", never, 10)},
		"a currency of no list": {Ask{"USD", 50, "gold", at(1)}, Price{Money: money.New(1100, "USD"), Kind: Base, Quantity: 1}},
	} {
		got, ok := p.At(book, tt.ask)
		require.True(t, ok, name)
		require.Equal(t, tt.want, got, name)
	}
	_, ok := p.At(book, Ask{"JPY", 1, "", at(1)})
	require.False(t, ok, "without a base price it is not sold")
	require.Equal(t, []Price{price(950, Tier, "Bulk", never, 5), price(850, Tier, "Bulk", never, 10)}, p.Tiers(book, "EUR", at(2)))
	require.Equal(t, []Price{price(850, Tier, "Bulk", never, 10)}, p.Tiers(book, "EUR", at(1)), "what the sale undercuts is no tier")
	require.Empty(t, p.Tiers(book, "JPY", at(1)))
	for now, want := range map[int]time.Time{-1: at(0), 0: at(2), 1: at(2), 2: never} {
		require.Equal(t, want, p.NextChange(book, at(now)))
	}
}

// naive is the rule as it is told: of all that is offered, the cheapest.
func naive(p Prices, lists Lists, a Ask) (offers []int64, sold bool) {
	for _, b := range p.Base {
		if b.Currency == a.Currency {
			offers, sold = append(offers, b.Amount), true
		}
	}
	for _, l := range lists {
		started := l.Starts.IsZero() || a.Now.Equal(l.Starts) || a.Now.After(l.Starts)
		over := !l.Ends.IsZero() && (a.Now.Equal(l.Ends) || a.Now.After(l.Ends))
		if !started || over || l.Group != "" && l.Group != a.Group {
			continue
		}
		for _, e := range p.Listed {
			if e.List == l.ID && e.Currency == a.Currency && a.Quantity >= e.MinQuantity {
				offers = append(offers, e.Amount)
			}
		}
	}
	return offers, sold
}

// Any prices, lists and questions: the price is the cheapest offer, its reason is
// true, the order of the statements does not matter, more never cost more each,
// and nothing changes before NextChange.
func TestAtAgainstTheNaiveRule(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	when := func() time.Time {
		if r.IntN(3) == 0 {
			return time.Time{}
		}
		return at(r.IntN(8))
	}
	for range 20_000 {
		var lists Lists
		for i := range r.IntN(5) {
			l := List{ID: strconv.Itoa(i), Name: "list " + strconv.Itoa(i), Group: pick("", "", "gold", "silver"), Starts: when(), Ends: when()}
			if !l.backwards() {
				lists = append(lists, l)
			}
		}
		var p Prices
		for _, c := range []string{"EUR", "USD"} {
			if r.IntN(4) > 0 {
				p.Base = append(p.Base, money.New(1+r.Int64N(10), c))
			}
		}
		for range r.IntN(8) {
			e := Entry{strconv.Itoa(r.IntN(6)), pick("EUR", "USD"), 1 + r.Int64N(10), 1 + r.IntN(4)}
			if !slices.ContainsFunc(p.Listed, func(o Entry) bool { e.Amount = o.Amount; return o == e }) {
				e.Amount = 1 + r.Int64N(10)
				p.Listed = append(p.Listed, e)
			}
		}
		ask := Ask{pick("EUR", "USD", "JPY"), 1 + r.IntN(5), pick("", "gold", "silver"), at(r.IntN(8))}
		got, ok := p.At(lists.Book(), ask)
		offers, sold := naive(p, lists, ask)
		require.Equal(t, sold, ok)
		if !sold {
			continue
		}
		require.Equal(t, slices.Min(offers), got.Amount, "%+v %+v %+v", p, lists, ask)
		require.Equal(t, ask.Currency, got.Currency)
		require.Equal(t, got.Kind == Base, got.List == "")
		require.Equal(t, got.Kind == Base, got.Was == money.Money{}, "whatever is no base price is lower")
		require.LessOrEqual(t, got.Quantity, ask.Quantity)
		shuffled := Prices{Base: p.Base, Listed: slices.Clone(p.Listed)}
		r.Shuffle(len(shuffled.Listed), func(i, j int) {
			shuffled.Listed[i], shuffled.Listed[j] = shuffled.Listed[j], shuffled.Listed[i]
		})
		again, _ := shuffled.At(lists.Book(), ask)
		require.Equal(t, got, again)
		more := ask
		more.Quantity++
		each, _ := p.At(lists.Book(), more)
		require.LessOrEqual(t, each.Amount, got.Amount)
		later := ask
		later.Now = p.NextChange(lists.Book(), ask.Now).Add(-1)
		if later.Now.After(ask.Now) {
			same, _ := p.At(lists.Book(), later)
			require.Equal(t, got, same)
		}
	}
}

func TestLists(t *testing.T) {
	var all Lists
	l, err := all.Add(List{Name: "Sale", Starts: at(0), Ends: at(1)})
	require.NoError(t, err)
	require.NotEmpty(t, l.ID)
	for _, ends := range []time.Time{at(0), at(-1)} {
		_, err = all.Add(List{Name: "x", Starts: at(0), Ends: ends})
		require.ErrorIs(t, err, ErrPeriod)
		_, err = all.Change(List{ID: l.ID, Starts: at(0), Ends: ends}, 0)
		require.ErrorIs(t, err, ErrPeriod)
	}
	_, err = all.Change(List{ID: l.ID}, 2)
	require.ErrorIs(t, err, ErrVersion)
	l, err = all.Change(List{ID: l.ID, Name: "Winter"}, 1)
	require.NoError(t, err)
	require.Equal(t, List{ID: l.ID, Name: "Winter", Version: 2}, all.Book()[l.ID])
	require.ErrorIs(t, all.Remove("x", 0), ErrMissing)
	require.ErrorIs(t, all.Remove(l.ID, 1), ErrVersion)
	require.NoError(t, all.Remove(l.ID, 2))
	require.Empty(t, all)
	all = make(Lists, MaxLists)
	_, err = all.Add(List{})
	require.ErrorIs(t, err, ErrTooMany)
}

func TestCheckEntries(t *testing.T) {
	book := Lists{{ID: "a"}}.Book()
	require.NoError(t, CheckEntries([]Entry{{"a", "EUR", 1, 1}, {"a", "EUR", 1, 2}, {"a", "USD", 1, 1}}, book))
	err := CheckEntries([]Entry{{"a", "EUR", 1, 1}, {"b", "EUR", 1, 1}, {"a", "QQQ", 1, 1}, {"a", "EUR", 2, 1}}, book)
	var f *fault.Error
	require.True(t, errors.As(err, &f))
	var names []string
	for _, field := range f.Fields {
		names = append(names, field.Name)
	}
	require.Equal(t, []string{"/prices/1/list", "/prices/2/currency", "/prices/3"}, names)
}

func TestChanges(t *testing.T) {
	before := Prices{Base: []money.Money{money.New(10, "EUR"), money.New(11, "USD")}, Listed: []Entry{{"a", "EUR", 9, 1}, {"a", "EUR", 8, 5}}}
	after := Prices{Base: []money.Money{money.New(12, "EUR"), money.New(11, "USD"), money.New(13, "JPY")}, Listed: []Entry{{"a", "EUR", 7, 5}, {"b", "USD", 6, 1}}}
	require.Empty(t, Changes(before, before, noon, 1))
	require.Equal(t, []Change{
		{At: noon, Currency: "EUR", From: 10, To: 12, Version: 3},
		{At: noon, Currency: "JPY", To: 13, Version: 3},
		{At: noon, Currency: "EUR", List: "a", MinQuantity: 1, From: 9, Version: 3},
		{At: noon, Currency: "EUR", List: "a", MinQuantity: 5, From: 8, To: 7, Version: 3},
		{At: noon, Currency: "USD", List: "b", MinQuantity: 1, To: 6, Version: 3},
	}, Changes(before, after, noon, 3))
}
