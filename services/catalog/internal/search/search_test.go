package search

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search/index"
)

// shelf is a store of one bucket that counts what is read.
type shelf struct {
	held    map[string]Loaded
	marks   map[string]int64
	version int64
	fail    error
	loaded  []string
}

func (s *shelf) Index(context.Context) ([]Bucket, product.Categories, error) {
	marks := map[string]int64{}
	for id, m := range s.marks {
		marks[id] = m
	}
	return []Bucket{{Version: s.version, Marks: marks}}, product.Categories{{Slug: "z", Name: "Ábaco"}, {Slug: "a", Name: "Zumo"}}, s.fail
}

func (s *shelf) Load(_ context.Context, ids []string) (out []Loaded, err error) {
	s.loaded = append(s.loaded, ids...)
	for _, id := range ids {
		if l, ok := s.held[id]; ok {
			out = append(out, l)
		}
	}
	return out, s.fail
}

func (s *shelf) OwnersOf(context.Context, []string) ([]string, error) { return nil, s.fail }

func (s *shelf) put(p product.Product, inStock bool) {
	if s.held == nil {
		s.held, s.marks = map[string]Loaded{}, map[string]int64{}
	}
	p.Version = s.held[p.ID].Product.Version + 1
	s.held[p.ID] = Loaded{Product: p, InStock: map[string]bool{p.Variants[0].SKU: inStock}}
	s.marks[p.ID]++
	s.version++
}

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// thing makes a product that is n days old and costs cents (0: no euros).
func thing(id, name, category string, cents int64, n int) product.Product {
	prices := []money.Money{money.New(5, "JPY")}
	if cents > 0 {
		prices = append(prices, money.New(cents, "EUR"))
	}
	return product.Product{ID: id, CreatedAt: day.AddDate(0, 0, -n), Details: product.Details{
		Slug: "slug-" + id, Name: name, Category: category, Status: product.Published,
		Variants: []product.Variant{{SKU: "SKU-" + id, Name: "v", Prices: prices}},
	}}
}

func model(t *testing.T) (*Model, *shelf) {
	t.Helper()
	s := &shelf{}
	first := thing("1", "Café Molido", "coffee", 500, 3)
	first.Attributes = map[string]string{"colour": "rojo"}
	s.put(first, true)
	s.put(thing("2", "Taza de café", "ceramics", 900, 1), false)
	s.put(thing("3", "ÁRBOL de Té", "tea", 500, 2), true)
	s.put(thing("4", "zumo", "drinks", 0, 4), true)
	m := New(s, func(e *Entry, _ string, _ time.Time) ([]byte, time.Time) { return []byte(e.Product.Name), time.Time{} })
	require.NoError(t, m.Refresh(t.Context()))
	return m, s
}

func ids(entries []*Entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Product.ID)
	}
	return out
}

func TestList(t *testing.T) {
	yes, no := true, false
	m, _ := model(t)
	tests := []struct {
		name string
		q    Query
		want []string
	}{
		{"newest first", Query{Sort: "newest"}, []string{"2", "3", "1", "4"}},
		{"by name, accents and case apart", Query{Sort: "name"}, []string{"3", "1", "2", "4"}},
		{"by name, backwards", Query{Sort: "-name"}, []string{"4", "2", "1", "3"}},
		{"by price, equal ones by ID", Query{Sort: "price"}, []string{"1", "3", "2"}},
		{"by price, backwards", Query{Sort: "-price"}, []string{"2", "3", "1"}},
		{"by price in yen", Query{Sort: "price", Currency: "JPY"}, []string{"1", "2", "3", "4"}},
		{"by price in no currency", Query{Sort: "price", Currency: "CHF"}, nil},
		{"words without accents", Query{Text: "CAFE"}, []string{"2", "1"}},
		{"every word must be there", Query{Text: "caf mol"}, []string{"1"}},
		{"beginnings, not middles", Query{Text: "lido"}, nil},
		{"a typo", Query{Text: "moldio"}, []string{"1"}},
		{"another form of the word", Query{Text: "árboles"}, []string{"3"}},
		{"an attribute", Query{Attributes: []index.Attribute{{Name: "colour", Value: "rojo"}}}, []string{"1"}},
		{"a SKU", Query{Text: "sku-3"}, []string{"3"}},
		{"a category's word", Query{Text: "ceram"}, []string{"2"}},
		{"signs are no words", Query{Text: "-- !"}, []string{"2", "3", "1", "4"}},
		{"category", Query{Category: "tea"}, []string{"3"}},
		{"in stock", Query{InStock: &yes}, []string{"3", "1", "4"}},
		{"out of stock", Query{InStock: &no}, []string{"2"}},
		{"price range", Query{MinPrice: 501, MaxPrice: 900}, []string{"2"}},
		{"at most", Query{MaxPrice: 500}, []string{"3", "1"}},
		{"at most nothing", Query{MaxPrice: -0}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := tt.q
			if q.MaxPrice == 0 && tt.name != "at most nothing" {
				q.MaxPrice = -1
			}
			if q.Sort == "" {
				q.Sort = "newest"
			}
			if q.Currency == "" {
				q.Currency = "EUR"
			}
			for limit := 1; limit <= 5; limit++ { // whatever the page size, all pages make the same list
				q.Limit, q.Cursor = limit, ""
				var got []string
				for {
					p, err := m.List(q)
					require.NoError(t, err)
					got = append(got, ids(p.Entries)...)
					if q.Cursor = p.Next; p.Next == "" {
						break
					}
				}
				require.Equal(t, tt.want, got)
			}
		})
	}
}

