package api

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ware is a product as the test has stated it.
type ware struct {
	id, slug, name, description, category string
	published                             bool
	created                               time.Time
	attributes                            map[string]string
	variants                              []wareVariant
}

type wareVariant struct {
	sku, size string
	prices    map[string]int64 // by currency
	onHand    int
}

// Words that no stem, beginning or typo takes for one another; attributes have
// the second half of them as values.
var wareWords = []string{"brujula", "kimono", "farolito", "guante", "tostador", "velador", "wolframio", "pizarra"}

func (w ware) inStock() bool {
	return slices.ContainsFunc(w.variants, func(v wareVariant) bool { return v.onHand > 0 })
}

// price is the lowest in a currency, 0: none.
func (w ware) price(currency string) (lowest int64) {
	for _, v := range w.variants {
		if p := v.prices[currency]; p > 0 && (lowest == 0 || p < lowest) {
			lowest = p
		}
	}
	return lowest
}

// values are those that the product has by name, each once.
func (w ware) values() map[string][]string {
	out := map[string][]string{}
	for name, value := range w.attributes {
		out[name] = append(out[name], value)
	}
	for _, v := range w.variants {
		if v.size != "" && !slices.Contains(out["size"], v.size) {
			out["size"] = append(out["size"], v.size)
		}
	}
	return out
}

// score says how well a word meets the product, 0: not at all. A word with
// typos counts once where a word that is spelled right counts four times.
func (w ware) score(word string, right int) int {
	switch has := func(text string) bool { return slices.Contains(strings.Fields(text), word) }; {
	case has(w.name):
		return 4 * right
	case slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(w.values()))...), has):
		return 2 * right
	case has(w.description):
		return right
	}
	return 0
}

func (w ware) body() map[string]any {
	status := map[bool]string{true: "published", false: "draft"}[w.published]
	var variants []any
	for _, v := range w.variants {
		var prices []any
		for _, currency := range slices.Sorted(maps.Keys(v.prices)) {
			prices = append(prices, map[string]any{"amount": v.prices[currency], "currency": currency})
		}
		one := map[string]any{"sku": v.sku, "name": "v", "prices": prices}
		if v.size != "" {
			one["options"] = map[string]any{"size": v.size}
		}
		variants = append(variants, one)
	}
	return map[string]any{"slug": w.slug, "name": w.name, "description": w.description, "category": w.category, "status": status,
		"language": "es", "attributes": w.attributes, "variants": variants}
}

// wareQuery is a question, and what of it the scan needs.
type wareQuery struct {
	word, typed, category, currency, sort string
	colour                                []string
	least, most                           int64
	inStock                               *bool
	limit                                 int
}

func (q wareQuery) path() string {
	v := url.Values{"currency": {q.currency}, "sort": {q.sort}, "limit": {strconv.Itoa(q.limit)}, "facets": {"category,price,availability,attributes"}}
	if q.typed != "" {
		v.Set("q", q.typed)
	}
	if q.category != "" {
		v.Set("category", q.category)
	}
	var pairs []string
	for _, c := range q.colour {
		pairs = append(pairs, "colour:"+c)
	}
	if len(pairs) > 0 {
		v.Set("attributes", strings.Join(pairs, ","))
	}
	if q.least > 0 {
		v.Set("min_price", strconv.FormatInt(q.least, 10))
	}
	if q.most > 0 {
		v.Set("max_price", strconv.FormatInt(q.most, 10))
	}
	if q.inStock != nil {
		v.Set("in_stock", strconv.FormatBool(*q.inStock))
	}
	return "/v1/products?" + v.Encode()
}

// takes says whether a product passes all filters but those of a facet.
func (q wareQuery) takes(w ware, but string) bool {
	price := w.price(q.currency)
	switch {
	case !w.published:
	case but != "category" && q.category != "" && w.category != q.category:
	case but != "availability" && q.inStock != nil && w.inStock() != *q.inStock:
	case but != "price" && q.least > 0 && price < q.least:
	case but != "price" && q.most > 0 && (price == 0 || price > q.most):
	case strings.HasSuffix(q.sort, "price") && price == 0:
	case but != "colour" && len(q.colour) > 0 && !slices.Contains(q.colour, w.attributes["colour"]):
	default:
		return true
	}
	return false
}

