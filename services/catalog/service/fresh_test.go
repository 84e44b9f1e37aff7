package service

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// newest is how old at most what a replica shows may be.
const newest = 2 * time.Second

// replica is the service, wired as its main wires it, with its background work.
type replica struct {
	*contracttest.Server
	t *testing.T
}

func start(ctx context.Context, t *testing.T, store state.Store) replica {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c, err := contract.Load(contracts.FS, AppID)
	require.NoError(t, err)
	built, err := Build(ctx, app.Deps{Log: log, DB: state.Open(store, &event.Memory{}, log), Contract: c})
	require.NoError(t, err)
	go func() { _ = app.Run(ctx, built.Parts...) }()
	return replica{contracttest.New(t, AppID, built.Routes), t}
}

func (r replica) do(method, path string, body any) contracttest.Answer {
	r.t.Helper()
	in := contracttest.Request{Method: method, Path: path, Body: body}
	if method != "GET" {
		in.As = caller.Caller{UserID: "0198d2a0-1111-7000-8000-00000000000a", Roles: []caller.Role{caller.CatalogManager}}
	}
	if path == "/v1/price-updates" || path == "/v1/stock-updates" {
		in.ContentType = contract.NDJSON
	}
	a := r.Do(r.t, in)
	require.Less(r.t, a.Status, 300, "%s %s: %s", method, path, a.Body)
	return a
}

// shown is what a replica lists of one category: names, and the counts.
type shown struct {
	Items []struct {
		Name string
	}
	Total  int
	Facets struct {
		Prices []struct {
			Min int64 `json:"min_price"`
		}
		Availability struct {
			In  int `json:"in_stock"`
			Out int `json:"out_of_stock"`
		}
		Attributes []struct {
			Values []struct{ Value string }
		}
	}
}

func (r replica) finds(word string) string {
	r.t.Helper()
	var s shown
	a := r.do("GET", "/v1/products?facets=price,availability,attributes&q="+url.QueryEscape(word), nil)
	require.NoError(r.t, json.Unmarshal(a.Body, &s))
	out := fmt.Sprintf("%d:", s.Total)
	for _, i := range s.Items {
		out += " " + i.Name
	}
	out += fmt.Sprintf(" %d/%d", s.Facets.Availability.In, s.Facets.Availability.Out)
	for _, p := range s.Facets.Prices {
		out += fmt.Sprintf(" from %d", p.Min)
	}
	for _, a := range s.Facets.Attributes {
		out += " " + a.Values[0].Value
	}
	return out
}

// Whatever is changed through one replica is found, counted and no longer found in
// the other within two seconds, by the clock that the service's own background work
// runs on.
func TestEveryReplicaIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		here, there := start(ctx, t, store), start(ctx, t, store)
		synctest.Wait()
		thing := func(name, status, colour string) map[string]any {
			return map[string]any{"slug": "thing", "name": name, "category": "things", "status": status, "attributes": map[string]any{"colour": colour},
				"variants": []any{map[string]any{"sku": "THING-1", "name": "v", "prices": []any{map[string]any{"amount": 150, "currency": "EUR"}}}}}
		}
		here.do("POST", "/v1/categories", map[string]any{"slug": "things", "name": "Things"})
		var made struct{ ID string }
		require.NoError(t, json.Unmarshal(here.do("POST", "/v1/products", thing("Kimono", "draft", "red")).Body, &made))
		path := "/v1/products/" + made.ID
		steps := []struct {
			what   string
			change func()
			want   string // of a search for kimono
		}{
			{"a draft", func() {}, "0: 0/0"},
			{"is published", func() { here.do("PUT", path, thing("Kimono", "published", "red")) }, "1: Kimono 0/1 from 100 red"},
			{"has stock", func() {
				here.do("POST", "/v1/stock-updates", `{"sku":"THING-1","on_hand":2,"reason":"delivery"}`)
			}, "1: Kimono 1/0 from 100 red"},
			{"is renamed and dyed", func() { here.do("PUT", path, thing("Kimono fino", "published", "blue")) }, "1: Kimono fino 1/0 from 100 blue"},
			{"costs more", func() {
				here.do("POST", "/v1/price-updates", `{"sku":"THING-1","currency":"EUR","amount":700}`)
			}, "1: Kimono fino 1/0 from 500 blue"},
			{"is sold out", func() {
				here.do("PATCH", "/v1/inventory/THING-1", map[string]any{"on_hand": 0, "reason": "counted"})
			}, "1: Kimono fino 0/1 from 500 blue"},
			{"is withdrawn", func() { here.do("PUT", path, thing("Kimono", "draft", "red")) }, "0: 0/0"},
			{"is back", func() { here.do("PUT", path, thing("Kimono", "published", "red")) }, "1: Kimono 0/1 from 100 red"},
			{"is called something else", func() { here.do("PUT", path, thing("Farolito", "published", "red")) }, "0: 0/0"},
			{"is called a kimono again", func() { here.do("PUT", path, thing("Kimono", "published", "red")) }, "1: Kimono 0/1 from 100 red"},
			{"is gone", func() { here.do("DELETE", path, nil) }, "0: 0/0"},
		}
		for i, s := range steps {
			time.Sleep(time.Duration(i) * 137 * time.Millisecond) // at another moment of the other's second
			s.change()
			if i > 1 { // what stock a new one has is read with the rest
				require.Equal(t, s.want, here.finds("kimono"), "where it was changed, at once: %s", s.what)
			}
			time.Sleep(newest)
			for _, r := range []replica{here, there} {
				require.Equal(t, s.want, r.finds("kimono"), s.what)
			}
		}
	})
}
