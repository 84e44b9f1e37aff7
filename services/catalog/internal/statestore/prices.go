package statestore

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

// logPage is how many changes a closed document of a SKU's price history holds. The
// newest one holds up to twice as many: its last logPage changes stay in it, so that
// a replica that read the product that many changes ago still finds there what it
// would hand on.
const logPage = 50

// priceLog is the newest part of a SKU's price history; parts 0..Closed-1 are
// documents that never change.
type priceLog struct {
	Closed  int              `json:"closed"`
	Changes []pricing.Change `json:"changes"` // the oldest first
}

var (
	priceLists = state.Collection[pricing.Lists]{Prefix: "pricelists:"}
	priceLogs  = state.Collection[priceLog]{Prefix: "pricelog:"}
)

const allLists = "all"

// Prices implements pricing.Store.
type Prices struct{ db *state.DB }

// NewPrices gives the store over a database.
func NewPrices(db *state.DB) *Prices { return &Prices{db: db} }

// Lists implements pricing.Store: 1 get.
func (s *Prices) Lists(ctx context.Context) (all pricing.Lists, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		all, _, err = priceLists.Get(tx, allLists)
		return err
	})
	return all, err
}

// UpdateLists implements pricing.Store: 1 get, 1 save.
func (s *Prices) UpdateLists(ctx context.Context, change func(*pricing.Lists) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		all, _, err := priceLists.Get(tx, allLists)
		if err != nil {
			return err
		}
		if err := change(&all); err != nil {
			return err
		}
		return priceLists.Put(tx, allLists, all)
	})
}

// logPosition is where a page of the history begins.
type logPosition struct {
	Part int `json:"p"`
	Left int `json:"l"` // the changes of the part that are left
}

// History implements pricing.Store: 3 gets, 1 more for each 50 changes.
func (s *Prices) History(ctx context.Context, sku string, limit int, cursor string) (out []pricing.Change, next string, err error) {
	at := logPosition{Part: -1}
	if err := page.Decode(cursor, &at); err != nil {
		return nil, "", err
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		log, full, err := wholeLog(tx, sku)
		if err != nil {
			return err
		}
		part := log.Closed
		left := len(log.Changes)
		if at.Part >= 0 {
			part, left = min(at.Part, log.Closed), max(at.Left, 0)
			// What was the newest part may have been closed since, with fewer changes.
			for part < log.Closed {
				changes, err := partOf(tx, sku, part, log, full)
				if err != nil {
					return err
				}
				if left <= len(changes) {
					break
				}
				part, left = part+1, left-len(changes)
			}
		}
		for ; part >= 0; part, left = part-1, math.MaxInt {
			changes, err := partOf(tx, sku, part, log, full)
			if err != nil {
				return err
			}
			for left = min(left, len(changes)); left > 0; left-- {
				if len(out) == limit {
					next = page.Encode(logPosition{part, left})
					return nil
				}
				out = append(out, changes[left-1])
			}
		}
		return nil
	})
	return out, next, err
}

// wholeLog gives the newest part of a history with what its product has not handed
// on yet, and the part before it if that is not a document of its own yet.
func wholeLog(tx *state.Tx, sku string) (log priceLog, full []pricing.Change, err error) {
	if log, _, err = priceLogs.Get(tx, sku); err != nil {
		return log, nil, err
	}
	c, ok, err := skus.Get(tx, sku)
	if err != nil || !ok {
		return log, nil, err
	}
	p, ok, err := find(tx, c.ProductID)
	if err != nil || !ok {
		return log, nil, err
	}
	log, full = log.with(p.Changes[sku])
	return log, full, nil
}

func partOf(tx *state.Tx, sku string, part int, log priceLog, full []pricing.Change) ([]pricing.Change, error) {
	switch {
	case part == log.Closed:
		return log.Changes, nil
	case part == log.Closed-1 && full != nil:
		return full, nil
	}
	old, _, err := priceLogs.Get(tx, logPart(sku, part))
	return old.Changes, err
}

// with gives the log with the changes of one version of a product, and the part that
// is full and has to be closed before that; nil: none. Changes that it has already are
// not added again.
func (l priceLog) with(changes []pricing.Change) (next priceLog, full []pricing.Change) {
	if len(changes) == 0 || slices.ContainsFunc(l.Changes, func(c pricing.Change) bool { return c.At.Equal(changes[0].At) && c == changes[0] }) {
		return l, nil
	}
	if len(l.Changes) >= 2*logPage {
		return priceLog{Closed: l.Closed + 1, Changes: slices.Concat(l.Changes[logPage:], changes)}, l.Changes[:logPage]
	}
	return priceLog{Closed: l.Closed, Changes: slices.Concat(l.Changes, changes)}, nil
}

func logPart(sku string, part int) string { return sku + ":" + strconv.Itoa(part) }

// handOn moves the changes of prices that a product carries into their histories: 1
// get where there are some. A product carries those of its last version itself, so
// that an attempt that a store keeps in part cannot leave a change in the history
// that never happened: what is handed on has been stored.
func handOn(tx *state.Tx, p *product.Product) error {
	if len(p.Changes) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(p.Changes))
	if err := tx.Load(priceLogs.Keys(ids...)...); err != nil {
		return err
	}
	for _, sku := range ids {
		log, _, err := priceLogs.Get(tx, sku)
		if err != nil {
			return err
		}
		next, full := log.with(p.Changes[sku])
		if len(next.Changes) == len(log.Changes) && full == nil {
			continue
		}
		if full != nil {
			if err := priceLogs.Put(tx, logPart(sku, log.Closed), priceLog{Changes: full}); err != nil {
				return err
			}
		}
		if err := priceLogs.Put(tx, sku, next); err != nil {
			return err
		}
	}
	return nil
}

// noteChanges has a product carry what has become of its prices.
func noteChanges(before, p *product.Product) {
	p.Changes = nil
	for _, v := range p.Variants {
		for _, old := range before.Variants {
			if old.SKU != v.SKU {
				continue
			}
			if c := pricing.Changes(before.Prices(old), p.Prices(v), p.UpdatedAt, before.Version+1); len(c) > 0 {
				if p.Changes == nil {
					p.Changes = map[string][]pricing.Change{}
				}
				p.Changes[v.SKU] = c
			}
		}
	}
}
