package clients

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"tienda/internal/caller"
	"tienda/services/orders/internal/cart"
)

// Bounds of the cache. Quotes are only for display, so two seconds of age do
// no harm: a checkout takes the prices that the reservation states.
const (
	quoteTTL   = 2 * time.Second
	maxQuotes  = 10_000
	quoteLimit = 5 * time.Second // of one call that several requests wait for
)

type quoteKey struct{ currency, sku string }

type quoteEntry struct {
	quote cart.Quote
	until time.Time
}

// QuoteCache answers cart.Quoter from what a replica has asked for lately, and
// asks once for what several requests want at the same time. SKUs that are
// not sold are not remembered, so that a new product can be bought at once.
type QuoteCache struct {
	source cart.Quoter
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	entries map[quoteKey]quoteEntry
}

// NewQuoteCache gives an empty cache before a source.
func NewQuoteCache(source cart.Quoter) *QuoteCache {
	return &QuoteCache{source: source, now: time.Now, entries: map[quoteKey]quoteEntry{}}
}

// Quotes implements cart.Quoter.
func (q *QuoteCache) Quotes(ctx context.Context, currency string, skus []string) (map[string]cart.Quote, error) {
	out := make(map[string]cart.Quote, len(skus))
	missing := q.lookup(currency, skus, out)
	if len(missing) == 0 {
		return out, nil
	}
	slices.Sort(missing)
	answer := q.flight.DoChan(currency+" "+strings.Join(missing, " "), func() (any, error) {
		// The call serves everybody who waits: it must neither end with the
		// first one's request nor be made in that one's name.
		ctx, cancel := context.WithTimeout(caller.With(context.WithoutCancel(ctx), caller.Caller{}), quoteLimit)
		defer cancel()
		got, err := q.source.Quotes(ctx, currency, missing)
		if err == nil {
			q.remember(currency, got)
		}
		return got, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-answer:
		if r.Err != nil {
			return nil, r.Err
		}
		got, _ := r.Val.(map[string]cart.Quote)
		maps.Copy(out, got)
		return out, nil
	}
}

func (q *QuoteCache) lookup(currency string, skus []string, into map[string]cart.Quote) (missing []string) {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, sku := range skus {
		if e, ok := q.entries[quoteKey{currency, sku}]; ok && now.Before(e.until) {
			into[sku] = e.quote
		} else {
			missing = append(missing, sku)
		}
	}
	return missing
}

func (q *QuoteCache) remember(currency string, quotes map[string]cart.Quote) {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries)+len(quotes) > maxQuotes {
		maps.DeleteFunc(q.entries, func(_ quoteKey, e quoteEntry) bool { return !now.Before(e.until) })
	}
	if len(q.entries)+len(quotes) > maxQuotes {
		clear(q.entries)
	}
	for sku, quote := range quotes {
		q.entries[quoteKey{currency, sku}] = quoteEntry{quote: quote, until: now.Add(quoteTTL)}
	}
}
