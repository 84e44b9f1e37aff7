package pricing

import (
	"errors"
	"math/bits"
)

// Whole is a rate of 100 %: rates are parts per 100,000, so 21 % is 21,000 and
// 8.875 % is 8,875.
const Whole = 100_000

// ErrOverflow says that an amount does not fit into 64 bits.
var ErrOverflow = errors.New("pricing: amount out of range")

// ErrInput says that the lines are none that could be priced: a negative price,
// quantity or rate, or one SKU twice. Its caller has to have refused them.
var ErrInput = errors.New("pricing: lines that cannot be priced")

// Rounding is what becomes of half a minor unit.
type Rounding string

// The roundings. "" is HalfUp.
const (
	HalfUp   Rounding = "half_up"   // 0.5 → 1, 1.5 → 2, 2.5 → 3
	HalfEven Rounding = "half_even" // 0.5 → 0, 1.5 → 2, 2.5 → 2
)

// share gives a × b / c, rounded; all are at least 0, and c is more.
func share(a, b, c int64, r Rounding) (int64, error) {
	q, rest, err := divide(a, b, c)
	if err != nil {
		return 0, err
	}
	twice, whole := rest*2, uint64(c) //nolint:gosec // divide takes 1 to 2^62 only
	if twice > whole || twice == whole && (r != HalfEven || q%2 == 1) {
		q++
	}
	return q, nil
}

// divide gives a × b / c, rounded down, and the rest.
func divide(a, b, c int64) (int64, uint64, error) {
	if a < 0 || b < 0 || c <= 0 {
		return 0, 0, ErrInput
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) || c > 1<<62 {
		return 0, 0, ErrOverflow
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	if q > 1<<62 {
		return 0, 0, ErrOverflow
	}
	return int64(q), rest, nil
}

// add gives the sum of amounts that are at least 0.
func add(amounts ...int64) (sum int64, err error) {
	for _, a := range amounts {
		if sum += a; sum < 0 || a < 0 || sum > 1<<62 {
			return 0, ErrOverflow
		}
	}
	return sum, nil
}

// Allocate parts an amount over weights, in proportion, by largest remainder:
// every part is rounded down, and what is left goes, one unit each, to those that
// lost most by it, of equals to the first. The parts add up to amount. If amount
// is at most the sum of the weights, no part is more than its weight.
func Allocate(amount int64, weights []int64) ([]int64, error) {
	parts := make([]int64, len(weights))
	total, err := add(weights...)
	if err != nil || total == 0 || amount == 0 {
		return parts, err
	}
	rests := make([]uint64, len(weights))
	left := amount
	for i, w := range weights {
		if parts[i], rests[i], err = divide(amount, w, total); err != nil {
			return nil, err
		}
		left -= parts[i]
	}
	for ; left > 0; left-- {
		most := 0
		for i := range rests {
			if rests[i] > rests[most] {
				most = i
			}
		}
		parts[most]++
		rests[most] = 0
	}
	return parts, nil
}

// Share gives the part of an amount that pieces from..to of a quantity have: the
// first piece is 0. Parts that join up add up, and all pieces are the amount.
func Share(amount int64, from, to, quantity int) (int64, error) {
	if from < 0 || to < from || quantity < to || quantity < 1 {
		return 0, ErrInput
	}
	before, _, err := divide(amount, int64(from), int64(quantity))
	if err != nil {
		return 0, err
	}
	after, _, err := divide(amount, int64(to), int64(quantity))
	return after - before, err
}
