package search

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tienda/internal/fault"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search/index"
)

// Loaded is a product as the store has it, with its stock.
type Loaded struct {
	Product product.Product
	InStock map[string]bool               // by SKU
	Low     map[string]bool               // by SKU
	Waits   map[string]inventory.Waitable // by SKU
}

// Bucket is a part of the index of all products: what must be read again is
// what has another mark than before.
type Bucket struct {
	Version int64
	Marks   map[string]int64 // by product ID
}

// Source reads what the model shows from the store.
type Source interface {
	// Index gives all buckets, always in the same order, and the categories.
	Index(ctx context.Context) ([]Bucket, product.Categories, error)
	// Load gives those of the products that are there.
	Load(ctx context.Context, ids []string) ([]Loaded, error)
	// OwnersOf gives the IDs of the products that have the SKUs.
	OwnersOf(ctx context.Context, skus []string) ([]string, error)
}

// Model is the read model of one replica. Reading a product takes no lock, a
// list one that is held for a moment by whoever changes what is listed; neither
// makes a state call.
type Model struct {
	source     Source
	encode     Encoder
	index      *index.Index
	categories atomic.Pointer[product.Categories]

	byID, bySlug, bySKU places
	moved               former
	low                 lowSKUs
	kept                kept

	prices atomic.Int64 // changes when price lists do

	mu      sync.Mutex // held, briefly, by whoever changes what is shown
	known   product.Categories
	own     map[string]bool // products that this replica changed since a refresh began
	lately  map[string]bool // and since the last one began; it may not know their marks
	ownList bool            // the categories likewise
	reading atomic.Bool     // a refresh is under way

	copied    atomic.Int64 // when Copied was called last, Unix time in nanoseconds
	freshened atomic.Int64 // when Freshen has refreshed last, likewise

	refreshed atomic.Int64 // when the last refresh that read all began, likewise

	turn     sync.Mutex // held by a refresh, which reads the store meanwhile
	versions []int64    // of the buckets, as last read
	marks    []map[string]int64
	sweep    []string      // what is still to be read again, whatever its mark,
	pace     int           // and how many of it by each refresh
	filled   chan struct{} // closed once all products have been read
}

// New gives an empty model. encode makes the detail that is sent.
func New(source Source, encode Encoder) *Model {
	m := &Model{source: source, encode: encode, index: index.New(), filled: make(chan struct{}), lately: map[string]bool{}}
	m.categories.Store(&product.Categories{})
	return m
}

// Filled says whether all products have been read.
func (m *Model) Filled() bool {
	select {
	case <-m.filled:
		return true
	default:
		return false
	}
}

// Ready is an error until the model has been filled once.
func (m *Model) Ready(context.Context) error {
	if !m.Filled() {
		return errors.New("the products are not read yet")
	}
	return nil
}

// patience is how long a request waits for a model that is being filled.
const patience = 3 * time.Second

var errNotFilled = fault.New(fault.Unavailable, "not_ready", "The products are not read yet. Try again.").Elsewhere()

// Wait waits until the model has been filled. A replica that has just started
// is asked before it is ready: what it does not know yet is not missing.
func (m *Model) Wait(ctx context.Context) error {
	if m.Filled() {
		return nil
	}
	select {
	case <-m.filled:
		return nil
	case <-time.After(patience):
	case <-ctx.Done():
	}
	return errNotFilled
}

// Detail gives a published product by its ID or slug; nil: there is none.
func (m *Model) Detail(ref string) *Entry {
	at := m.byID.at(ref)
	if at == nil {
		at = m.bySlug.at(ref)
	}
	if at == nil {
		return nil
	}
	return at.entry.Load()
}

// Moved gives the slug that the product has now which had a slug last.
func (m *Model) Moved(slug string) (now string, ok bool) { return m.moved.of(slug) }

// PricesChanged has every detail encoded anew when it is next asked for.
func (m *Model) PricesChanged() { m.prices.Add(1) }

// Categories gives all categories in the order of their tree; not to be changed.
func (m *Model) Categories() product.Categories { return *m.categories.Load() }

// InCategory implements product.Window.
func (m *Model) InCategory(slug string) (id string, ok bool) {
	m.index.InCategory(slug, func(found string) bool {
		if at := m.byID.at(found); at != nil && at.entry.Load().Product.Category == slug {
			id, ok = found, true
		}
		return !ok
	})
	return id, ok
}

// Offers implements inventory.Offers. SKUs that this replica does not know
// may be new: they cost up to 3 gets, known ones none.
func (m *Model) Offers(ctx context.Context, skus []string) (map[string]inventory.Offer, error) {
	out := make(map[string]inventory.Offer, len(skus))
	var unknown []string
	for _, sku := range skus {
		if at := m.bySKU.at(sku); at != nil {
			out[sku] = offer(at.entry.Load(), sku)
		} else {
			unknown = append(unknown, sku)
		}
	}
	if len(unknown) == 0 {
		return out, nil
	}
	ids, err := m.source.OwnersOf(ctx, unknown)
	if err != nil || len(ids) == 0 {
		return out, err
	}
	loaded, err := m.source.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range loaded {
		e := &Entry{Product: l.Product, InStock: l.InStock, Waits: l.Waits}
		for _, v := range l.Product.Variants {
			if l.Product.Status == product.Published && slices.Contains(unknown, v.SKU) {
				out[v.SKU] = offer(e, v.SKU)
			}
		}
	}
	return out, nil
}

