package money

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArithmetic(t *testing.T) {
	s, err := New(1999, "EUR").Add(New(1, "EUR"))
	require.NoError(t, err)
	require.Equal(t, New(2000, "EUR"), s)
	_, err = New(1, "EUR").Add(New(1, "USD"))
	require.ErrorIs(t, err, ErrCurrency)
	_, err = New(math.MaxInt64, "EUR").Add(New(1, "EUR"))
	require.ErrorIs(t, err, ErrOverflow)
	_, err = New(math.MinInt64, "EUR").Add(New(-1, "EUR"))
	require.ErrorIs(t, err, ErrOverflow)
	p, err := New(250, "EUR").Times(4)
	require.NoError(t, err)
	require.Equal(t, int64(1000), p.Amount)
	_, err = New(math.MaxInt64/2, "EUR").Times(3)
	require.ErrorIs(t, err, ErrOverflow)
}

func TestString(t *testing.T) {
	for want, m := range map[string]Money{
		"19.99 EUR": New(1999, "EUR"), "-0.05 USD": New(-5, "USD"), "500 JPY": New(500, "JPY"), "0.00 EUR": New(0, "EUR"),
	} {
		require.Equal(t, want, m.String())
	}
}

func TestValidCurrency(t *testing.T) {
	for code, want := range map[string]bool{"EUR": true, "USD": true, "JPY": true, "eur": false, "EURO": false, "": false, "QQQ": false} {
		require.Equal(t, want, ValidCurrency(code), code)
	}
}
