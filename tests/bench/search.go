package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"tienda/internal/caller"
	"tienda/tests/bench/goods"
	"tienda/tests/shop"
)

// The large catalog: what is sold in it is the same for each run.
const (
	searchSeed  = 7
	searchChunk = 100 // lines of an import request
	searchLimit = 2 * time.Minute
)

// Catalog is what a replica of catalog needs for a large catalog.
type Catalog struct {
	Products int     `json:"products"`
	SKUs     int     `json:"skus"`
	Import   float64 `json:"import_per_second"` // products
	Ready    float64 `json:"ready_s"`           // from the kill of the replica, with the start of its successor
	CPU      float64 `json:"ready_cpu_s"`       // of the replica until then
	MemoryMB float64 `json:"memory_mb"`         // resident, after the searches
}

// searches are the cases, each with the questions that it asks in turn.
var searches = []struct {
	name    string
	clients int
	asks    []url.Values
}{
	{"search: one client", 1, mixed},
	{"search: 16 clients", 16, mixed},
	{"search: 16 clients, lists alone", 16, []url.Values{{"sort": {"price"}}, {"category": {"shelf-7"}}, {}}},
	{"search: 16 clients, facets of a category", 16, []url.Values{{"category": {"shelf-7"}, "facets": {everyFacet}}}},
	{"search: 16 clients, suggestions", 16, nil},
}

const everyFacet = "category,price,availability,attributes"

var mixed = []url.Values{
	{"q": {"camisa"}}, {"q": {"camisas de algodón"}, "facets": {everyFacet}}, {"q": {"zaptos"}}, {"q": {"shirt cotton"}, "sort": {"price"}},
	{"q": {"cami"}, "facets": {"category,price"}}, {"q": {"running wrench"}, "in_stock": {"true"}}, {"category": {"shelf-3"}, "facets": {everyFacet}},
	{"q": {"destorniladro"}, "max_price": {"20000"}}, {"attributes": {"colour:rojo,size:M"}, "category": {"shelf-12"}}, {"sort": {"name"}},
}

// measureSearch fills a shop with a large catalog, kills the replica of catalog,
// and measures how long its successor takes to be ready, and its answers at its
// own door.
func measureSearch(ctx context.Context, m *meter, r *Report, products int, bin, dir string) error {
	wanted := false
	for _, x := range searches {
		wanted = wanted || m.only.MatchString(x.name)
	}
	if !wanted || products == 0 {
		return nil
	}
	fmt.Println("== a catalog of", products, "products")
	s, err := shop.Start(ctx, shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), NoSeed: true})
	if err != nil {
		return err
	}
	defer s.Stop()
	tokens, err := s.Tokens()
	if err != nil {
		return err
	}
	c := &Catalog{Products: products}
	d := door{client(2 * m.connections), s, tokens["APP_API_TOKEN"]}
	if err := d.fill(ctx, c); err != nil {
		return err
	}
	pid, err := d.restart(ctx, c)
	if err != nil {
		return err
	}
	at := *m
	for _, x := range searches {
		if !m.only.MatchString(x.name) {
			continue
		}
		at.connections, at.processes = x.clients, map[string]int{"catalog": pid}
		if err := r.add(at.run(x.name, 0, noCounts, d.ask(x.asks))); err != nil {
			return err
		}
	}
	c.MemoryMB = residentMB([]int{pid})
	r.Catalog = c
	fmt.Printf("   %d products, %d SKUs: imported at %.0f/s, ready after %.1f s and %.1f s of CPU, %.0f MB\n",
		c.Products, c.SKUs, c.Import, c.Ready, c.CPU, c.MemoryMB)
	return nil
}

// door is that of the one replica of catalog.
type door struct {
	http  *fasthttp.Client
	shop  *shop.Shop
	token string
}

func (d door) address() string {
	return "http://127.0.0.1:" + strconv.Itoa(d.shop.Of("catalog")[0].Port)
}

func (d door) fill(ctx context.Context, c *Catalog) error {
	began := time.Now()
	var lines bytes.Buffer
	n := 0
	for p := range goods.Make(searchSeed, c.Products) {
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		_, _ = lines.Write(append(line, '\n'))
		c.SKUs += len(p.Variants)
		if n++; n%searchChunk == 0 || n == c.Products {
			if err := d.load(ctx, lines.String()); err != nil {
				return err
			}
			lines.Reset()
		}
	}
	c.Import = float64(c.Products) / time.Since(began).Seconds()
	return nil
}

func (d door) load(ctx context.Context, lines string) error {
	b, err := send(ctx, d.http, http.MethodPost, d.address()+"/internal/v1/import/products", lines,
		caller.HeaderApp, "gateway", "dapr-api-token", d.token, "Content-Type", "application/x-ndjson")
	if err != nil {
		return err
	}
	var report struct {
		Rejected int `json:"rejected"`
	}
	if err := json.Unmarshal(b, &report); err != nil {
		return err
	}
	if report.Rejected > 0 {
		return fmt.Errorf("%d products are rejected: %.300s", report.Rejected, b)
	}
	return nil
}

// restart kills the replica and waits for its successor.
func (d door) restart(ctx context.Context, c *Catalog) (pid int, err error) {
	before := d.shop.Of("catalog")[0].PID
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		return 0, err
	}
	began := time.Now()
	for time.Since(began) < searchLimit {
		time.Sleep(50 * time.Millisecond)
		if err := d.shop.Reload(); err != nil {
			return 0, err
		}
		if pid = d.shop.Of("catalog")[0].PID; pid == before {
			continue
		}
		if _, err := send(ctx, d.http, http.MethodGet, d.address()+"/readyz", ""); err == nil {
			c.Ready, c.CPU = time.Since(began).Seconds(), processSeconds(pid)
			return pid, nil
		}
	}
	return 0, errors.New("the replica of catalog is not ready again")
}

// ask gives an operation that asks each question in turn; nil: for suggestions.
func (d door) ask(questions []url.Values) operation {
	paths := []string{"/v1/products/suggestions?q=cam", "/v1/products/suggestions?q=camisa+al", "/v1/products/suggestions?q=z", "/v1/products/suggestions?q=zaptos"}
	if questions != nil {
		paths = nil
	}
	for _, q := range questions {
		paths = append(paths, "/v1/products?"+q.Encode())
	}
	next := make(chan int, 1)
	next <- 0
	return func(ctx context.Context, _ int) error {
		i := <-next
		next <- i + 1
		_, err := send(ctx, d.http, http.MethodGet, d.address()+paths[i%len(paths)], "", "dapr-api-token", d.token)
		return err
	}
}
