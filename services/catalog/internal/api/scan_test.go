package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/state/statetest"
)

// wares changes a catalog at random through two replicas, and knows what it is.
type wares struct {
	*rand.Rand
	t        *testing.T
	replicas [2]*shop
	all      []ware
	made     int
	behind   bool // a draft has been published: what stock it has is not known at once
}

// TestListsAgainstAScan changes products, their status, prices and stock at random
// through either of two replicas. What each of them lists, counts and finds is what a
// scan of all products gives: at once where it was changed, and in the other after its
// next look at the store.
func TestListsAgainstAScan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	store, published := statetest.NewMemory(), &event.Memory{}
	c := &wares{Rand: rand.New(rand.NewPCG(seed, 28)), t: t, replicas: [2]*shop{openOver(t, store, published), openOver(t, store, published)}}
	for i := range 3 {
		c.replicas[0].call(201, manager, "POST", "/v1/categories", map[string]any{"slug": fmt.Sprint("zzz-", i), "name": "Zzz"})
	}
	found, mistyped := 0, 0
	for range 60 {
		at := c.IntN(2)
		c.behind = false
		for range 1 + c.IntN(4) {
			c.change(c.replicas[at])
		}
		if c.behind || c.IntN(3) > 0 { // else it is asked before it has looked anywhere
			require.NoError(t, c.replicas[at].shown.Refresh(t.Context()))
		}
		require.NoError(t, c.replicas[1-at].shown.Refresh(t.Context()))
		for range 4 {
			q := c.query()
			want, facets := q.scan(c.all)
			for _, s := range c.replicas {
				got, counted := s.pages(q.path())
				require.Equal(t, want, got, "%s", q.path())
				require.Equal(t, facets, counted, "%s", q.path())
			}
			if found += len(want); q.typed != q.word {
				mistyped += len(want)
			}
		}
	}
	require.Greater(t, found, 0, "the questions must find something")
	require.Greater(t, mistyped, 0, "some of them by their typos")
}

// pages gives the slugs of all pages, and the counts of the first.
func (s *shop) pages(path string) (slugs []string, f facetsView) {
	s.t.Helper()
	cursor := ""
	for {
		var page struct {
			foundBody
			Next string `json:"next_cursor"`
		}
		s.call(200, nobody, "GET", path+cursor, nil).JSON(s.t, &page)
		if cursor == "" {
			f = *page.Facets
		}
		for _, i := range page.Items {
			slugs = append(slugs, i.Slug)
		}
		if page.Next == "" {
			require.Len(s.t, slugs, page.Total)
			return slugs, f
		}
		cursor = "&cursor=" + url.QueryEscape(page.Next)
	}
}

// takes sends one line, which has to be taken.
func (s *shop) takes(who caller.Caller, path string, line any) {
	s.t.Helper()
	b, err := json.Marshal(line)
	require.NoError(s.t, err)
	a := s.Do(s.t, contracttest.Request{Method: "POST", Path: path, As: who, Body: b, ContentType: contract.NDJSON})
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
	require.Contains(s.t, string(a.Body), `"accepted":1`, "%s", b)
}

func (c *wares) text() string {
	words := make([]string, 1+c.IntN(3))
	for i := range words {
		words[i] = wareWords[c.IntN(len(wareWords)/2)]
	}
	return strings.Join(words, " ")
}

func (c *wares) ware() ware {
	c.made++
	w := ware{slug: fmt.Sprint("qqq-", c.made), attributes: map[string]string{}}
	for i := range 1 + c.IntN(3) {
		w.variants = append(w.variants, wareVariant{sku: fmt.Sprintf("QQQ-%d-%d", c.made, i)})
	}
	c.restate(&w)
	return w
}

// restate gives the product other texts, prices and attributes.
func (c *wares) restate(w *ware) {
	w.name, w.description, w.category = c.text(), c.text(), fmt.Sprint("zzz-", c.IntN(3))
	w.published = c.IntN(5) > 0
	w.attributes = map[string]string{}
	if c.IntN(3) > 0 {
		w.attributes["colour"] = wareWords[len(wareWords)/2+c.IntN(len(wareWords)/2)]
	}
	for i := range w.variants {
		v := &w.variants[i]
		v.size = fmt.Sprint("x", i+c.IntN(2))
		v.prices = map[string]int64{"EUR": int64(1 + c.IntN(3000))}
		if c.IntN(2) == 0 {
			v.prices["USD"] = int64(1 + c.IntN(3000))
		}
	}
}

// change makes one change through a replica.
func (c *wares) change(s *shop) {
	if len(c.all) == 0 || c.IntN(4) == 0 && len(c.all) < 40 {
		c.add(s)
		return
	}
	i := c.IntN(len(c.all))
	w := &c.all[i]
	switch c.IntN(5) {
	case 0:
		s.call(204, manager, "DELETE", "/v1/products/"+w.id, nil)
		c.all = slices.Delete(c.all, i, i+1)
	case 1:
		was := w.published
		c.restate(w)
		c.behind = c.behind || w.published && !was
		s.call(200, manager, "PUT", "/v1/products/"+w.id, w.body())
	case 2:
		v := &w.variants[c.IntN(len(w.variants))]
		v.prices["EUR"] = int64(1 + c.IntN(3000))
		s.takes(manager, "/v1/price-updates", map[string]any{"sku": v.sku, "currency": "EUR", "amount": v.prices["EUR"]})
	default:
		v := &w.variants[c.IntN(len(w.variants))]
		v.onHand = c.IntN(2) * c.IntN(9)
		s.call(200, manager, "PATCH", "/v1/inventory/"+v.sku, map[string]any{"on_hand": v.onHand, "reason": "counted"})
	}
}

// add takes a product in, by its route or by the import.
func (c *wares) add(s *shop) {
	w := c.ware()
	var made struct {
		ID      string
		Created time.Time `json:"created_at"`
	}
	if c.IntN(2) == 0 {
		s.call(201, manager, "POST", "/v1/products", w.body()).JSON(c.t, &made)
	} else {
		w.published = true // so that it can be asked for
		line := w.body()
		for i, v := range line["variants"].([]any) {
			w.variants[i].onHand = c.IntN(3)
			v.(map[string]any)["stock"] = w.variants[i].onHand
		}
		s.takes(gateway, "/internal/v1/import/products", line)
		s.call(200, nobody, "GET", "/v1/products/"+w.slug, nil).JSON(c.t, &made)
	}
	w.id, w.created = made.ID, made.Created
	c.all = append(c.all, w)
}

func (c *wares) query() wareQuery {
	q := wareQuery{currency: []string{"EUR", "USD"}[c.IntN(2)], limit: 1 + c.IntN(20),
		sort: []string{"relevance", "newest", "name", "-name", "price", "-price"}[c.IntN(6)]}
	switch c.IntN(3) {
	case 0:
		q.word = wareWords[c.IntN(len(wareWords))]
		q.typed = q.word
	case 1:
		q.word = wareWords[c.IntN(len(wareWords))]
		q.typed = q.word[:2] + q.word[3:] // a letter is missing
	}
	if c.IntN(3) == 0 {
		q.category = fmt.Sprint("zzz-", c.IntN(4))
	}
	for range c.IntN(3) {
		q.colour = append(q.colour, wareWords[c.IntN(len(wareWords))])
	}
	if c.IntN(3) == 0 {
		q.least = int64(1 + c.IntN(2000))
	}
	if c.IntN(3) == 0 {
		q.most = int64(500 + c.IntN(2500))
	}
	if c.IntN(3) == 0 {
		in := c.IntN(2) == 0
		q.inStock = &in
	}
	return q
}
