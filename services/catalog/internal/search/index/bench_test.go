package index

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/bench/goods"
)

// size is that of the catalog that the figures of docs/adr/0024 are of.
const size = 100_000

var filled = sync.OnceValue(func() *Index {
	x := New()
	fill(x, documents(size))
	return x
})

func documents(n int) (out []Document) {
	i := 0
	for p := range goods.Make(7, n) {
		d := Document{
			ID: fmt.Sprintf("%036d", i), Categories: []string{p.Category}, Attributes: map[string][]string{},
			Texts:    []Text{{[]string{"es", "en"}[i%2], p.Name, p.Description}},
			SortName: Fold(p.Name), Created: time.Unix(int64(i), 0), Prices: map[string]int64{},
		}
		for name, v := range p.Attributes {
			d.Attributes[name] = []string{v}
		}
		for _, v := range p.Variants {
			d.SKUs, d.InStock = append(d.SKUs, v.SKU), d.InStock || v.Stock > 0
			for name, o := range v.Options {
				if !slices.Contains(d.Attributes[name], o) {
					d.Attributes[name] = append(d.Attributes[name], o)
				}
			}
			for _, m := range v.Prices {
				if old, ok := d.Prices[m.Currency]; !ok || m.Amount < old {
					d.Prices[m.Currency] = m.Amount
				}
			}
		}
		out = append(out, d)
		i++
	}
	return out
}

func fill(x *Index, docs []Document) {
	for some := range slices.Chunk(docs, 500) {
		x.Put(some...)
	}
	if err := x.Tidy(); err != nil {
		panic(err)
	}
}

func BenchmarkFill(b *testing.B) {
	docs := documents(size)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for b.Loop() {
		x := New()
		fill(x, docs)
		runtime.GC()
		runtime.ReadMemStats(&now)
		b.ReportMetric(float64(now.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(len(x.terms.words)), "words")
	}
}

func BenchmarkSearch(b *testing.B) {
	x := filled()
	all, in := Facets{true, true, true, true}, true
	for name, q := range map[string]Query{
		"newest":                    {Sort: Newest},
		"by price":                  {Sort: Price},
		"category":                  {Sort: Newest, Category: "shelf-7"},
		"category, facets":          {Sort: Newest, Category: "shelf-7", Facets: all},
		"all, facets":               {Sort: Newest, Facets: all},
		"in stock, price, facets":   {Sort: Price, InStock: &in, MinPrice: 1000, MaxPrice: 20_000, Facets: all},
		"word":                      {Sort: Relevance, Text: "camisa"},
		"word, facets":              {Sort: Relevance, Text: "camisa", Facets: all},
		"two words, facets":         {Sort: Relevance, Text: "camisa algodón", Facets: all},
		"two words, filter, facets": {Sort: Price, Text: "shirt cotton", Attributes: []Attribute{{"colour", "rojo"}}, Facets: all},
		"one typo":                  {Sort: Relevance, Text: "camsia"},
		"two typos, facets":         {Sort: Relevance, Text: "destorniladro", Facets: all},
		"two letters":               {Sort: Relevance, Text: "ca"},
		"commonest words":           {Sort: Relevance, Text: "de con para"},
		"a SKU":                     {Sort: Relevance, Text: "G012345-1"},
	} {
		q.Currency, q.Limit = "EUR", 20
		if q.MaxPrice == 0 {
			q.MaxPrice = -1
		}
		b.Run(name, func(b *testing.B) {
			var r Result
			var err error
			began := processorTime()
			for b.Loop() {
				if r, err = x.Search(q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime()-began)/float64(b.N)/1e3, "cpu-µs/op")
			b.ReportMetric(float64(r.Total), "found")
		})
	}
}

// processorTime is what the process has used: the steadier figure on a machine
// that others load.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkSuggest(b *testing.B) {
	for _, text := range []string{"c", "cam", "camisa al", "camsia"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, err := filled().Suggest(text, 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChange(b *testing.B) {
	x, docs := filled(), documents(1000)
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				x.Put(docs[:n]...)
			}
		})
	}
	b.Run("stock", func(b *testing.B) {
		for b.Loop() {
			x.SetStock(docs[0].ID, true)
		}
	})
	b.Run("dictionary", func(b *testing.B) {
		for b.Loop() {
			x.recent = 0
			require.NoError(b, x.Tidy())
		}
	})
}
