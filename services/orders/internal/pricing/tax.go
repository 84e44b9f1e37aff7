package pricing

import "strings"

// Standard is the tax class of what has none.
const Standard = "standard"

// Tax is how taxes are reckoned.
type Tax struct {
	Included bool // prices are stated with tax
	Rounding Rounding
	Rates    []Rate
}

// Rate is what is paid on a class of goods that go to a country, or to a region
// of it.
type Rate struct {
	Country string `json:"country"`          // ISO 3166 alpha-2
	Region  string `json:"region,omitempty"` // "": all of the country
	Class   string `json:"class"`
	Rate    int64  `json:"rate"` // parts per 100,000; of a region: all that is paid there
}

// Destination is where an order goes.
type Destination struct {
	Country string `json:"country"`
	Region  string `json:"region,omitempty"`
}

// of gives the rate of a class: that of the region, else of the country, else what
// the region or the country has for standard goods, else nothing.
func (t Tax) of(to *Destination, class string) int64 {
	if to == nil {
		return 0
	}
	best, rate := 0, int64(0)
	for _, r := range t.Rates {
		if r.Country != to.Country || r.Region != "" && !strings.EqualFold(r.Region, to.Region) {
			continue
		}
		var rank int
		switch r.Class {
		case class:
			rank = 3
		case Standard:
			rank = 1
		default:
			continue
		}
		if r.Region != "" {
			rank++
		}
		if rank > best {
			best, rate = rank, r.Rate
		}
	}
	return rate
}

// charge gives what is paid for something that costs list before discounts.
// Rounded is the tax of the whole line, once, and neither of a piece nor of the
// whole order.
//
//	tax included   tax = amount × rate / (1 + rate), net = amount − tax
//	tax added      net = amount, tax = amount × rate
//
// Prices with tax are the same everywhere: where the rate is another one, more or
// less of them is tax.
func (t Tax) charge(list int64, discounts []Discount, rate int64) (Charge, error) {
	c := Charge{List: list, Discounts: discounts, Rate: rate}
	amount := list - c.Discount()
	if amount < 0 || rate < 0 || rate > Whole {
		return Charge{}, ErrInput
	}
	var err error
	if t.Included {
		if c.Tax, err = share(amount, rate, Whole+rate, t.Rounding); err != nil {
			return Charge{}, err
		}
		c.Net, c.Total = amount-c.Tax, amount
		return c, nil
	}
	if c.Tax, err = share(amount, rate, Whole, t.Rounding); err != nil {
		return Charge{}, err
	}
	c.Net = amount
	c.Total, err = add(amount, c.Tax)
	return c, err
}
