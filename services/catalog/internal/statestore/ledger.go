package statestore

import (
	"context"
	"fmt"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
)

// ledgerPage is a full page of a SKU's ledger.
type ledgerPage struct {
	Entries inventory.Ledger `json:"entries"`
}

var (
	ledgers           = state.Collection[ledgerPage]{Prefix: "ledger:"}
	inventorySettings = state.Collection[inventory.Settings]{Prefix: "inventory-settings:"}
)

func ledgerID(sku string, number int) string { return fmt.Sprintf("%s:%d", sku, number) }

// handOnPages moves full pages of a ledger out of the stock, in two steps, so that a
// store that keeps half of a transaction cannot lose one: what the stock has
// stored is written to a page and stays in the stock as well, until a later change
// finds it in the page. A page that is there and says something else is of a SKU
// that was given to another product. 1 get and 1 write more, twice for each
// LedgerPage entries.
func handOnPages(tx *state.Tx, stock *inventory.Stock) error {
	var ids []string
	var full []inventory.Ledger
	for {
		number, entries, ok := stock.FullPage(len(full))
		if !ok {
			break
		}
		ids, full = append(ids, ledgerID(stock.SKU, number)), append(full, entries)
	}
	if len(full) == 0 {
		return nil
	}
	if err := tx.Load(ledgers.Keys(ids...)...); err != nil {
		return err
	}
	there := true
	for i, entries := range full {
		p, _, err := ledgers.Get(tx, ids[i])
		if err != nil {
			return err
		}
		if p.Entries != entries {
			there = false
			if err := ledgers.Put(tx, ids[i], ledgerPage{entries}); err != nil {
				return err
			}
		} else if there {
			stock.HandOn()
		}
	}
	return nil
}

// ledgerPosition is where a page of the list begins: so many entries are left.
type ledgerPosition struct {
	Left int `json:"l"`
}

// Entries implements inventory.Store: 1 bulk get, 1 more where the page reaches
// back past what the stock itself carries.
func (s *Stocks) Entries(ctx context.Context, sku string, limit int, cursor string) (out []inventory.Entry, next string, err error) {
	at := ledgerPosition{Left: -1}
	if err := page.Decode(cursor, &at); err != nil {
		return nil, "", err
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		stock, err := owned(tx, sku)
		if err != nil {
			return err
		}
		all := stock.LedgerLen()
		left := all
		if cursor != "" {
			left = max(0, min(at.Left, all))
		}
		found, err := entriesBefore(tx, &stock, left, limit)
		if err != nil {
			return err
		}
		for i := len(found) - 1; i >= 0; i-- {
			out = append(out, found[i])
		}
		if left > limit {
			next = page.Encode(ledgerPosition{left - limit})
			return nil
		}
		opening, err := openingOf(tx, &stock)
		switch {
		case err != nil || opening.Delta == 0:
			return err
		case left < limit:
			out = append(out, opening)
		default: // the opening is the last of all
			next = page.Encode(ledgerPosition{0})
		}
		return nil
	})
	return out, next, err
}

// entriesBefore gives up to limit entries before the left-th, the oldest first.
func entriesBefore(tx *state.Tx, stock *inventory.Stock, left, limit int) (out []inventory.Entry, err error) {
	from := max(0, left-limit)
	carried := stock.Pages * inventory.LedgerPage // entries in pages
	var ids []string
	for n := from / inventory.LedgerPage; n < stock.Pages && n*inventory.LedgerPage < left; n++ {
		ids = append(ids, ledgerID(stock.SKU, n))
	}
	if err := tx.Load(ledgers.Keys(ids...)...); err != nil {
		return nil, err
	}
	add := func(l inventory.Ledger, first int) error {
		entries, err := l.Entries(first + 1)
		for _, e := range entries {
			if e.Number > from && e.Number <= left {
				out = append(out, e)
			}
		}
		return err
	}
	for i, id := range ids {
		p, _, err := ledgers.Get(tx, id)
		if err != nil {
			return nil, err
		}
		if err := add(p.Entries, (from/inventory.LedgerPage+i)*inventory.LedgerPage); err != nil {
			return nil, err
		}
	}
	return out, add(stock.Ledger, carried)
}

// openingOf is what was on hand before the first entry, as an entry of its own.
func openingOf(tx *state.Tx, stock *inventory.Stock) (inventory.Entry, error) {
	first := stock.Ledger
	if stock.Pages > 0 {
		p, _, err := ledgers.Get(tx, ledgerID(stock.SKU, 0))
		if err != nil {
			return inventory.Entry{}, err
		}
		first = p.Entries
	}
	return stock.Opening(first)
}

// Settings implements inventory.SettingsStore: 1 get.
func (s *Stocks) Settings(ctx context.Context) (out inventory.Settings, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		out, err = settings(tx)
		return err
	})
	return out, err
}

func settings(tx *state.Tx) (inventory.Settings, error) {
	out, _, err := inventorySettings.Get(tx, allStock)
	if err != nil {
		return out, err
	}
	out.Version, err = inventorySettings.Version(tx, allStock)
	return out.Complete(), err
}

const allStock = "all"

// PutSettings implements inventory.SettingsStore: 1 get, 1 save.
func (s *Stocks) PutSettings(ctx context.Context, next inventory.Settings, version int64) (after inventory.Settings, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		before, err := settings(tx)
		if err != nil {
			return err
		}
		if version != 0 && version != before.Version {
			return inventory.ErrSettingsVersion
		}
		after = next
		after.Version = before.Version + 1
		return inventorySettings.Put(tx, allStock, next)
	})
	return after, err
}
