package statestore

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

// Shelf implements search.Source. It keeps what it has decoded of the index,
// since most of it is the same at the next call.
type Shelf struct {
	db *state.DB

	mu     sync.Mutex
	index  [Buckets * (1 + partsOfOne)]search.Bucket // the buckets, then the parts
	counts [Buckets]map[string]int64                 // of the parts, as the buckets have them,
	read   [Buckets]map[string]int64                 // and as they were when the parts were last read
	turn   int                                       // of the part that is read next whatever its count
}

// partsInTurn is how many parts each call reads although their count is as it was: it
// stands beside what it counts, and may be lost where a store does not roll back.
const partsInTurn = 4

// NewShelf gives the source over a database.
func NewShelf(db *state.DB) *Shelf { return &Shelf{db: db} }

var indexKeys = func() []string {
	keys := []string{categories.Key(allCategories)}
	for i := range Buckets {
		keys = append(keys, buckets.Key(strconv.Itoa(i)))
	}
	return keys
}()

// Index implements search.Source: 1 bulk get, 1 more for the parts of a large
// catalog: of those that have changed, and of a few in turn.
func (s *Shelf) Index(ctx context.Context) (all []search.Bucket, c product.Categories, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(indexKeys...); err != nil {
			return err
		}
		for i := range Buckets {
			if err := s.readBucket(tx, i); err != nil {
				return err
			}
		}
		if err := s.readParts(tx, append(s.changed(), s.inTurn()...)); err != nil {
			return err
		}
		s.read = s.counts
		c, _, err = categories.Get(tx, allCategories)
		return err
	})
	return slices.Clone(s.index[:]), c, err
}

// readBucket takes a bucket in.
func (s *Shelf) readBucket(tx *state.Tx, i int) error {
	id := strconv.Itoa(i)
	version, err := buckets.Version(tx, id)
	if err != nil || version == s.index[i].Version {
		return err
	}
	b, _, err := buckets.Get(tx, id)
	if err == nil {
		s.index[i], s.counts[i] = search.Bucket{Version: version, Marks: b.Marks}, b.Parts
	}
	return err
}

// changed gives the places of those parts that were written since they were last
// read.
func (s *Shelf) changed() (places []int) {
	for i, counts := range s.counts {
		for n, count := range counts {
			if k, err := strconv.Atoi(n); err == nil && k < partsOfOne && count != s.read[i][n] {
				places = append(places, Buckets+i*partsOfOne+k)
			}
		}
	}
	return places
}

// inTurn gives the next few places of parts, of buckets that may have some.
func (s *Shelf) inTurn() (places []int) {
	for range partsInTurn {
		i := s.turn / partsOfOne
		if len(s.index[i].Marks) >= bucketRoom || len(s.counts[i]) > 0 {
			places = append(places, Buckets+s.turn)
		}
		s.turn = (s.turn + 1) % (Buckets * partsOfOne)
	}
	return places
}

// readParts takes parts of the index in.
func (s *Shelf) readParts(tx *state.Tx, places []int) error {
	id := func(at int) string {
		at -= Buckets
		return partID(strconv.Itoa(at/partsOfOne), strconv.Itoa(at%partsOfOne))
	}
	var keys []string
	for _, at := range places {
		keys = append(keys, parts.Key(id(at)))
	}
	if err := tx.Load(keys...); err != nil {
		return err
	}
	for _, at := range places {
		version, err := parts.Version(tx, id(at))
		if err != nil {
			return err
		}
		if version == s.index[at].Version {
			continue
		}
		p, _, err := parts.Get(tx, id(at))
		if err != nil {
			return err
		}
		s.index[at] = search.Bucket{Version: version, Marks: p.Marks}
	}
	return nil
}

// Load implements search.Source: 2 bulk gets.
func (s *Shelf) Load(ctx context.Context, ids []string) (out []search.Loaded, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(products.Keys(ids...)...); err != nil {
			return err
		}
		var keys []string
		for _, id := range ids {
			p, ok, err := find(tx, id)
			if err != nil {
				return err
			}
			if ok {
				out = append(out, search.Loaded{Product: p, InStock: map[string]bool{}, Low: map[string]bool{}, Waits: map[string]inventory.Waitable{}})
				keys = append(keys, stocks.Keys(p.SKUs()...)...)
			}
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, l := range out {
			for _, sku := range l.Product.SKUs() {
				stock, err := read(tx, sku)
				if err != nil {
					return err
				}
				now := stock.Availability()
				if now.InStock {
					l.InStock[sku] = true
				}
				if now.Low {
					l.Low[sku] = true
				}
				if now.Wait.Allowed {
					l.Waits[sku] = now.Wait
				}
			}
		}
		return nil
	})
	return out, err
}

// OwnersOf implements search.Source: 1 bulk get.
func (s *Shelf) OwnersOf(ctx context.Context, ids []string) (owners []string, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		claims, err := skus.GetAll(tx, ids...)
		if err != nil {
			return err
		}
		for _, c := range claims {
			if !slices.Contains(owners, c.ProductID) {
				owners = append(owners, c.ProductID)
			}
		}
		return nil
	})
	return owners, err
}
