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
//
// A claim (slug, SKU) counts only as long as its product stands by it, so
// that one left over from a commit that was kept in part harms nothing.
package statestore

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Buckets is how many documents the index of all products is spread over.
const Buckets = 64

type claim struct {
	ProductID string `json:"product_id"`
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

type bucket struct {
	Marks map[string]int64 `json:"marks"`
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
	buckets    = state.Collection[bucket]{Prefix: "bucket:"}
)

func bucketOf(productID string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(productID))
	return strconv.Itoa(int(h.Sum32() % Buckets))
}

// mark changes the product's mark in the index, so that every replica reads
// it again. add also takes a product in that is not there yet.
func mark(tx *state.Tx, productID string, add bool) error {
	id := bucketOf(productID)
	b, _, err := buckets.Get(tx, id)
	if err != nil {
		return err
	}
	if _, there := b.Marks[productID]; !there && !add {
		return nil
	}
	if b.Marks == nil {
		b.Marks = map[string]int64{}
	}
	b.Marks[productID]++
	return buckets.Put(tx, id, b)
}

// markAll changes the marks of products that are there, or takes them in. Each
// part of the index is read and written once.
func markAll(tx *state.Tx, productIDs []string) error {
	parts := map[string][]string{}
	for _, productID := range productIDs {
		id := bucketOf(productID)
		parts[id] = append(parts[id], productID)
	}
	for _, id := range slices.Sorted(maps.Keys(parts)) {
		b, _, err := buckets.Get(tx, id)
		if err != nil {
			return err
		}
		if b.Marks == nil {
			b.Marks = map[string]int64{}
		}
		for _, productID := range parts[id] {
			b.Marks[productID]++
		}
		if err := buckets.Put(tx, id, b); err != nil {
			return err
		}
	}
	return nil
}

func unmark(tx *state.Tx, productID string) error {
	id := bucketOf(productID)
	b, ok, err := buckets.Get(tx, id)
	if err != nil || !ok {
		return err
	}
	delete(b.Marks, productID)
	return buckets.Put(tx, id, b)
}

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
	keys := append(skus.Keys(d.SKUs()...), stocks.Keys(d.SKUs()...)...)
	return append(keys, products.Key(id), slugs.Key(d.Slug), buckets.Key(bucketOf(id)))
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