func offer(e *Entry, sku string) inventory.Offer {
	for _, v := range e.Product.Variants {
		if v.SKU == sku {
			return inventory.Offer{
				SKU: sku, ProductID: e.Product.ID, Slug: e.Product.Slug, Name: e.Product.Name, VariantName: v.Name,
				Category: e.Product.Category, TaxClass: e.Product.TaxClass, WeightGrams: v.WeightGrams, Prices: e.Product.Prices(v), InStock: e.InStock[sku],
				Wait: e.Waits[sku],
			}
		}
	}
	return inventory.Offer{SKU: sku}
}

// Show implements product.Window.
func (m *Model) Show(p product.Product) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := Loaded{Product: p, InStock: map[string]bool{}}
	if at := m.byID.at(p.ID); at != nil {
		e := at.entry.Load()
		l.InStock, l.Low, l.Waits = e.InStock, e.Low, e.Waits
	}
	m.note(p.ID)
	m.apply([]Loaded{l}, nil)
}

// Hide implements product.Window.
func (m *Model) Hide(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(id)
	m.apply(nil, []string{id})
}

// note has the refresh that is under way leave a product alone: what it has
// read may be older. m.mu is held.
func (m *Model) note(id string) {
	m.lately[id] = true
	if m.own != nil {
		m.own[id] = true
	}
}

// ShowCategories implements product.Window.
func (m *Model) ShowCategories(c product.Categories) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ownList = true
	m.showCategories(c)
}

// ShowStock implements inventory.Offers.
func (m *Model) ShowStock(sku string, now inventory.Availability) {
	// Asked first: a refresh that begins later reads what is said here.
	reading := m.reading.Load()
	if at := m.bySKU.at(sku); at == nil || !reading && at.entry.Load().availability(sku) == now {
		return // as nearly always: no need to wait for the lock
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.bySKU.at(sku); at != nil {
		e := at.entry.Load()
		m.note(e.Product.ID)
		if e.availability(sku) == now {
			return
		}
		m.restock(at, Loaded{InStock: with(e.InStock, sku, now.InStock), Low: with(e.Low, sku, now.Low), Waits: with(e.Waits, sku, now.Wait)})
	}
}

// restock shows other stock of a product. No text is read again. m.mu is held.
func (m *Model) restock(at *slot, l Loaded) {
	before := at.entry.Load()
	l.Product = before.Product
	next := m.entry(l)
	at.entry.Store(next)
	m.low.set(before, next)
	if next.AnyInStock() != before.AnyInStock() {
		m.index.SetStock(next.Product.ID, next.AnyInStock())
	}
}

func (m *Model) showCategories(c product.Categories) {
	if slices.Equal(m.known, c) {
		return
	}
	m.known = c
	sorted := c.InOrder(func(a, b string) int { return strings.Compare(index.Fold(a), index.Fold(b)) })
	m.categories.Store(&sorted)
}

// apply shows products as loaded and hides others. m.mu is held.
func (m *Model) apply(loaded []Loaded, gone []string) {
	changed := make([]index.Document, 0, len(loaded))
	for _, l := range loaded {
		at := m.byID.at(l.Product.ID)
		switch {
		case at != nil && supersedes(&at.entry.Load().Product, &l.Product):
		case l.Product.Status != product.Published:
			gone = append(gone, l.Product.ID)
		case at == nil || older(&at.entry.Load().Product, &l.Product):
			e := m.entry(l)
			m.place(at, e)
			changed = append(changed, document(e))
		case !at.entry.Load().stands(l):
			m.restock(at, l)
		}
	}
	for _, id := range gone {
		if at := m.byID.at(id); at != nil {
			m.moved.set(id, &at.entry.Load().Product, nil)
			m.unplace(at, at.entry.Load(), nil)
			m.low.set(at.entry.Load(), nil)
			m.byID.free(id, at)
		}
	}
	m.index.Put(changed...)
	m.index.Delete(gone...)
}

// place has an entry found by its ID, slug and SKUs; at is the slot of the
// product, nil if it is new.
func (m *Model) place(at *slot, e *Entry) {
	var before *Entry
	if at == nil {
		at = &slot{}
	} else {
		before = at.entry.Load()
	}
	at.entry.Store(e)
	m.low.set(before, e)
	m.byID.put(e.Product.ID, at)
	if before == nil {
		m.moved.set(e.Product.ID, nil, &e.Product)
	} else {
		m.moved.set(e.Product.ID, &before.Product, &e.Product)
	}
	m.bySlug.put(e.Product.Slug, at)
	for _, v := range e.Product.Variants {
		m.bySKU.put(v.SKU, at)
	}
	if before != nil {
		m.unplace(at, before, e)
	}
}

// unplace gives up the slug and SKUs of before that after (nil: nothing) has
// not.
func (m *Model) unplace(at *slot, before, after *Entry) {
	if after == nil || after.Product.Slug != before.Product.Slug {
		m.bySlug.free(before.Product.Slug, at)
	}
	for _, v := range before.Product.Variants {
		if after == nil || !slices.ContainsFunc(after.Product.Variants, func(w product.Variant) bool { return w.SKU == v.SKU }) {
			m.bySKU.free(v.SKU, at)
		}
	}
}

// supersedes says whether a is a later state of b.
func supersedes(a, b *product.Product) bool {
	return a.Version > b.Version && a.CreatedAt.Equal(b.CreatedAt)
}

// older says whether b is a later state than a, or another product that was
// given the ID of one that is gone.
func older(a, b *product.Product) bool {
	return a.Version < b.Version || !a.CreatedAt.Equal(b.CreatedAt)
}
