package statestore

import (
	"encoding/json"
	"slices"
	"strconv"

	"tienda/internal/fault"
	"tienda/internal/origin/intake"
	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// ownCategories gives all categories. State: 1 get.
func ownCategories() *intake.Own[product.MovedCategory] {
	held := func(c product.Categories) map[string]product.MovedCategory {
		out := make(map[string]product.MovedCategory, len(c))
		for _, x := range c {
			out[x.Document()] = x.Moved()
		}
		return out
	}
	return &intake.Own[product.MovedCategory]{
		Prefix: categories.Key(allCategories),
		Holds: func(doc []byte) (map[string]product.MovedCategory, error) {
			var all product.Categories
			err := json.Unmarshal(doc, &all)
			return held(all), err
		},
		At: func(*state.Tx, string) (string, error) { return categories.Key(allCategories), nil },
		List: func(tx *state.Tx, _ string) (ids []string, next string, err error) {
			all, _, err := categories.Get(tx, allCategories)
			for _, x := range all {
				ids = append(ids, x.Document())
			}
			return ids, "", err
		},
	}
}

// ownProducts gives all products, listed by the buckets of their index. State: 1 get for a
// page, 1 more of a large catalog.
func ownProducts() *intake.Own[product.Moved] {
	return &intake.Own[product.Moved]{
		Prefix: products.Prefix,
		Holds: func(doc []byte) (map[string]product.Moved, error) {
			var p product.Product
			if err := json.Unmarshal(doc, &p); err != nil {
				return nil, err
			}
			p.Details = p.Complete()
			return map[string]product.Moved{p.ID: p.Moved()}, nil
		},
		At: func(_ *state.Tx, id string) (string, error) { return products.Key(id), nil },
		List: func(tx *state.Tx, cursor string) (ids []string, next string, err error) {
			bucket, next, err := bucketAt(cursor)
			if err != nil {
				return nil, "", err
			}
			_, ids, err = listed(tx, bucket)
			return ids, next, err
		},
	}
}

// bucketAt gives the bucket at a cursor, and the cursor of the next one; "": it is the last.
func bucketAt(cursor string) (bucket, next string, err error) {
	n := 0
	if err := page.Decode(cursor, &n); err != nil {
		return "", "", err
	}
	if n < 0 || n >= Buckets {
		return "", "", fault.BadField("cursor", "is not a cursor of this list")
	}
	if n+1 < Buckets {
		next = page.Encode(n + 1)
	}
	return strconv.Itoa(n), next, nil
}

// ownStock gives the stock of all SKUs that is not withdrawn. Whose the document of an ID
// is says movedStockOf, without a key where it was stated here. State of a page of what was
// stated here: as ownProducts, 3 bulk gets for each 100 products, and 1 transaction where something was
// not listed yet.
func ownStock(db *state.DB) *intake.Own[inventory.Moved] {
	made := func(tx *state.Tx, at string) (ids []string, next string, err error) {
		bucket, next, err := bucketAt(at)
		if err != nil {
			return nil, "", err
		}
		_, owners, err := listed(tx, bucket)
		if err != nil {
			return nil, "", err
		}
		for some := range slices.Chunk(owners, exportAtOnce) {
			var found []string
			err := db.Update(tx.Context(), func(tx *state.Tx) error {
				tx.Unwatched()
				found, err = madeStock(tx, some)
				return err
			})
			if err != nil {
				return nil, "", err
			}
			ids = append(ids, found...)
		}
		return ids, next, nil
	}
	return &intake.Own[inventory.Moved]{
		Prefix: stocks.Prefix,
		Holds: func(doc []byte) (map[string]inventory.Moved, error) {
			var s inventory.Stock
			if err := json.Unmarshal(doc, &s); err != nil || s.Gone {
				return nil, err
			}
			return map[string]inventory.Moved{s.Document(): s.Abroad()}, nil
		},
		AtKeys: func(id string) []string { return movedStocks.Keys(id) },
		At: func(tx *state.Tx, id string) (string, error) {
			of, ok, err := movedStocks.Get(tx, id)
			if err != nil || !ok {
				return "", err
			}
			return stocks.Key(of.SKU), nil
		},
		List: intake.MovedThen("stock", made),
		Along: func(tx *state.Tx, id string, doc []byte) error {
			var s inventory.Stock
			if err := json.Unmarshal(doc, &s); err != nil {
				return err
			}
			return noteStock(tx, id, &s)
		},
	}
}

// noteStock writes whose stock the document of an ID is, where it was stated here.
func noteStock(tx *state.Tx, id string, s *inventory.Stock) error {
	if s.Origin != nil {
		return nil
	}
	_, there, err := movedStocks.Get(tx, id)
	if err != nil || there {
		return err
	}
	return movedStocks.Put(tx, id, movedStockOf{SKU: s.SKU})
}

// madeStock gives the IDs of the stock of products that was stated here, and sees to it
// that they can be found by them.
func madeStock(tx *state.Tx, productIDs []string) (ids []string, err error) {
	all, err := products.GetAll(tx, productIDs...)
	if err != nil {
		return nil, err
	}
	var owned []string
	for _, p := range all {
		owned = append(owned, p.SKUs()...)
	}
	found, err := stocks.GetAll(tx, owned...)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(s inventory.Stock) bool { return s.Origin != nil || s.Gone })
	for _, s := range found {
		ids = append(ids, s.Document())
	}
	if err := tx.Load(movedStocks.Keys(ids...)...); err != nil {
		return nil, err
	}
	for i, s := range found {
		if err := noteStock(tx, ids[i], &s); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
