package search

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tienda/internal/fault"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Loaded is a product as the store has it, with its stock.
type Loaded struct {
	Product product.Product
	InStock map[string]bool // by SKU
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

// Model is the read model of one replica. Reading takes no lock and no state
// call.
type Model struct {
	source Source
	encode Encoder
	shown  atomic.Pointer[snapshot]

	prices atomic.Int64 // changes when price lists do

	mu      sync.Mutex // held, briefly, by whoever changes what is shown
	bySlug  product.Categories
	own     map[string]bool // products that this replica changed since a refresh began
	ownList bool            // the categories likewise
	reading atomic.Bool     // a refresh is under way

	turn     sync.Mutex // held by a refresh, which reads the store meanwhile
	versions []int64    // of the buckets, as last read
	marks    []map[string]int64
	sweep    []string      // what is still to be read again, whatever its mark
	filled   chan struct{} // closed once all products have been read
}

// snapshot is the products by every key and in every order. Its maps and
// lists never change.
type snapshot struct {
	byID, bySlug, bySKU map[string]*slot
	moved               map[string]product.FormerSlug // former slug → the slug that its last product has now
	newest, byName      []*slot
	byPrice             sync.Map // currency → []*slot, made when first asked for
	categories          product.Categories
}

// New gives an empty model. encode makes the detail that is sent.
func New(source Source, encode Encoder) *Model {
	m := &Model{source: source, encode: encode, filled: make(chan struct{})}
	m.shown.Store(build(nil, nil))
	return m
}

// isFilled says whether all products have been read.
func (m *Model) isFilled() bool {
	select {
	case <-m.filled:
		return true
	default:
		return false
	}
}

// Ready is an error until the model has been filled once.
func (m *Model) Ready(context.Context) error {
	if !m.isFilled() {
		return errors.New("the products are not read yet")
	}
	return nil
}

// patience is how long a request waits for a model that is being filled.
const patience = 3 * time.Second

var errNotFilled = fault.New(fault.Unavailable, "not_ready", "The products are not read yet. Try again.")

// Wait waits until the model has been filled. A replica that has just started
// is asked before it is ready: what it does not know yet is not missing.
func (m *Model) Wait(ctx context.Context) error {
	if m.isFilled() {
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
	s := m.shown.Load()
	at, ok := s.byID[ref]
	if !ok {
		if at, ok = s.bySlug[ref]; !ok {
			return nil
		}
	}
	return at.entry.Load()
}

// Moved gives the slug that the product has now which had a slug last.
func (m *Model) Moved(slug string) (now string, ok bool) {
	f, ok := m.shown.Load().moved[slug]
	return f.Slug, ok
}

// PricesChanged has every detail encoded anew when it is next asked for.
func (m *Model) PricesChanged() { m.prices.Add(1) }

// Categories gives all categories in the order of their tree; not to be changed.
func (m *Model) Categories() product.Categories { return m.shown.Load().categories }

// InCategory implements product.Window.
func (m *Model) InCategory(slug string) (id string, ok bool) {
	for _, at := range m.shown.Load().newest {
		if p := &at.entry.Load().Product; p.Category == slug {
			return p.ID, true
		}
	}
	return "", false
}

// Offers implements inventory.Offers. SKUs that this replica does not know
// may be new: they cost up to 3 gets, known ones none.
func (m *Model) Offers(ctx context.Context, skus []string) (map[string]inventory.Offer, error) {
	out := make(map[string]inventory.Offer, len(skus))
	s := m.shown.Load()
	var unknown []string
	for _, sku := range skus {
		if at, ok := s.bySKU[sku]; ok {
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
		e := &Entry{Product: l.Product, InStock: l.InStock}
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
				TaxClass: e.Product.TaxClass, WeightGrams: v.WeightGrams, Prices: e.Product.Prices(v), InStock: e.InStock[sku],
			}
		}
	}
	return inventory.Offer{SKU: sku}
}

// Show implements product.Window.
func (m *Model) Show(p product.Product) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inStock := map[string]bool{}
	if at, ok := m.shown.Load().byID[p.ID]; ok {
		inStock = at.entry.Load().InStock
	}
	m.note(p.ID)
	m.apply([]Loaded{{p, inStock}}, nil)
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
func (m *Model) ShowStock(sku string, inStock bool) {
	// Asked first: a refresh that begins later reads what is said here.
	reading := m.reading.Load()
	if at, ok := m.shown.Load().bySKU[sku]; !ok || !reading && at.entry.Load().InStock[sku] == inStock {
		return // as nearly always: no need to wait for the lock
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.shown.Load().bySKU[sku]; ok {
		e := at.entry.Load()
		m.note(e.Product.ID)
		if e.InStock[sku] == inStock {
			return
		}
		stock := map[string]bool{}
		maps.Copy(stock, e.InStock)
		stock[sku] = inStock
		at.entry.Store(m.withStock(e, stock))
	}
}

func (m *Model) showCategories(c product.Categories) {
	if slices.Equal(m.bySlug, c) {
		return
	}
	m.bySlug = c
	sorted := c.InOrder(func(a, b string) int { return strings.Compare(fold(a), fold(b)) })
	m.shown.Store(build(m.shown.Load().byID, sorted))
}

// apply shows products as loaded and hides others. Slots whose place in the
// lists stays the same are changed where they are. m.mu is held.
func (m *Model) apply(loaded []Loaded, gone []string) {
	now := m.shown.Load()
	next, moved := now.byID, false
	edit := func() map[string]*slot {
		if !moved {
			next, moved = maps.Clone(now.byID), true
		}
		return next
	}
	for _, l := range loaded {
		at := next[l.Product.ID]
		switch {
		case at != nil && supersedes(&at.entry.Load().Product, &l.Product):
		case l.Product.Status != product.Published:
			gone = append(gone, l.Product.ID)
		case at == nil || older(&at.entry.Load().Product, &l.Product):
			// A new slot: the lists that are being read keep the old entry.
			fresh := &slot{}
			fresh.entry.Store(m.newEntry(l.Product, l.InStock))
			edit()[l.Product.ID] = fresh
		case at.entry.Load().Product.Version == l.Product.Version:
			if e := at.entry.Load(); !maps.Equal(e.InStock, l.InStock) {
				at.entry.Store(m.withStock(e, l.InStock))
			}
		}
	}
	for _, id := range gone {
		if next[id] != nil {
			delete(edit(), id)
		}
	}
	if moved {
		m.shown.Store(build(next, now.categories))
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

// addMoved notes the former slugs of a product. Of two products that had one,
// the last has it.
func (s *snapshot) addMoved(p *product.Product) {
	for _, f := range p.Former {
		if other, ok := s.moved[f.Slug]; ok && other.Until.After(f.Until) {
			continue
		}
		if s.moved == nil {
			s.moved = map[string]product.FormerSlug{}
		}
		s.moved[f.Slug] = product.FormerSlug{Slug: p.Slug, Until: f.Until}
	}
}

func build(byID map[string]*slot, categories product.Categories) *snapshot {
	s := &snapshot{
		byID: byID, bySlug: make(map[string]*slot, len(byID)), bySKU: make(map[string]*slot, 3*len(byID)),
		newest: make([]*slot, 0, len(byID)), categories: categories,
	}
	if s.byID == nil {
		s.byID = map[string]*slot{}
	}
	for _, at := range byID {
		p := &at.entry.Load().Product
		s.bySlug[p.Slug] = at
		for _, v := range p.Variants {
			s.bySKU[v.SKU] = at
		}
		s.newest = append(s.newest, at)
		s.addMoved(p)
	}
	s.byName = slices.Clone(s.newest)
	slices.SortFunc(s.newest, func(a, b *slot) int { return -byCreation(a.entry.Load()).compare(byCreation(b.entry.Load())) })
	slices.SortFunc(s.byName, func(a, b *slot) int { return byName(a.entry.Load()).compare(byName(b.entry.Load())) })
	return s
}
