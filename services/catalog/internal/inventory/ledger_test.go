package inventory

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// Whatever is said in an entry, it is read again as it was.
func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	want := []Entry{
		{Number: 1, At: noon, Kind: Delivery, Location: Main, Delta: 5, OnHand: 5, By: "u", Reason: "delivery 4711, pallet 2"},
		{Number: 2, At: noon.Add(time.Second), Kind: Sale, Location: "bcn", Delta: -5, Ref: "o"},
		{Number: 3, At: noon, Kind: Count, Location: Main, Delta: 1, OnHand: 1, Reason: " two lines\nand \\n a \"mark\" - año 数 "},
		{Number: 4, At: noon, Kind: Other, Location: Main, Delta: MaxOnHand - 1, OnHand: MaxOnHand, By: "-", Reason: "-"},
	}
	var l Ledger
	for _, e := range want {
		l = l.with(e)
	}
	raw, err := json.Marshal(l)
	require.NoError(t, err)
	var again Ledger
	require.NoError(t, json.Unmarshal(raw, &again))
	got, err := again.Entries(1)
	require.NoError(t, err)
	want[3].By = "" // nobody's name is a dash
	require.Equal(t, want, got)
	require.Equal(t, 4, again.Len())
	_, err = Ledger("today sale - -1 4 - -\n").Entries(1)
	require.Error(t, err)
}

