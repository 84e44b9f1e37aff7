// Package cart is what a shopper means to buy: lines of SKU and quantity,
// which join the account at sign-in and are taken by a checkout.
package cart

import (
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// The limits of a cart.
const (
	MaxLines    = 100
	MaxQuantity = 1000 // pieces of one line
	MaxCodes    = 10   // of promotions
	maxTaken    = 16   // checkouts of one shopper that can be unsettled at once
)

// Errors of a cart.
var (
	ErrFull    = fault.New(fault.Unprocessable, "cart_full", "A cart holds at most 100 different articles.").At("sku", "is one too many")
	ErrUnknown = fault.New(fault.Unprocessable, "unknown_sku", "There is no such article.").At("sku", "is not sold here")
	// ErrCrowded refuses a checkout; to forget an open one would lose its lines.
	ErrCrowded = fault.New(fault.Conflict, "too_many_open_checkouts",
		"Too many of your checkouts are still under way. Repeat this one when they are through.")
	// ErrCode refuses a code that no promotion has.
	ErrCode    = fault.New(fault.Unprocessable, "unknown_code", "There is no such code.").At("code", "is of no promotion")
	errCodes   = fault.New(fault.Unprocessable, "too_many_codes", "A cart holds at most 10 codes.").At("code", "is one too many")
	errVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The cart has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Line is a number of pieces of one SKU.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Seen     *Seen  `json:"seen,omitempty"` // nil: nothing yet
}

// Seen is what the shopper was shown of a line.
type Seen struct {
	Price     money.Money `json:"price"` // of one
	Available bool        `json:"available"`
}

// Change is what is different from what the shopper was shown last.
type Change struct {
	Was  *money.Money // the price of one; nil: it is the same
	Back bool         // it can be bought again
}

// Cart is one shopper's cart. Its document is the only place that says which
// checkout has taken its lines, so that two checkouts cannot take the same.
type Cart struct {
	Lines     []Line    `json:"lines"`
	Codes     []string  `json:"codes,omitempty"` // of promotions, in capitals, in the order in which they came
	Taken     []string  `json:"taken,omitempty"` // orders that took lines from here, oldest first: all that are open, and some that are settled
	UpdatedAt time.Time `json:"updated_at"`
	Noted     string    `json:"noted,omitempty"` // the day that it was last listed for, see Note
	Version   int64     `json:"-"`               // of the document; 0: there is none yet

	changed bool
}

// Changed says whether the cart differs from what was read.
func (c *Cart) Changed() bool { return c.changed }

// Expect answers an error unless the cart has the version; 0 is any.
func (c *Cart) Expect(version int64) error {
	if version != 0 && version != c.Version {
		return errVersion
	}
	return nil
}

// Set makes the quantity of an SKU what is given, 1 to MaxQuantity.
func (c *Cart) Set(sku string, quantity int, now time.Time) error {
	if i := c.find(sku); i >= 0 {
		if c.Lines[i].Quantity != quantity {
			c.Lines[i].Quantity = quantity
			c.touch(now)
		}
		return nil
	}
	if len(c.Lines) >= MaxLines {
		return ErrFull
	}
	c.Lines = append(c.Lines, Line{SKU: sku, Quantity: quantity})
	c.touch(now)
	return nil
}

// Remove takes an SKU out; one that is not in the cart changes nothing.
func (c *Cart) Remove(sku string, now time.Time) {
	if i := c.find(sku); i >= 0 {
		c.Lines = slices.Delete(c.Lines, i, i+1)
		c.touch(now)
	}
}

// Empty takes every line and code out.
func (c *Cart) Empty(now time.Time) {
	if len(c.Lines)+len(c.Codes) > 0 {
		c.Lines, c.Codes = nil, nil
		c.touch(now)
	}
}

// Join moves the lines of a guest's cart into c. Quantities add up to
// MaxQuantity; lines past MaxLines are dropped.
func (c *Cart) Join(guest *Cart, now time.Time) {
	if len(guest.Lines) == 0 {
		return
	}
	c.add(guest.Lines, now)
	c.addCodes(guest.Codes)
	guest.Empty(now)
}

// Apply notes the code of a promotion. Whether it gives anything is seen when the
// cart is priced.
func (c *Cart) Apply(code string, now time.Time) error {
	if slices.Contains(c.Codes, code) {
		return nil
	}
	if len(c.Codes) >= MaxCodes {
		return errCodes
	}
	c.Codes = append(c.Codes, code)
	c.touch(now)
	return nil
}

// Drop takes a code out; one that is not there changes nothing.
func (c *Cart) Drop(code string, now time.Time) {
	if i := slices.Index(c.Codes, code); i >= 0 {
		c.Codes = slices.Delete(c.Codes, i, i+1)
		c.touch(now)
	}
}

func (c *Cart) addCodes(codes []string) {
	for _, code := range codes {
		if len(c.Codes) < MaxCodes && !slices.Contains(c.Codes, code) {
			c.Codes = append(c.Codes, code)
		}
	}
}

// See notes what the shopper is shown, and gives by SKU what has changed since the
// last time. A price in another currency is no other price; it is not noted.
func (c *Cart) See(quotes map[string]Quote, now time.Time) map[string]Change {
	var changes map[string]Change
	for i := range c.Lines {
		l := &c.Lines[i]
		q := quotes[l.SKU]
		if q.UnitPrice == nil || l.Seen != nil && l.Seen.Price.Currency != q.UnitPrice.Currency {
			continue
		}
		is := Seen{Price: *q.UnitPrice, Available: q.Available}
		was := l.Seen
		if was != nil && *was == is {
			continue
		}
		l.Seen = &is
		c.touch(now)
		if was == nil {
			continue
		}
		change := Change{Back: is.Available && !was.Available}
		if was.Price != is.Price {
			change.Was = &was.Price
		}
		if changes == nil {
			changes = map[string]Change{}
		}
		changes[l.SKU] = change
	}
	return changes
}

// Crowded says whether the cart can remember no further checkout, unless it
// Forgets some first. Settling an order does not write its cart, which would
// make every checkout dearer; so the settled ones are forgotten only here.
func (c *Cart) Crowded() bool { return len(c.Taken) >= maxTaken }

// Forget forgets the checkouts that are not open any more.
func (c *Cart) Forget(open func(orderID string) bool) {
	c.Taken = slices.DeleteFunc(c.Taken, func(id string) bool { return !open(id) })
}

// Touch writes the cart although nothing in it changes, so that whoever changes
// it meanwhile has a conflict.
func (c *Cart) Touch(now time.Time) { c.touch(now) }

// GiveTo hands all lines and codes to an order and remembers it. A crowded cart
// gives nothing: ErrCrowded.
func (c *Cart) GiveTo(orderID string, now time.Time) (lines []Line, codes []string, err error) {
	if c.Crowded() {
		return nil, nil, ErrCrowded
	}
	lines, codes = c.Lines, c.Codes
	c.Lines, c.Codes, c.Taken = nil, nil, append(c.Taken, orderID)
	c.touch(now)
	return lines, codes, nil
}

// Gave says whether an order took its lines from this cart. An order that did
// not is what is left of a write that was only half done, and must not be
// bought.
func (c *Cart) Gave(orderID string) bool { return slices.Contains(c.Taken, orderID) }

// TakeBack puts the lines and codes of an order that came to nothing back, once.
func (c *Cart) TakeBack(orderID string, lines []Line, codes []string, now time.Time) {
	i := slices.Index(c.Taken, orderID)
	if i < 0 {
		return
	}
	c.Taken = slices.Delete(c.Taken, i, i+1)
	c.add(lines, now)
	c.addCodes(codes)
}

func (c *Cart) add(lines []Line, now time.Time) {
	for _, l := range lines {
		if i := c.find(l.SKU); i >= 0 {
			c.Lines[i].Quantity = min(c.Lines[i].Quantity+l.Quantity, MaxQuantity)
		} else if len(c.Lines) < MaxLines {
			c.Lines = append(c.Lines, l)
		}
	}
	c.touch(now)
}

func (c *Cart) find(sku string) int {
	return slices.IndexFunc(c.Lines, func(l Line) bool { return l.SKU == sku })
}

func (c *Cart) touch(now time.Time) { c.changed, c.UpdatedAt = true, now }
