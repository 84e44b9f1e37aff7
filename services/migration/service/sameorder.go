package service

import (
	"encoding/json"
	"regexp"
	"time"
)

// taxOfLine is stated of orders that were made in the shop; a monolith may have the order's alone.
var taxOfLine = regexp.MustCompile(`^/lines/[0-9]+/tax$`)

// sameOrder says whether a field of an order that was made in the shop means what the
// monolith's row says: a time to the microsecond, an amount of zero that is left out, the tax of
// a line and a reason that the row has no place for, and whether no tax is included.
func sameOrder(pointer string, there, held json.RawMessage) bool {
	type side struct {
		CreatedAt time.Time `json:"created_at"`
		Totals    map[string]struct {
			Amount int64 `json:"amount"`
		} `json:"totals"`
		Payment struct {
			Status string `json:"status"`
		} `json:"payment"`
		CancelReason string `json:"cancel_reason"`
	}
	var a, b side
	if json.Unmarshal(there, &a) != nil || json.Unmarshal(held, &b) != nil {
		return false
	}
	switch pointer {
	case "/created_at":
		return a.CreatedAt.Truncate(time.Microsecond).Equal(b.CreatedAt.Truncate(time.Microsecond))
	case "/totals/discount", "/totals/shipping", "/totals/tax":
		name := pointer[len("/totals/"):]
		return a.Totals[name].Amount == b.Totals[name].Amount
	case "/payment/status": // words that a monolith may lack; the amounts are compared
		return a.Payment.Status == "due" && b.Payment.Status == "void" || a.Payment.Status == "paid" && b.Payment.Status == "partially_refunded"
	case "/cancel_reason":
		return a.CancelReason == ""
	case "/tax_included":
		return a.Totals["tax"].Amount == 0 && b.Totals["tax"].Amount == 0
	}
	return taxOfLine.MatchString(pointer) && !hasTax(there)
}

// hasTax says whether any line of an order states its tax.
func hasTax(doc json.RawMessage) bool {
	var d struct {
		Lines []struct {
			Tax json.RawMessage `json:"tax"`
		} `json:"lines"`
	}
	if json.Unmarshal(doc, &d) != nil {
		return true
	}
	for _, l := range d.Lines {
		if l.Tax != nil {
			return true
		}
	}
	return false
}