// A cursor goes on behind what was seen, although that is gone and others
// have come before and after it.
func TestCursorIsStable(t *testing.T) {
	for _, sort := range []index.Sort{"newest", "name", "-name", "price", "-price"} {
		m, s := model(t)
		q := Query{Sort: sort, Currency: "EUR", MaxPrice: -1, Limit: 2}
		one, err := m.List(q)
		first := one.Entries
		require.NoError(t, err)
		rest := 2
		if sort == "price" || sort == "-price" {
			rest = 1
		}
		m.Hide(first[1].Product.ID)
		s.put(thing("5", "Abrigo", "x", 1, 0), true)
		s.put(thing("6", "zzz", "x", 9999, 9), true)
		require.NoError(t, m.Refresh(t.Context()))
		q.Cursor = one.Next
		two, err := m.List(q)
		require.NoError(t, err)
		second := two.Entries
		if q.Cursor = two.Next; two.Next != "" {
			three, err := m.List(q)
			require.NoError(t, err)
			second = append(second, three.Entries...)
		}
		got := ids(second)
		for _, e := range first {
			require.NotContains(t, got, e.Product.ID, sort)
		}
		require.Len(t, got, rest+1, "%s: the rest and the newcomer that sorts last: %v", sort, got)
	}
	m, _ := model(t)
	p, err := m.List(Query{Sort: "name", Currency: "EUR", MaxPrice: -1, Limit: 1})
	require.NoError(t, err)
	_, err = m.List(Query{Sort: "price", Currency: "EUR", MaxPrice: -1, Limit: 1, Cursor: p.Next})
	require.ErrorContains(t, err, "cursor")
}

// Only what is marked is read again, and what the sweep takes in turn.
func TestRefresh(t *testing.T) {
	m, s := model(t)
	for range 10 { // the sweep goes round
		require.NoError(t, m.Refresh(t.Context()))
	}
	for i := range 300 {
		s.put(thing(fmt.Sprintf("n%03d", i), "n", "x", 1, 1), true)
	}
	require.NoError(t, m.Refresh(t.Context()))
	s.loaded = nil
	require.NoError(t, m.Refresh(t.Context()))
	require.LessOrEqual(t, len(s.loaded), sweepStep)

	s.put(thing("1", "Otro", "coffee", 500, 3), false)
	delete(s.held, "2")
	delete(s.marks, "2")
	draft := thing("3", "x", "x", 1, 1)
	draft.Status = product.Draft
	s.put(draft, true)
	require.NoError(t, m.Refresh(t.Context()))
	require.Equal(t, "Otro", string(m.Detail("1").Detail("", day)))
	require.False(t, m.Detail("slug-1").AnyInStock())
	require.Nil(t, m.Detail("2"))
	require.Nil(t, m.Detail("3"))
	require.Equal(t, "Ábaco", m.Categories()[0].Name)

	// A failure changes nothing, and the next refresh makes it good.
	s.put(thing("1", "Third", "coffee", 500, 3), false)
	s.fail = errors.New("away")
	require.Error(t, m.Refresh(t.Context()))
	require.Equal(t, "Otro", string(m.Detail("1").Detail("", day)))
	s.fail = nil
	require.NoError(t, m.Refresh(t.Context()))
	require.Equal(t, "Third", string(m.Detail("1").Detail("", day)))

	// A product that took the ID of one that is gone.
	again := thing("1", "Again", "coffee", 500, 0)
	delete(s.held, "1")
	s.put(again, true)
	require.NoError(t, m.Refresh(t.Context()))
	require.Equal(t, "Again", string(m.Detail("1").Detail("", day)))
}

// Readers go on undisturbed while products and stock change. For the race
// detector.
func TestReadersAndWriters(t *testing.T) {
	m, s := model(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = m.List(Query{Sort: "price", Currency: "EUR", MaxPrice: -1, Limit: 3})
				m.Detail("1").AnyInStock()
				_, _ = m.Offers(context.Background(), []string{"SKU-1", "none"})
			}
		}
	}()
	for i := range 200 {
		m.ShowStock("SKU-1", inventory.Availability{InStock: i%2 == 0})
		s.put(thing("2", "n"+strconv.Itoa(i), "x", int64(1+i), 1), true)
		require.NoError(t, m.Refresh(t.Context()))
	}
	close(stop)
	<-done
}

// However long a name is, the cursor stays within what the contract takes.
func TestCursorOfLongNames(t *testing.T) {
	m, s := model(t)
	s.put(thing("0198d2a0-3333-7000-8000-000000000001", strings.Repeat("<", 200), "x", 1, 1), true)
	s.put(thing("0198d2a0-3333-7000-8000-000000000002", strings.Repeat("<", 200), "x", 1, 1), true)
	require.NoError(t, m.Refresh(t.Context()))
	p, err := m.List(Query{Sort: "name", Currency: "EUR", MaxPrice: -1, Limit: 1, Text: "x"})
	require.NoError(t, err)
	require.NotEmpty(t, p.Next)
	require.LessOrEqual(t, len(p.Next), 512)
}
