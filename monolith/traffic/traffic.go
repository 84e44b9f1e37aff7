// Package traffic is the customers and the staff of the legacy shop, who keep writing
// while it is moved, and the ledger of what the shop has acknowledged to them.
package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	answerTime = 10 * time.Second // how long a write may take to be answered
	maxAnswer  = 4 << 20          // bytes
)

// Options say who writes where.
type Options struct {
	URL       string       // of the shop, without a slash at the end
	Client    *http.Client // nil: one of its own
	Rate      float64      // writes a second, of all lanes together; 0: as fast as they are answered
	Writes    int          // so many of each lane; 0: until the context ends
	Lanes     int          // writers at the same time; 0: 4
	Seed      uint64       //
	Run       string       // letters and digits that no other run at this database has
	Customers int64        // who can buy and move house beside those who register meanwhile: IDs from 1 to this one
}

// shelf is a product on sale as the list shows it.
type shelf struct {
	Slug string   `json:"slug"`
	SKUs []string `json:"skus"`
}

// writer is all lanes together.
type writer struct {
	Options
	ledger  *Ledger
	limiter *rate.Limiter
	skus    []string // of the whole shop as it was at first
}

// Run writes until ctx ends, or each lane has made its writes. A write that has begun is
// waited for, so that its outcome is known. The lanes share nothing but what is in stock:
// each has customers, orders, products and prices of its own, and makes the same writes
// for the same seed as long as it gets the same answers. The error says why it could not begin.
func Run(ctx context.Context, o Options, ledger *Ledger) error {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: answerTime}
	}
	if o.Lanes == 0 {
		o.Lanes = 4
	}
	w := &writer{Options: o, ledger: ledger, limiter: rate.NewLimiter(rate.Inf, 1)}
	if o.Rate > 0 {
		w.limiter = rate.NewLimiter(rate.Limit(o.Rate), 1)
	}
	all, err := w.catalog(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("traffic: the shop sells nothing")
	}
	lanes := make([]*lane, o.Lanes)
	for i := range lanes {
		lanes[i] = &lane{writer: w, number: i, rand: rand.New(rand.NewPCG(o.Seed, uint64(i)))} //nolint:gosec // a small number
		for id := int64(1 + i); id <= o.Customers; id += int64(o.Lanes) {
			lanes[i].customers = append(lanes[i].customers, id)
		}
	}
	for i, p := range all {
		w.skus = append(w.skus, p.SKUs...)
		lanes[i%o.Lanes].products = append(lanes[i%o.Lanes].products, p)
	}
	var wg sync.WaitGroup
	for _, l := range lanes {
		wg.Go(func() { l.run(ctx) })
	}
	wg.Wait()
	return nil
}

// catalog reads what is on sale, as a browser would. What has a SKU that cannot stand in
// a path is left alone: it cannot be moved, nor could an order of it.
func (w *writer) catalog(ctx context.Context) (all []shelf, err error) {
	for cursor := ""; ; {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/v1/products?limit=100&sort=name&cursor="+url.QueryEscape(cursor), nil)
		if err != nil {
			return nil, fmt.Errorf("traffic: %w", err)
		}
		var page struct {
			Items      []shelf `json:"items"`
			NextCursor string  `json:"next_cursor"`
		}
		status, b, err := w.answer(r)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, b)
		}
		if err == nil {
			err = json.Unmarshal(b, &page)
		}
		if err != nil {
			return nil, fmt.Errorf("traffic: what the shop sells: %w", err)
		}
		for _, p := range page.Items {
			if !slices.ContainsFunc(p.SKUs, func(sku string) bool { return url.PathEscape(sku) != sku }) {
				all = append(all, p)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// send makes a write, even if ctx ends meanwhile, and reads an acknowledged one's answer
// into out, unless that is nil.
func (w *writer) send(ctx context.Context, method, path string, body any, key string, out any) Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	b, err := json.Marshal(body)
	if err != nil {
		return refused // it was never sent
	}
	r, err := http.NewRequestWithContext(ctx, method, w.URL+path, bytes.NewReader(b))
	if err != nil {
		return refused
	}
	r.GetBody = nil // nobody but us may send it twice
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	status, b, err := w.answer(r)
	switch {
	case err != nil || status >= http.StatusInternalServerError || status < http.StatusOK:
		return Unknown
	case status >= http.StatusMultipleChoices:
		return refused
	case out != nil && json.Unmarshal(b, out) != nil:
		return Unknown
	}
	return Acknowledged
}

func (w *writer) answer(r *http.Request) (status int, body []byte, err error) {
	res, err := w.Client.Do(r) //nolint:gosec // the shop that the caller names
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, body, errors.Join(err, res.Body.Close())
}
