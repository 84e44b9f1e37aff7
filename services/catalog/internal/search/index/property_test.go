package index

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chance makes catalogs and questions of few different words, values and
// prices, so that they meet.
type chance struct{ *rand.Rand }

var vocabulary = strings.Fields(`camisa camisas camión camiones camion Café bolsa bolsas habitación habitaciones
	niño niña niños algodón rojo roja rojos azul taza tazas shirt shirts running run runs runner organic organically
	pantalón pantalones y de ÁRBOL straße ça 42 sku a b zz`)

func (c chance) word() string { return vocabulary[c.IntN(len(vocabulary))] }

func (c chance) text(n int) string {
	out := make([]string, c.IntN(n+1))
	for i := range out {
		out[i] = c.word()
	}
	return strings.Join(out, []string{" ", "-", ", "}[c.IntN(3)])
}

// mistyped changes some letters of a word.
func (c chance) mistyped(w string) string {
	r := []rune(w)
	for range c.IntN(4) {
		if len(r) < 2 {
			break
		}
		i := c.IntN(len(r) - 1)
		switch c.IntN(4) {
		case 0:
			r[i], r[i+1] = r[i+1], r[i]
		case 1:
			r = append(r[:i], r[i+1:]...)
		case 2:
			r[i] = 'x'
		case 3:
			r = append(r[:i], append([]rune{'q'}, r[i:]...)...)
		}
	}
	return string(r)
}

func (c chance) value() string {
	if c.IntN(20) == 0 {
		return strings.Repeat("long ", 25)
	}
	return c.word()
}

func (c chance) document(id string) Document {
	d := Document{
		ID: id, SKUs: []string{"SKU-" + id}, InStock: c.IntN(2) == 0, SortName: c.word(),
		Created: time.Unix(int64(c.IntN(20)), 0), Prices: map[string]int64{}, Attributes: map[string][]string{},
	}
	for range 1 + c.IntN(2) {
		d.Texts = append(d.Texts, Text{[]string{"", "es", "en"}[c.IntN(3)], c.text(3), c.text(6)})
	}
	for i := range c.IntN(3) {
		d.Categories = append(d.Categories, fmt.Sprintf("shelf-%d", 3*i+c.IntN(3)))
	}
	if c.IntN(10) == 0 { // more than a line has
		for i := range 20 {
			d.Attributes[fmt.Sprint("a", i)] = []string{c.value()}
		}
	}
	for _, name := range []string{"colour", "size", "brand"} {
		seen := map[string]bool{}
		for range c.IntN(3) {
			if v := c.value(); !seen[v] {
				seen[v] = true
				d.Attributes[name] = append(d.Attributes[name], v)
			}
		}
	}
	for _, currency := range []string{"EUR", "USD"} {
		if c.IntN(5) > 0 {
			d.Prices[currency] = int64(1 + c.IntN(30))
		}
	}
	return d
}

func (c chance) query() Query {
	q := Query{
		Currency: []string{"EUR", "USD", "CHF"}[c.IntN(3)], MaxPrice: -1, Limit: 1 + c.IntN(7),
		Sort:   []Sort{Relevance, Newest, Name, NameDown, Price, PriceDown}[c.IntN(6)],
		Facets: Facets{true, true, true, true},
	}
	switch c.IntN(4) {
	case 0:
	case 1: // nothing else, so that typos find something
		q.Text = c.mistyped(vocabulary[c.IntN(15)])
		return q
	case 2:
		w := []rune(c.word())
		q.Text = string(w[:1+c.IntN(len(w))])
	default:
		q.Text = c.text(3) + " " + c.mistyped(c.word())
	}
	if c.IntN(3) == 0 {
		q.Category = fmt.Sprintf("shelf-%d", c.IntN(6))
	}
	if c.IntN(3) == 0 {
		q.MinPrice = int64(c.IntN(20))
	}
	if c.IntN(3) == 0 {
		q.MaxPrice = int64(c.IntN(30))
	}
	if c.IntN(3) == 0 {
		in := c.IntN(2) == 0
		q.InStock = &in
	}
	for range c.IntN(3) {
		q.Attributes = append(q.Attributes, Attribute{[]string{"colour", "size", "brand"}[c.IntN(3)], c.value()})
	}
	return q
}