// scores gives those that the words find.
func (q wareQuery) scores(all []ware) map[string]int {
	right := 4
	if q.typed != q.word { // nothing else meets a word with a typo
		right = 1
	}
	out := map[string]int{}
	for _, w := range all {
		if q.word == "" {
			out[w.id] = 0
		} else if s := w.score(q.word, right); s > 0 && w.published {
			out[w.id] = s
		}
	}
	return out
}

// scan answers by looking through all products.
func (q wareQuery) scan(all []ware) (slugs []string, f facetsView) {
	scores := q.scores(all)
	all = slices.DeleteFunc(slices.Clone(all), func(w ware) bool { _, ok := scores[w.id]; return !ok })
	newest := func(a, b ware) int { return cmp.Or(b.created.Compare(a.created), strings.Compare(b.id, a.id)) }
	byPrice := func(a, b ware) int {
		return cmp.Or(cmp.Compare(a.price(q.currency), b.price(q.currency)), strings.Compare(a.id, b.id))
	}
	byName := func(a, b ware) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id)) }
	order := map[string]func(a, b ware) int{
		"newest": newest, "price": byPrice, "name": byName,
		"relevance": func(a, b ware) int { return cmp.Or(scores[b.id]-scores[a.id], newest(a, b)) },
		"-price":    func(a, b ware) int { return byPrice(b, a) },
		"-name":     func(a, b ware) int { return byName(b, a) },
	}[q.sort]
	slices.SortFunc(all, order)
	f = facetsView{Availability: &availabilityView{}}
	prices, categories, values := map[int64]int{}, map[string]int{}, map[string]map[string]int{}
	for _, w := range all {
		if q.takes(w, "") {
			slugs = append(slugs, w.slug)
		}
		if q.takes(w, "category") {
			categories[w.category]++
		}
		if q.takes(w, "availability") && w.inStock() {
			f.Availability.InStock++
		} else if q.takes(w, "availability") {
			f.Availability.OutOfStock++
		}
		if p := w.price(q.currency); p > 0 && q.takes(w, "price") {
			prices[stepOf(p)]++
		}
		for name, of := range w.values() {
			for _, v := range of {
				if q.takes(w, name) {
					if values[name] == nil {
						values[name] = map[string]int{}
					}
					values[name][v]++
				}
			}
		}
	}
	f.Categories, f.Prices, f.Attributes = countsOf(categories), pricesOf(prices), attributesOf(values)
	return slugs, f
}

// stepOf gives the step of 1, 2 and 5 that a price is on.
func stepOf(p int64) (step int64) {
	for ten := int64(1); ten <= p; ten *= 10 {
		for _, s := range []int64{ten, 2 * ten, 5 * ten} {
			if s <= p {
				step = s
			}
		}
	}
	return step
}

func pricesOf(counts map[int64]int) *[]priceCountView {
	out := []priceCountView{}
	for _, step := range slices.Sorted(maps.Keys(counts)) {
		next := 2 * step
		if strings.HasPrefix(strconv.FormatInt(step, 10), "2") {
			next = step / 2 * 5
		}
		out = append(out, priceCountView{step, next - 1, counts[step]})
	}
	return &out
}

func countsOf(counts map[string]int) *[]countView {
	out := []countView{}
	for v, n := range counts {
		out = append(out, countView{v, n})
	}
	slices.SortFunc(out, func(a, b countView) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value)) })
	return &out
}

func attributesOf(values map[string]map[string]int) *[]attributeCountsView {
	out, sums := []attributeCountsView{}, map[string]int{}
	for name, counts := range values {
		for _, n := range counts {
			sums[name] += n
		}
		out = append(out, attributeCountsView{name, *countsOf(counts)})
	}
	slices.SortFunc(out, func(a, b attributeCountsView) int {
		return cmp.Or(sums[b.Name]-sums[a.Name], strings.Compare(a.Name, b.Name))
	})
	return &out
}