// Where goods come from is a stated rule.
func TestWhereGoodsComeFrom(t *testing.T) {
	preferred := []string{"bcn", Main, "vlc"}
	tests := []struct {
		name      string
		elsewhere map[string]int // of 10 on hand
		quantity  int
		preferred []string
		want      []Part
	}{
		{"one location", nil, 3, preferred, []Part{{Main, 3}}},
		{"the first that is preferred", map[string]int{"bcn": 4}, 3, preferred, []Part{{"bcn", 3}}},
		{"the first that has all", map[string]int{"bcn": 4}, 5, preferred, []Part{{Main, 5}}},
		{"a later one that has all", map[string]int{"bcn": 2, "vlc": 6}, 5, preferred, []Part{{"vlc", 5}}},
		{"none has all", map[string]int{"bcn": 4, "vlc": 3}, 8, preferred, []Part{{Main, 3}, {"bcn", 4}, {"vlc", 1}}},
		{"nothing at main", map[string]int{"bcn": 4, "vlc": 6}, 8, preferred, []Part{{"bcn", 4}, {"vlc", 4}}},
		{"a location that is in no settings comes last", map[string]int{"old": 5}, 5, preferred, []Part{{Main, 5}}},
		{"and is sold from", map[string]int{"old": 5}, 7, preferred, []Part{{Main, 5}, {"old", 2}}},
		{"without settings, main first", map[string]int{"bcn": 5}, 2, nil, []Part{{Main, 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Stock{SKU: "A", OnHand: 10, Initial: 10, Elsewhere: tt.elsewhere, Version: 1}
			r, err := s.Reserve("o", tt.quantity, euro, tt.preferred, noon)
			require.NoError(t, err)
			require.Equal(t, tt.want, r.Parts())
			raw, err := json.Marshal(s)
			require.NoError(t, err)
			var again Stock
			require.NoError(t, json.Unmarshal(raw, &again))
			require.Equal(t, tt.want, again.Reservations["o"].Parts())
			for _, p := range tt.want {
				require.Equal(t, p.Quantity, again.ReservedAt(p.Location))
			}
			require.True(t, again.Commit("o", noon))
			require.Equal(t, 10-tt.quantity, again.OnHand)
			for name, n := range tt.elsewhere {
				for _, p := range tt.want {
					if p.Location == name {
						n -= p.Quantity
					}
				}
				require.Equal(t, n, again.OnHandAt(name))
			}
		})
	}
}

// What is at one place is not at another: neither more is taken away than is free
// there, nor is a promise kept from elsewhere.
func TestAPlaceHasItsOwnStock(t *testing.T) {
	s := &Stock{SKU: "A", OnHand: 10, Initial: 10, Elsewhere: map[string]int{"bcn": 4}, Version: 1}
	_, err := s.Reserve("o", 3, euro, []string{"bcn", Main}, noon)
	require.NoError(t, err)
	require.Equal(t, "below_reserved", fault.CodeOf(s.Adjust(-2, "bcn", Cause{Kind: Damage}, noon)))
	require.Equal(t, "below_reserved", fault.CodeOf(s.Adjust(-1, "vlc", Cause{Kind: Damage}, noon)))
	require.Equal(t, "below_reserved", fault.CodeOf(s.Adjust(-7, Main, Cause{Kind: Damage}, noon)))
	require.NoError(t, s.Adjust(-1, "bcn", Cause{Kind: Damage}, noon))
	require.NoError(t, s.Adjust(-6, "", Cause{Kind: Damage}, noon))
	require.Equal(t, []int{3, 3, 0}, []int{s.OnHand, s.Reserved(), s.Available()})
	s.Withdraw(noon)
	require.True(t, s.Release("o", noon))
	require.Zero(t, s.OnHand)
	require.Empty(t, s.Elsewhere)
}

// booked adds up a ledger, all its pages and what the stock carries, by location.
func booked(t *testing.T, s *Stock, pages []Ledger) map[string]int {
	t.Helper()
	require.Len(t, pages, s.Pages)
	sum, onHand := map[string]int{}, 0
	if s.Pages == 0 && s.Ledger.Len() == 0 { // it begins with the first change
		require.Empty(t, s.Elsewhere)
		return map[string]int{Main: s.Initial}
	}
	for i, l := range append(pages, s.Ledger) {
		entries, err := l.Entries(i*LedgerPage + 1)
		require.NoError(t, err)
		for _, e := range entries {
			if e.Number == 1 {
				onHand = e.OnHand - e.Delta
				sum[Main] += onHand // the opening
			}
			require.NotZero(t, e.Delta)
			onHand += e.Delta
			require.Equal(t, onHand, e.OnHand)
			sum[e.Location] += e.Delta
			require.GreaterOrEqual(t, sum[e.Location], 0, "at no time was there less than nothing")
		}
	}
	return sum
}

// Whatever happens in whatever order, at whatever locations: the ledger adds up to
// the stock, in all and at each location, and what the stock carries of it stays
// small.
func TestTheLedgerAddsUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 26))
	names := []string{Main, "bcn", "vlc"}
	s := &Stock{SKU: "A", OnHand: 50, Initial: 50, Version: 1}
	var pages []Ledger
	for i := range 5_000 {
		id, at := "o-"+strconv.Itoa(random.IntN(40)), names[random.IntN(3)]
		books := booksOf(s)
		s.Closed = "" // and the stock forgets them too
		switch random.IntN(8) {
		case 0, 1, 2:
			_ = books.reserve(id, "EUR", line(1+random.IntN(5)), names[random.IntN(3):], noon)
		case 3:
			books.release(id, []string{"A"}, noon)
		case 4:
			books.commit(id, []Line{{SKU: "A"}}, noon)
		case 5:
			s.Restock(id, 1, noon.Add(time.Duration(i)*time.Minute))
		case 6:
			_ = s.Adjust(random.IntN(21)-9, at, Cause{Kind: Count, By: "u", Reason: "count"}, noon)
		case 7:
			if random.IntN(40) == 0 {
				s.Withdraw(noon)
			}
		}
		for _, name := range s.Places() {
			require.GreaterOrEqual(t, s.OnHandAt(name), s.ReservedAt(name), "seed %d, step %d", seed, i)
			require.GreaterOrEqual(t, s.ReservedAt(name), 0)
		}
		if random.IntN(10) == 0 { // as it is stored and read again
			raw, err := json.Marshal(s)
			require.NoError(t, err)
			s = &Stock{Version: 1}
			require.NoError(t, json.Unmarshal(raw, s))
			for number, page, ok := s.FullPage(0); ok; number, page, ok = s.FullPage(0) {
				require.Equal(t, len(pages), number)
				pages = append(pages, page)
				s.HandOn()
			}
			require.Less(t, s.Ledger.Len(), LedgerPage)
		}
		if i%50 == 0 {
			want := map[string]int{}
			for _, name := range s.Places() {
				want[name] = s.OnHandAt(name)
			}
			got := booked(t, s, pages)
			for _, name := range names {
				require.Equal(t, want[name], got[name], "seed %d, step %d, at %s", seed, i, name)
			}
		}
	}
	require.Greater(t, len(pages), 10)
}

// Settings name every location once, and main.
func TestSettings(t *testing.T) {
	require.NoError(t, Settings{}.Complete().Validate())
	require.NoError(t, Settings{Locations: []Location{{"bcn", "Barcelona"}, {Main, "Madrid"}}}.Validate())
	require.Error(t, Settings{Locations: []Location{{"bcn", "Barcelona"}}}.Validate())
	require.Error(t, Settings{Locations: []Location{{Main, "a"}, {Main, "b"}}}.Validate())
	require.True(t, Settings{}.Complete().Has(""))
	require.False(t, Settings{}.Complete().Has("bcn"))
}
