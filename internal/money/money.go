// Package money is amounts in integer minor units with an ISO 4217 code.
package money

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/text/currency"
)

// Money is an amount in minor units (cents for EUR, yen for JPY).
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Errors of the arithmetic.
var (
	ErrCurrency = errors.New("money: amounts of two currencies")
	ErrOverflow = errors.New("money: amount out of range")
)

// New gives an amount of a currency.
func New(amount int64, code string) Money { return Money{Amount: amount, Currency: code} }

// ValidCurrency says whether code is an ISO 4217 code in upper case.
func ValidCurrency(code string) bool {
	u, err := currency.ParseISO(code)
	return err == nil && u.String() == code
}

// Add gives m + o.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, ErrCurrency
	}
	s := m.Amount + o.Amount
	if (s > m.Amount) != (o.Amount > 0) && o.Amount != 0 {
		return Money{}, ErrOverflow
	}
	return Money{Amount: s, Currency: m.Currency}, nil
}

// Times gives m × n.
func (m Money) Times(n int64) (Money, error) {
	if n != 0 && (m.Amount > math.MaxInt64/abs(n) || m.Amount < -math.MaxInt64/abs(n)) {
		return Money{}, ErrOverflow
	}
	return Money{Amount: m.Amount * n, Currency: m.Currency}, nil
}

// String gives "19.99 EUR" with the currency's own number of decimals.
func (m Money) String() string {
	scale := 2
	if u, err := currency.ParseISO(m.Currency); err == nil {
		scale, _ = currency.Standard.Rounding(u)
	}
	if scale == 0 {
		return fmt.Sprintf("%d %s", m.Amount, m.Currency)
	}
	div := int64(math.Pow10(scale))
	sign := ""
	if m.Amount < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, abs(m.Amount/div), scale, abs(m.Amount%div), m.Currency)
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