// change does the same to the index and to what is scanned.
func (c chance) change(t *testing.T, x *Index, n *naive) {
	id := fmt.Sprintf("p%02d", c.IntN(60))
	switch c.IntN(8) {
	case 0, 1:
		x.Delete(id, "none", id)
		delete(n.docs, id)
		delete(n.fields, id)
	case 2:
		if d, ok := n.docs[id]; ok {
			d.InStock = !d.InStock
			n.put(d)
			x.SetStock(id, d.InStock)
		}
	case 3:
		require.NoError(t, x.Tidy())
	default:
		var batch []Document
		for range 1 + c.IntN(2*few) {
			d := c.document(fmt.Sprintf("p%02d", c.IntN(60)))
			batch = append(batch, d)
			n.put(d)
		}
		x.Put(batch...)
	}
}

func seeded(t *testing.T, seed uint64) (chance, *Index, *naive) {
	t.Helper()
	x := New()
	x.recent = 5
	t.Logf("seed %d", seed)
	return chance{rand.New(rand.NewPCG(seed, 1))}, x, &naive{docs: map[string]Document{}, fields: map[string][]field{}}
}

// Whatever has changed before, every list, total, count and suggestion is what
// a scan of all documents gives, whatever the size of its pages.
func TestAgainstAScan(t *testing.T) {
	c, x, n := seeded(t, rand.Uint64())
	found, mistyped := 0, 0
	for range 200 {
		for range c.IntN(3) {
			c.change(t, x, n)
		}
		q := c.query()
		want := n.list(q)
		got, counts, total := pages(t, x, q)
		require.Equal(t, want, got, "%+v", q)
		require.Equal(t, len(want), total)
		require.Equal(t, n.counts(q), counts, "%+v", q)
		found += len(got)
		if s := split(q.Text); len(s) > 0 {
			made, err := x.Suggest(q.Text, 5)
			require.NoError(t, err)
			for i := range made {
				made[i].Text = Fold(made[i].Text)
			}
			all := n.suggestions(q.Text, 1000)
			require.Subset(t, all, made, "%q", q.Text)
			require.Len(t, made, min(5, len(all)), "%q", q.Text)
			for i := range made {
				require.Equal(t, all[i].Products, made[i].Products, "%q", q.Text)
			}
			words := queryWords(q.Text)
			_, fuzzy, err := x.meanings(words, nil)
			require.NoError(t, err)
			if fuzzy != 0 && len(got) > 0 {
				mistyped++
			}
		}
	}
	require.Equal(t, len(n.docs), x.Len())
	require.Greater(t, found, 0, "the questions must find something")
	require.Greater(t, mistyped, 0, "some of them by their typos")
}

// pages gives all that is found, page by page, with what the first one counts.
func pages(t *testing.T, x *Index, q Query) ([]string, Counts, int) {
	t.Helper()
	ids := []string{}
	first, err := x.Search(q)
	require.NoError(t, err)
	for r := first; ; {
		require.LessOrEqual(t, len(r.IDs), q.Limit)
		if ids = append(ids, r.IDs...); r.Next == nil {
			return ids, first.Counts, first.Total
		}
		q.After = r.Next
		r, err = x.Search(q)
		require.NoError(t, err)
	}
}

// Between pages others come, go and change. Whatever was there all the time and
// stayed as it was is seen once, in the order that it has at the end.
func TestPagesWhileTheCatalogChanges(t *testing.T) {
	c, x, n := seeded(t, rand.Uint64())
	seen := 0
	for range 100 {
		c.change(t, x, n)
		q := c.query()
		before := map[string]string{}
		for _, id := range n.list(q) {
			before[id] = fmt.Sprint(n.docs[id])
		}
		var got []string
		for {
			r, err := x.Search(q)
			require.NoError(t, err)
			got = append(got, r.IDs...)
			if q.After = r.Next; r.Next == nil {
				break
			}
			for range c.IntN(3) {
				c.change(t, x, n)
				for id, was := range before {
					if fmt.Sprint(n.docs[id]) != was {
						delete(before, id)
					}
				}
			}
		}
		times := map[string]int{}
		for _, id := range got {
			times[id]++
		}
		for id := range before {
			require.Equal(t, 1, times[id], "%s of %v for %+v", id, got, q)
		}
		seen += len(before)
	}
	require.Greater(t, seen, 0)
}
