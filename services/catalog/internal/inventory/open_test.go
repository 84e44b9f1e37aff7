package inventory

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestReservationsAreKept(t *testing.T) {
	for _, all := range []Reservations{
		{"0198d2a4-7b1c-5f00-8a00-00000000000a": {Quantity: 3, Amount: 1249, Currency: "EUR", At: 1790000000}},
		{"a": {Quantity: 1, Currency: "JPY", Withdrawn: true}, "b": {Quantity: 99, Amount: -1, Currency: "USD", Confirmed: true}, "c": {Currency: "EUR", Withdrawn: true, Confirmed: true}},
		{},
	} {
		b, err := json.Marshal(Stock{Reservations: all})
		require.NoError(t, err)
		var back Stock
		require.NoError(t, json.Unmarshal(b, &back))
		if len(all) == 0 {
			require.NotContains(t, string(b), "open")
			continue
		}
		require.Equal(t, all, back.Reservations)
	}
	for _, id := range []string{"", "a b", "a;b", `a"b`, "a\n", "ä", "a&b"} {
		_, err := json.Marshal(Reservations{id: {Currency: "EUR"}})
		require.Error(t, err, "%q", id)
	}
	for _, bad := range []string{`"a"`, `"a x 1 EUR 1 ;"`, `"a 1 x EUR 1 ;"`, `"a 1 1 EUR x ;"`, `{}`, `7`} {
		var all Reservations
		require.Error(t, json.Unmarshal([]byte(bad), &all), bad)
	}
}

// BenchmarkStock reads and writes the document of a SKU with so many open orders.
func BenchmarkStock(b *testing.B) {
	for _, n := range []int{1, 500, 5_000, 50_000} {
		s := Stock{SKU: "A", OnHand: 1_000_000, Reservations: Reservations{}}
		for i := range n {
			id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(strconv.Itoa(i))).String()
			s.Reservations[id] = Reservation{Quantity: 1, Amount: 1249, Currency: "EUR", At: 1790000000}
		}
		doc, err := json.Marshal(s)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("%d open, %d kB", n, len(doc)/1000), func(b *testing.B) {
			for b.Loop() {
				var read Stock
				require.NoError(b, json.Unmarshal(doc, &read))
				_, err := json.Marshal(read)
				require.NoError(b, err)
			}
		})
	}
}
