package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/money"
)

// Reservation is what one order holds of a SKU, at the price it was promised.
type Reservation struct {
	Quantity int
	Amount   int64 // minor units, of one
	Currency string
	At       int64 // Unix time, seconds
	// Withdrawn: its product is gone, so that its goods leave with the order,
	// or with the product.
	Withdrawn bool
	// Confirmed: the order is known to be bought, so that nobody has to ask
	// after it any more.
	Confirmed bool
	// From is where what is not at Main lies.
	From From
	// Waiting is how many of Quantity are not there yet, Turn when they are filled:
	// the lowest first.
	Waiting, Turn int
}

// UnitPrice gives the promised price of one.
func (r Reservation) UnitPrice() money.Money { return money.New(r.Amount, r.Currency) }

// Reservations are what orders hold of a SKU, by order ID.
//
// A stock has one for each order that is not shipped yet, and is read and
// written whole. So they are one string of JSON, which takes half the time of an
// object to read and three quarters of its bytes (docs/adr/0010):
//
//	<order ID> <quantity> <amount> <currency> <time> <marks>[ <from>[ <waiting> <turn>]];
type Reservations map[string]Reservation

const (
	markWithdrawn = "w"
	markConfirmed = "c"
)

// MarshalJSON gives the string, in the order of the IDs.
func (all Reservations) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+64*len(all))
	b = append(b, '"')
	for _, id := range slices.Sorted(maps.Keys(all)) {
		r := all[id]
		if !plain(id) || !plain(r.Currency) || r.From != "" && !plain(string(r.From)) {
			return nil, fmt.Errorf("inventory: order ID %q, currency %q or locations %q cannot be kept", id, r.Currency, r.From)
		}
		b = append(append(b, id...), ' ')
		b = append(strconv.AppendInt(b, int64(r.Quantity), 10), ' ')
		b = append(strconv.AppendInt(b, r.Amount, 10), ' ')
		b = append(append(b, r.Currency...), ' ')
		b = append(strconv.AppendInt(b, r.At, 10), ' ')
		if r.Withdrawn {
			b = append(b, markWithdrawn...)
		}
		if r.Confirmed {
			b = append(b, markConfirmed...)
		}
		if r.From != "" || r.Waiting > 0 {
			b = append(append(b, ' '), r.From...)
		}
		if r.Waiting > 0 {
			b = strconv.AppendInt(append(b, ' '), int64(r.Waiting), 10)
			b = strconv.AppendInt(append(b, ' '), int64(r.Turn), 10)
		}
		b = append(b, ';')
	}
	return append(b, '"'), nil
}

// plain says whether a word can stand in the string as it is.
func plain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == ';' || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&'
	})
}

// UnmarshalJSON reads what MarshalJSON gave. The IDs share the string's memory.
func (all *Reservations) UnmarshalJSON(data []byte) error {
	if len(data) < 2 || data[0] != '"' || bytes.IndexByte(data, '\\') >= 0 {
		return errors.New("inventory: reservations are no plain string")
	}
	s := string(data[1 : len(data)-1])
	*all = make(Reservations, strings.Count(s, ";"))
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, ";")
		if err := all.add(one); err != nil {
			return fmt.Errorf("inventory: reservation %q: %w", one, err)
		}
	}
	return nil
}

func (all Reservations) add(one string) error {
	var f [9]string
	for i := range f {
		f[i], one, _ = strings.Cut(one, " ")
	}
	var r Reservation
	var err error
	if r.Quantity, err = strconv.Atoi(f[1]); err != nil {
		return err
	}
	if r.Amount, err = strconv.ParseInt(f[2], 10, 64); err != nil {
		return err
	}
	if r.At, err = strconv.ParseInt(f[4], 10, 64); err != nil {
		return err
	}
	if f[7] != "" {
		if r.Waiting, err = strconv.Atoi(f[7]); err != nil {
			return err
		}
		if r.Turn, err = strconv.Atoi(f[8]); err != nil {
			return err
		}
	}
	r.Currency, r.From = f[3], From(f[6])
	r.Withdrawn, r.Confirmed = strings.Contains(f[5], markWithdrawn), strings.Contains(f[5], markConfirmed)
	all[f[0]] = r
	return nil
}
