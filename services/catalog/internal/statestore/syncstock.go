package statestore

import (
	"slices"
	"time"

	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
)

// movedStockOf says which SKU the document of an ID is of, and where that comes from. It
// stays when the document goes, and names the SKU before until it is seen that the document has
// left that: so a document that was kept in part is made whole when it comes again.
type movedStockOf struct {
	SKU string `json:"sku"`
	Key string `json:"key"`
	Was string `json:"was,omitempty"` // a SKU
}

// skus are those whose stock the document may be in.
func (of movedStockOf) skus() []string {
	if of.Was == "" {
		return []string{of.SKU}
	}
	return []string{of.SKU, of.Was}
}

var movedStocks = state.Collection[movedStockOf]{Prefix: "movedstock:"}

// movedStock keeps what is on hand in the stock of its SKU, whether a product has that
// already or not. State: 1 bulk get and 1 transaction a batch; 1 get more where SKUs become available or
// run out, whose products are marked, where one is deleted or has another SKU than before, and
// where pages of ledgers are full.
func movedStock() intake.Kind[inventory.Moved] {
	return intake.Kind[inventory.Moved]{
		Name: "stock",
		Keys: func(id string, m *inventory.Moved) []string {
			if m == nil {
				return movedStocks.Keys(id)
			}
			return []string{movedStocks.Key(id), stocks.Key(m.SKU), skus.Key(m.SKU), inventorySettings.Key(allStock)}
		},
		New: func(id string, m *inventory.Moved) []string {
			if m == nil {
				return movedStocks.Keys(id)
			}
			return []string{movedStocks.Key(id), stocks.Key(m.SKU)}
		},
		More: intake.ByID[inventory.Moved](func(tx *state.Tx, id string) ([]string, error) {
			of, ok, err := movedStocks.Get(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return append(stocks.Keys(of.skus()...), skus.Keys(of.skus()...)...), nil
		}),
		GetKeys: func(id string) []string { return movedStocks.Keys(id) },
		GetMore: func(tx *state.Tx, id string) ([]string, error) {
			of, ok, err := movedStocks.Get(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return stocks.Keys(of.SKU), nil
		},
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			s, ok, err := heldStock(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return s.Origin, nil
		},
		Begin: func(tx *state.Tx) intake.Run[inventory.Moved] {
			r := &stockRun{tx: tx, staged: map[string]*inventory.Stock{}, marks: map[string]bool{}}
			return intake.Run[inventory.Moved]{Put: r.put, Remove: r.remove, Finish: r.finish}
		},
		Get: func(tx *state.Tx, id string) (intake.Document[inventory.Moved], bool, error) {
			s, ok, err := heldStock(tx, id)
			if err != nil || !ok {
				return intake.Document[inventory.Moved]{}, false, err
			}
			return intake.Document[inventory.Moved]{ID: id, Source: *s.Origin, Value: s.Moved()}, true, nil
		},
	}
}

// heldStock reads the stock that the document of an ID was moved into, if it is still that.
func heldStock(tx *state.Tx, id string) (inventory.Stock, bool, error) {
	of, ok, err := movedStocks.Get(tx, id)
	if err != nil || !ok {
		return inventory.Stock{}, false, err
	}
	s, err := read(tx, of.SKU)
	return s, err == nil && s.Origin != nil && s.Origin.Key == of.Key, err
}

// stockRun stores the stock of one transaction.
type stockRun struct {
	tx     *state.Tx
	staged map[string]*inventory.Stock // what is written, by SKU
	order  []string                    // of staged
	marks  map[string]bool             // products that are shown otherwise
}

func (r *stockRun) put(d intake.Document[inventory.Moved]) error {
	sku := d.Value.SKU
	owner, err := r.owner(sku, d.Adopt)
	if err != nil {
		return err
	}
	stock, err := r.stock(sku)
	if err != nil {
		return err
	}
	of, _, err := movedStocks.Get(r.tx, d.ID)
	if err != nil {
		return err
	}
	same := stock.Origin != nil && stock.Origin.Key == d.Source.Key
	if stock.Origin != nil && !same {
		return inventory.ErrMovedTwice
	}
	holds, err := settings(r.tx)
	if err != nil {
		return err
	}
	again := same && stock.Origin.Position == d.Source.Position
	if !same || d.Source.Newer(stock.Origin) { // else it is a half without its movedStockOf
		before := stock.Availability()
		if err := stock.MoveIn(d.Value, d.Source, d.Adopt, holds, time.Now().UTC()); err != nil {
			return err
		}
		stock.ProductID, stock.DocumentID = owner, d.ID
		if err := r.keep(stock, before, again); err != nil {
			return err
		}
	}
	next := movedStockOf{SKU: sku, Key: d.Source.Key}
	for _, was := range of.skus() {
		if was == "" || was == sku {
			continue
		}
		left, err := r.takeOut(was, of.Key)
		if err != nil {
			return err
		}
		if left {
			next.Was = was
		}
	}
	if of == next {
		return nil
	}
	return movedStocks.Put(r.tx, d.ID, next)
}

// owner gives the ID of the product that has a SKU; "": none has yet. One that was made here
// refuses what is moved in, but for what it adopts.
func (r *stockRun) owner(sku string, adopt bool) (string, error) {
	c, ok, err := skus.Get(r.tx, sku)
	if err != nil || !ok || c.Moved {
		return c.ProductID, err
	}
	p, there, err := find(r.tx, c.ProductID)
	switch {
	case err != nil:
		return "", err
	case !there || !slices.Contains(p.SKUs(), sku):
		return "", nil
	case p.Origin == nil && !adopt:
		return "", inventory.ErrMadeHere
	}
	return c.ProductID, nil
}

// stock gives the stock of a SKU as this run leaves it.
func (r *stockRun) stock(sku string) (*inventory.Stock, error) {
	if s := r.staged[sku]; s != nil {
		return s, nil
	}
	s, err := read(r.tx, sku)
	return &s, err
}

// keep writes a stock, and marks its product if it is shown otherwise than before. again: this has
// been stored before, perhaps without the mark.
func (r *stockRun) keep(stock *inventory.Stock, before inventory.Availability, again bool) error {
	if stock.ProductID != "" && (again || stock.Availability() != before) {
		r.marks[stock.ProductID] = true
	}
	if r.staged[stock.SKU] == nil {
		r.staged[stock.SKU] = stock
		r.order = append(r.order, stock.SKU)
	}
	return stocks.Put(r.tx, stock.SKU, *stock)
}

func (r *stockRun) remove(id string) error {
	of, ok, err := movedStocks.Get(r.tx, id)
	if err != nil || !ok {
		return err
	}
	for _, sku := range of.skus() {
		if _, err := r.takeOut(sku, of.Key); err != nil {
			return err
		}
	}
	return nil
}

// takeOut takes the stock that a row was moved into away from a SKU, but for what orders hold;
// false: it is not there.
func (r *stockRun) takeOut(sku, key string) (bool, error) {
	stock, err := r.stock(sku)
	if err != nil || stock.Origin == nil || stock.Origin.Key != key {
		return false, err
	}
	before := stock.Availability()
	stock.MoveOut(time.Now().UTC())
	if err := r.keep(stock, before, true); err != nil || len(stock.Reservations) > 0 {
		return true, err
	}
	delete(r.staged, sku)
	return true, stocks.Delete(r.tx, sku)
}

// finish hands full pages of ledgers on, and marks the products.
func (r *stockRun) finish() error {
	var full []*inventory.Stock
	var keys []string
	for _, sku := range r.order {
		stock := r.staged[sku]
		if stock == nil {
			continue
		}
		for n := 0; ; n++ {
			number, _, ok := stock.FullPage(n)
			if !ok {
				break
			}
			if n == 0 {
				full = append(full, stock)
			}
			keys = append(keys, ledgers.Key(ledgerID(sku, number)))
		}
	}
	if err := r.tx.Load(keys...); err != nil {
		return err
	}
	for _, stock := range full {
		if err := handOnPages(r.tx, stock); err != nil {
			return err
		}
		if err := stocks.Put(r.tx, stock.SKU, *stock); err != nil {
			return err
		}
	}
	ids := make([]string, 0, len(r.marks))
	for id := range r.marks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return markAll(r.tx, ids, false)
}
