package api

import (
	"context"
	"hash/fnv"
	"net/http"
	"sync"

	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/internal/ndjson"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

// Bounds of bulk updates: the lines of a batch, and how many of stock are under way. The
// writes of those share transactions (docs/adr/0007); a batch of prices is one.
const (
	stockBatch = 500
	priceBatch = 100
	bulkAtOnce = 32
)

// eachInOrder does works at the same time, those of one key in their order.
func eachInOrder[T any](works []T, key func(T) string, do func(T) error) []error {
	errs := make([]error, len(works))
	var lanes [bulkAtOnce][]int
	for i, w := range works {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key(w)))
		lane := h.Sum32() % bulkAtOnce
		lanes[lane] = append(lanes[lane], i)
	}
	var wg sync.WaitGroup
	for _, lane := range lanes {
		wg.Go(func() {
			for _, i := range lane {
				errs[i] = do(works[i])
			}
		})
	}
	wg.Wait()
	return errs
}

type stockLine struct {
	SKU string `json:"sku"`
	adjustmentInput
	Version int64 `json:"version"`
}

// updateStock makes for each line the calls of adjustInventory; the writes of 32
// lines share transactions.
func (a *API) updateStock(w http.ResponseWriter, r *http.Request) error {
	who := by(r)
	return bulk(w, r, a.StockLine, stockCells, stockBatch, func(ctx context.Context, batch []stockLine) ([]error, error) {
		return eachInOrder(batch, func(l stockLine) string { return l.SKU }, func(l stockLine) error {
			_, err := a.Inventory.Adjust(ctx, l.SKU, l.change(who), l.Version)
			return at(err, l.field())
		}), nil
	})
}

type priceLine struct {
	SKU         string `json:"sku"`
	List        string `json:"list"`
	Currency    string `json:"currency"`
	Amount      int64  `json:"amount"`
	MinQuantity int    `json:"min_quantity"`
}

// updatePrices makes for each 100 lines 3 gets and 1 transaction, 1 get more where prices
// had changed before. 1 get more for all of them.
func (a *API) updatePrices(w http.ResponseWriter, r *http.Request) error {
	lists, err := a.Prices.Lists(r.Context())
	if err != nil {
		return err
	}
	book := lists.Book()
	return bulk(w, r, a.PriceLine, priceCells, priceBatch, func(ctx context.Context, batch []priceLine) ([]error, error) {
		prices := make([]product.Price, len(batch))
		for i, l := range batch {
			prices[i] = product.Price{SKU: l.SKU, Entry: pricing.Entry{List: l.List, Currency: l.Currency, Amount: l.Amount, MinQuantity: max(l.MinQuantity, 1)}}
		}
		return a.Products.SetPrices(ctx, prices, book)
	})
}

// bulk stores a stream of lines, NDJSON or CSV with the columns of cells, and reports what was taken and what was not.
func bulk[T any](w http.ResponseWriter, r *http.Request, line *contract.Schema, cells map[string]column, full int, store func(context.Context, []T) ([]error, error)) error {
	report, err := ndjson.Import[T, T]{
		Check: line.Check, Value: func(l T) T { return l }, Weight: func(T) int { return 1 }, Full: full, Store: store,
		Lines: linesOf(r, cells),
	}.Run(w, r)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, report)
}
