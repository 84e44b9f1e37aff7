package statestore

import (
	"context"
	"errors"
	"time"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
)

// Stocks implements inventory.Store.
type Stocks struct{ db *state.DB }

// NewStocks gives the store over a database.
func NewStocks(db *state.DB) *Stocks { return &Stocks{db: db} }

// Get implements inventory.Store: 1 bulk get.
func (s *Stocks) Get(ctx context.Context, sku string) (stock inventory.Stock, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		stock, err = owned(tx, sku)
		return err
	})
	return stock, err
}

// GetAll implements inventory.Store: 1 bulk get.
func (s *Stocks) GetAll(ctx context.Context, ids []string) (out []inventory.Stock, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		out, err = stocks.GetAll(tx, ids...)
		return err
	})
	return out, err
}

// Update implements inventory.Store: 1 bulk get and 1 transaction, 1 more get
// when a SKU runs out or comes back, becomes low or recovers, or a page of its ledger is full; for all the
// requests of a batch together.
// Where nothing changes, as when all are refused: 1 bulk get.
func (s *Stocks) Update(ctx context.Context, plan func() inventory.Plan, change func(*inventory.Books)) error {
	crossed := crossings{}
	return s.persist(ctx, func(tx *state.Tx) error {
		p := plan()
		if err := tx.Load(append(stocks.Keys(p.SKUs...), ended.Keys(p.Orders...)...)...); err != nil {
			return err
		}
		all := make(map[string]*inventory.Stock, len(p.SKUs))
		before := make(map[string]inventory.Availability, len(p.SKUs))
		for _, sku := range p.SKUs {
			stock, err := read(tx, sku)
			if err != nil {
				return err
			}
			all[sku], before[sku] = &stock, stock.Availability()
		}
		over := make(map[string]bool, len(p.Orders))
		for _, id := range p.Orders {
			_, ok, err := ended.Get(tx, id)
			if err != nil {
				return err
			}
			over[id] = ok
		}
		books := inventory.NewBooks(all, over)
		change(books)
		for _, sku := range p.SKUs {
			if err := keep(tx, all[sku], before[sku], crossed); err != nil {
				return err
			}
		}
		for _, id := range books.Noted() {
			if err := ended.Put(tx, id, reservationEnd{At: time.Now().Unix()}); err != nil {
				return err
			}
		}
		return nil
	})
}

// persist is state.DB.Update that does not give up before ctx ends: whoever
// meets another replica on a SKU that everybody wants comes through in the end.
func (s *Stocks) persist(ctx context.Context, fn func(*state.Tx) error) error {
	for {
		err := s.db.Update(ctx, fn)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && fault.KindOf(err) == fault.Internal:
			return state.ErrBusy.Because(err)
		case ctx.Err() != nil || !errors.Is(err, state.ErrBusy):
			return err
		}
	}
}

// UpdateOne implements inventory.Store: 1 bulk get and 1 transaction, 1 more
// get when the SKU runs out or comes back, becomes low or recovers.
func (s *Stocks) UpdateOne(ctx context.Context, sku string, change func(*inventory.Stock) error) (after inventory.Stock, err error) {
	crossed := crossings{}
	err = s.persist(ctx, func(tx *state.Tx) error {
		stock, err := owned(tx, sku)
		if err != nil {
			return err
		}
		done, err := tx.Ours(stocks.Key(sku))
		if err != nil {
			return err
		}
		if done { // and the mark of its product is not: it had a conflict
			after = stock
			return mark(tx, stock.ProductID, false)
		}
		before := stock.Availability()
		if err := change(&stock); err != nil {
			return err
		}
		if err := keep(tx, &stock, before, crossed); err != nil {
			return err
		}
		if after = stock; stock.Changed() || crossed[sku].any {
			after.Version++
		}
		return nil
	})
	return after, err
}

// Restocked implements inventory.Store: 1 get.
func (s *Stocks) Restocked(ctx context.Context, returnID string) (done bool, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		_, done, err = returns.Get(tx, returnID)
		return err
	})
	return done, err
}

// NoteRestocked implements inventory.Store: 1 get, 1 save.
func (s *Stocks) NoteRestocked(ctx context.Context, returnID string) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		return returns.Put(tx, returnID, restocked{ReturnID: returnID})
	})
}

// crossings are the SKUs that stand otherwise than before, over the attempts of one
// update: in a store that does not roll back, an attempt that failed may have left
// the stock written and the mark of its product not.
type crossings map[string]crossing

type crossing struct {
	zero bool // it ran out or came back
	low  bool // an attempt made it low
	any  bool // it is shown otherwise
}

// keep writes a stock that was changed, announces it, and marks its product
// when it is shown otherwise than before.
func keep(tx *state.Tx, stock *inventory.Stock, before inventory.Availability, crossed crossings) error {
	now, c := stock.Availability(), crossed[stock.SKU]
	c.zero, c.any = c.zero || now.InStock != before.InStock, c.any || now != before
	fell, err := becameLow(tx, stock, before, c.low)
	if err != nil {
		return err
	}
	c.low = c.low || fell
	if !c.any && !stock.Changed() {
		return nil
	}
	if c.any {
		crossed[stock.SKU] = c
	}
	if err := handOnPages(tx, stock); err != nil {
		return err
	}
	if err := stocks.Put(tx, stock.SKU, *stock); err != nil { // an event goes into the document that it is about
		return err
	}
	announce(tx, stock, c.zero)
	if fell {
		tx.Emit(stocks.Key(stock.SKU), events.StockLow(stock))
	}
	if !c.any {
		return nil
	}
	return mark(tx, stock.ProductID, false)
}

// becameLow says whether it is to be announced that a stock is low. again: an
// earlier attempt of this update made it so. Where a half of that was kept, it is
// told anew with what is written anew; else another replica has been first.
func becameLow(tx *state.Tx, stock *inventory.Stock, before inventory.Availability, again bool) (bool, error) {
	if !stock.Low || !before.Low || !again {
		return stock.Low && !before.Low, nil
	}
	return tx.Ours(stocks.Key(stock.SKU))
}

// announce tells of a stock that is written what was adjusted, and whether it
// ran out or came back.
func announce(tx *state.Tx, stock *inventory.Stock, crossed bool) {
	for _, a := range stock.Adjustments() {
		tx.Emit(stocks.Key(stock.SKU), events.StockAdjusted(stock, a))
	}
	if crossed {
		tx.Emit(stocks.Key(stock.SKU), events.StockCrossed(stock))
	}
}

func read(tx *state.Tx, sku string) (inventory.Stock, error) {
	stock, ok, err := stocks.Get(tx, sku)
	if err != nil {
		return stock, err
	}
	if !ok {
		return inventory.Stock{SKU: sku}, nil
	}
	stock.Version, err = stocks.Version(tx, sku)
	return stock, err
}

// owned reads the stock of a SKU that a product has.
func owned(tx *state.Tx, sku string) (inventory.Stock, error) {
	if err := tx.Load(skus.Key(sku), stocks.Key(sku)); err != nil {
		return inventory.Stock{}, err
	}
	c, ok, err := skus.Get(tx, sku)
	if err != nil {
		return inventory.Stock{}, err
	}
	if !ok {
		return inventory.Stock{}, inventory.ErrMissing
	}
	stock, err := read(tx, sku)
	stock.ProductID = c.ProductID
	return stock, err
}
