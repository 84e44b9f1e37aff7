package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tienda/tests/bench/goods"
	"tienda/tests/customer"
	"tienda/tests/history"
)

const (
	goodsSeed = 7
	plenty    = 1_000_000 // pieces of a SKU
	few       = 5         // of those that sell out
	fewEach   = 100       // one SKU in so many is of these
	chunk     = 500       // lines of an import
)

// product is what customers look at and buy.
type product struct {
	id, category, word string
	skus               []string
}

// seed puts products on sale: the same ones for the same number. It is for a shop
// of its own.
func seed(ctx context.Context, w *web, manager *customer.Account, n int) ([]product, []history.Good, error) {
	var out []product
	var all []history.Good
	var body bytes.Buffer
	waiting := 0
	flush := func() error {
		if waiting == 0 {
			return nil
		}
		a := w.send(ctx, http.MethodPost, "/v1/imports/products", body.Bytes(), "Authorization", manager.Bearer(ctx))
		var report struct{ Accepted, Rejected int }
		if a.Into(&report); a.class() != OK || report.Accepted != waiting {
			return fmt.Errorf("products: %s, %d of %d taken: %.300s", a, report.Accepted, waiting, a.Body)
		}
		body.Reset()
		waiting = 0
		return nil
	}
	for p := range goods.Make(goodsSeed, n) {
		made := product{id: p.Slug, category: p.Category, word: strings.ToLower(strings.Fields(p.Name)[0])}
		for i := range p.Variants {
			v := &p.Variants[i]
			if v.Stock = plenty; len(all)%fewEach == fewEach-1 {
				v.Stock = few
			}
			made.skus = append(made.skus, v.SKU)
			all = append(all, history.Good{SKU: v.SKU, Initial: v.Stock, Price: v.Prices[0].Amount})
		}
		line, err := json.Marshal(p)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, made)
		_, _ = body.Write(append(line, '\n'))
		if waiting++; waiting == chunk {
			if err := flush(); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, nil, err
	}
	return out, all, seen(ctx, w, out[len(out)-1].id)
}

// seen waits until all replicas of catalog show a product.
func seen(ctx context.Context, w *web, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for inARow := 0; inARow < 10; {
		a := w.send(ctx, http.MethodGet, fmt.Sprintf("/v1/products/%s", id), nil)
		if inARow++; a.class() != OK {
			inARow = 0
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("the products are not shown: %s", a)
		}
	}
	return nil
}

// listed takes what a shop sells that was filled by others: at most so many of
// the products that it lists as in stock.
func listed(ctx context.Context, w *web, most int) ([]product, error) {
	var out []product
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				Slug     string   `json:"slug"`
				Name     string   `json:"name"`
				Category string   `json:"category"`
				SKUs     []string `json:"skus"`
			} `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		a := w.send(ctx, http.MethodGet, "/v1/products?in_stock=true&currency=EUR&limit=100&cursor="+url.QueryEscape(cursor), nil)
		if a.Into(&page); a.class() != OK {
			return nil, fmt.Errorf("what the shop sells: %s: %.200s", a, a.Body)
		}
		for _, p := range page.Items {
			if words := strings.Fields(p.Name); len(p.SKUs) > 0 && len(words) > 0 {
				out = append(out, product{id: p.Slug, category: p.Category, word: strings.ToLower(words[0]), skus: p.SKUs})
			}
		}
		if cursor = page.NextCursor; cursor == "" || len(out) >= most {
			break
		}
	}
	if len(out) < fullCart {
		return nil, fmt.Errorf("the shop lists %d products in stock, and a cart takes %d", len(out), fullCart)
	}
	return out, nil
}
