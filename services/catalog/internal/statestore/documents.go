// Package statestore keeps the catalog as documents of the Dapr state store:
//
//	product:<id>      a product with its variants and prices
//	slug:<slug>       {product_id}: which product has the slug, or had it last
//	sku:<sku>         {product_id}: which product has the SKU
//	stock:<sku>       what is on hand, and what orders have reserved of it
//	ledger:<sku>:<n>  a full page of the SKU's ledger; the newest entries are in
//	                  its stock
//	inventory-settings:all
//	                  what holds for all stock, such as the locations
//	ended:<order>     an order's reservation has been released or sold; for a day
//	return:<id>       a return whose goods are back in stock
//	pricelists:all    all price lists
//	pricelog:<sku>    what became of the SKU's prices, but for what the product
//	                  still carries; older parts beside it
//	categories        all categories
//	bucket:<0..63>    product ID → mark, spread by hash; the mark changes with
//	                  the product and when a SKU of it runs out or comes back
//	moved:<kind>      which parts the index of what was moved in has, and
//	moved:<kind>:<part>
//	                  its parts (internal/origin/intake)
//	movedstock:<id>   which SKU a stock is of that was moved in, or was it last
//	bucketpart:<0..63>:<0..15>
//	                  the same for what a bucket has no room for (index.go)
//
// A claim (slug, SKU) counts only as long as its product stands by it, so
// that one left over from a commit that was kept in part harms nothing.
package statestore

import (
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

type claim struct {
	ProductID string `json:"product_id"`
	Moved     bool   `json:"moved,omitempty"` // the product was moved in
}

type reservationEnd struct {
	At int64 `json:"at"` // Unix time, seconds
}

// endedTime is how long an order's end is kept: as long as a checkout may be
// repeated under its idempotency key, and far longer than any message is under
// way. Where one came later still, the expiry of reservations would undo it.
const endedTime = 24 * time.Hour

type restocked struct {
	ReturnID string `json:"return_id"`
}

const allCategories = "all"

var (
	products   = state.Collection[product.Product]{Prefix: "product:"}
	slugs      = state.Collection[claim]{Prefix: "slug:"}
	skus       = state.Collection[claim]{Prefix: "sku:"}
	stocks     = state.Collection[inventory.Stock]{Prefix: "stock:"}
	ended      = state.Collection[reservationEnd]{Prefix: "ended:", TTL: endedTime}
	returns    = state.Collection[restocked]{Prefix: "return:"}
	categories = state.Collection[product.Categories]{Prefix: "categories:"}
)

// find reads a product together with its version. What it was stored without is
// filled in: it may be older than the field.
func find(tx *state.Tx, id string) (product.Product, bool, error) {
	p, ok, err := products.Get(tx, id)
	if err != nil || !ok {
		return p, ok, err
	}
	p.Details = p.Complete()
	p.Version, err = products.Version(tx, id)
	return p, true, err
}

// keysOf lists all documents that a product touches, for one bulk read. The
// categories are not among them (category.go).
func keysOf(id string, d product.Details) []string {
	return append(unplaced(id, d), placeOf(id).keys()...)
}

// unplaced is keysOf without the index.
func unplaced(id string, d product.Details) []string {
	keys := append(skus.Keys(d.SKUs()...), stocks.Keys(d.SKUs()...)...)
	return append(keys, products.Key(id), slugs.Key(d.Slug))
}

// without gives the elements of a that are not in b.
func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
