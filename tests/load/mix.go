package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a virtual customer, or one of the staff, does at an arrival.
type Kind string

// The kinds. Browse, cart and checkout are one request each, with the look at
// the order that follows a checkout; a session is a whole checkout as the Online
// Marketplace benchmark counts it.
const (
	Browse   Kind = "browse"    // a list, a search, suggestions, a product page
	Cart     Kind = "cart"      // a line into a cart that is being filled
	Checkout Kind = "checkout"  // the longest filled cart becomes an order
	Orders   Kind = "orders"    // the list of a customer's own orders
	Session  Kind = "session"   // 1 to 10 lines into a new cart, and its checkout
	Board    Kind = "dashboard" // totals, and the orders that are not shipped
	Price    Kind = "price"     // one price of a SKU
	Replace  Kind = "product"   // a product written anew
	Delivery Kind = "delivery"  // the ten longest waiting orders shipped and delivered
)

// allKinds is the order in which they are measured apart: what makes orders comes
// before what ships them.
var allKinds = []Kind{Browse, Cart, Checkout, Orders, Session, Board, Price, Replace, Delivery}

// mix says how often each kind comes: weights, not percent.
type mix map[Kind]int

// mixes are those that have a name. The marketplace's is that of the driver's
// configuration for its paper (diku-dk/EventBenchmark, Reproducibility/
// orleans_config.json), whose numbers are cumulative: 30, 35, 38, 40, 100.
var mixes = map[string]mix{
	"shop":        {Browse: 80, Cart: 15, Checkout: 5},
	"marketplace": {Session: 30, Board: 5, Price: 3, Replace: 2, Delivery: 60},
}

// parseMix takes a name, or weights such as "browse=80,cart=15".
func parseMix(s string) (mix, error) {
	if m, ok := mixes[s]; ok {
		return m, nil
	}
	m := mix{}
	for part := range strings.SplitSeq(s, ",") {
		name, weight, found := strings.Cut(part, "=")
		n := 1
		if found {
			var err error
			if n, err = strconv.Atoi(weight); err != nil || n < 0 {
				return nil, fmt.Errorf("mix: %q is no weight", weight)
			}
		}
		if !slices.Contains(allKinds, Kind(name)) {
			return nil, fmt.Errorf("mix: %q is neither a mix (shop, marketplace) nor one of %v", name, allKinds)
		}
		if n > 0 {
			m[Kind(name)] += n
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("mix: %q has nothing in it", s)
	}
	return m, nil
}

// kinds lists what is in the mix.
func (m mix) kinds() (out []Kind) {
	for _, k := range allKinds {
		if m[k] > 0 {
			out = append(out, k)
		}
	}
	return out
}

// needsStaff says whether something is done by who runs the shop.
func (m mix) needsStaff() bool {
	return m[Board]+m[Price]+m[Replace]+m[Delivery] > 0
}

// draw gives one kind.
func (m mix) draw(r *rand.Rand) Kind {
	sum := 0
	for _, n := range m {
		sum += n
	}
	at := r.IntN(sum)
	kinds := m.kinds()
	for _, k := range kinds {
		if at -= m[k]; at < 0 {
			return k
		}
	}
	return kinds[len(kinds)-1]
}

// String gives the weights, as parseMix takes them.
func (m mix) String() string {
	var parts []string
	for _, k := range m.kinds() {
		parts = append(parts, fmt.Sprintf("%s=%d", k, m[k]))
	}
	return strings.Join(parts, ",")
}
