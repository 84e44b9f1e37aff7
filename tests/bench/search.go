package main

import (
	"context"
	"net/http"
	"net/url"
)

// searches are the cases, each with the questions that it asks in turn.
var searches = []struct {
	name      string
	clients   int
	perSecond float64 // of all clients together; 0: as many as they can
	asks      []url.Values
}{
	{"search: 100/s", 16, 100, mixed},
	{"search: 100/s, lists and filters alone", 16, 100, []url.Values{{"sort": {"price"}}, {"category": {"shelf-7"}}, {"in_stock": {"true"}, "max_price": {"5000"}}, {}}},
	{"search: one client", 1, 0, mixed},
	{"search: 16 clients", 16, 0, mixed},
	{"search: 16 clients, lists alone", 16, 0, []url.Values{{"sort": {"price"}}, {"category": {"shelf-7"}}, {}}},
	{"search: 16 clients, facets of a category", 16, 0, []url.Values{{"category": {"shelf-7"}, "facets": {everyFacet}}}},
	{"search: 16 clients, suggestions", 16, 0, nil},
}

const everyFacet = "category,price,availability,attributes"

var mixed = []url.Values{
	{"q": {"camisa"}}, {"q": {"camisas de algodón"}, "facets": {everyFacet}}, {"q": {"zaptos"}}, {"q": {"shirt cotton"}, "sort": {"price"}},
	{"q": {"cami"}, "facets": {"category,price"}}, {"q": {"running wrench"}, "in_stock": {"true"}}, {"category": {"shelf-3"}, "facets": {everyFacet}},
	{"q": {"destorniladro"}, "max_price": {"20000"}}, {"attributes": {"colour:rojo,size:M"}, "category": {"shelf-12"}}, {"sort": {"name"}},
}

// search measures the answers of a replica, whose process is pid, at its own
// door.
func (d door) search(ctx context.Context, m *meter, r *Report, pid int) error {
	at := *m
	for _, x := range searches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !m.only.MatchString(x.name) {
			continue
		}
		at.spread = x.perSecond > 0
		at.connections, at.perSecond, at.processes = x.clients, x.perSecond, map[string]int{"catalog": pid}
		if err := r.add(at.run(x.name, 0, noCounts, d.ask(x.asks))); err != nil {
			return err
		}
	}
	return nil
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
