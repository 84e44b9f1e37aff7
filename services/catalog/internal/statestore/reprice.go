package statestore

import (
	"context"
	"reflect"

	"tienda/internal/state"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/product"
)

// Reprice implements product.Store: 3 gets and 1 transaction for the whole batch, 1 more
// get where a change of before is handed on to its history or a claim is met. Products of
// which nothing changes are not written.
func (s *Products) Reprice(ctx context.Context, lines []string, change func(int, *product.Product) error) (refused []error, after []product.Product, err error) {
	touched := map[string]bool{} // over all attempts: one may have been kept in part
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		r := repricing{tx: tx, touched: touched, refused: make([]error, len(lines)), of: map[string]*repriced{}}
		if err := r.load(lines); err != nil {
			return err
		}
		for i := range lines {
			if err := r.take(i, func(p *product.Product) error { return change(i, p) }); err != nil {
				return err
			}
		}
		refused, after, err = r.refused, nil, nil
		for _, p := range r.all {
			if err := r.save(p, &after); err != nil {
				return err
			}
		}
		return markAll(tx, r.marks, true)
	})
	return refused, after, err
}

// repricing is one attempt to store a batch.
type repricing struct {
	tx      *state.Tx
	touched map[string]bool
	refused []error              // by line
	owners  []*repriced          // by line; nil: no product has the SKU
	of      map[string]*repriced // by ID
	all     []*repriced          // in the order of their first lines
	marks   []string
}

// repriced is a product as it is held and as it will be.
type repriced struct {
	held, next product.Product
	lines      []int
}

// load reads the products of the lines, and what their writes meet.
func (r *repricing) load(lines []string) error {
	if err := r.tx.Load(skus.Keys(lines...)...); err != nil {
		return err
	}
	claims := make([]string, len(lines)) // product IDs
	var keys []string
	for i, sku := range lines {
		c, _, err := skus.Get(r.tx, sku)
		if err != nil {
			return err
		}
		if claims[i] = c.ProductID; c.ProductID != "" {
			keys = append(keys, products.Key(c.ProductID))
		}
	}
	if err := r.tx.Load(keys...); err != nil {
		return err
	}
	keys = []string{categories.Key(allCategories)}
	r.owners = make([]*repriced, len(lines))
	for i, id := range claims {
		p := r.of[id]
		if p == nil && id != "" {
			held, there, err := find(r.tx, id)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			p = &repriced{held: held, next: held}
			r.of[id], r.all = p, append(r.all, p)
			keys = append(keys, keysOf(id, held.Details)...)
		}
		if r.owners[i] = p; p != nil {
			p.lines = append(p.lines, i)
		}
	}
	return r.tx.Load(keys...)
}

// take changes the product of a line.
func (r *repricing) take(i int, change func(*product.Product) error) error {
	p := r.owners[i]
	if p == nil {
		r.refused[i] = product.ErrMissingSKU
		return nil
	}
	next := p.next
	err := change(&next)
	switch {
	case err == nil:
		p.next = next
	case isRefusal(err):
		r.refused[i] = err
	default:
		return err
	}
	return nil
}

// save writes a product that has changed. What an earlier attempt has written is told
// of, and not written again.
func (r *repricing) save(p *repriced, after *[]product.Product) error {
	id := p.held.ID
	if p.next.Equal(p.held.Details) && reflect.DeepEqual(p.next.Listed, p.held.Listed) {
		if r.touched[id] {
			r.marks, *after = append(r.marks, id), append(*after, p.held)
		}
		return nil
	}
	err := checkCategory(r.tx, p.next.Category)
	if err == nil {
		err = checkClaims(r.tx, p.next)
	}
	if err != nil && isRefusal(err) {
		for _, i := range p.lines {
			if r.refused[i] == nil {
				r.refused[i] = err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.touched[id] = true
	if err := writeUnmarked(r.tx, &p.held, p.next); err != nil {
		return err
	}
	p.next.Version = p.held.Version + 1
	r.tx.Emit(products.Key(id), events.ProductUpdated(p.next))
	r.marks, *after = append(r.marks, id), append(*after, p.next)
	return nil
}
