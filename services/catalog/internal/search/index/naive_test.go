package index

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// naive answers every question by looking through all documents. Of the
// package it takes only what is a library's: folding, splitting, stemming.
type naive struct {
	docs   map[string]Document
	fields map[string][]field // what was read of documents that are still the same
}

func (n *naive) put(d Document) {
	n.docs[d.ID] = d
	delete(n.fields, d.ID)
}

func (n *naive) read(id string) []field {
	f, ok := n.fields[id]
	if !ok {
		f = fieldsOf(n.docs[id])
		n.fields[id] = f
	}
	return f
}

// field is a text of a document: its words, and their stems by language.
type field struct {
	weight int
	words  []string
	stems  map[string]bool
}

func readField(weight int, text string, languages []string) field {
	f := field{weight: weight, stems: map[string]bool{}}
	for _, w := range split(text) {
		folded := Fold(w)
		f.words = append(f.words, folded)
		for _, l := range languages {
			for _, s := range stems(l, w, folded) {
				f.stems[l+":"+s] = true
			}
		}
	}
	return f
}

func fieldsOf(d Document) (out []field) {
	for _, t := range d.Texts {
		languages := []string{t.Language}
		if t.Language == "" {
			languages = Languages
		}
		out = append(out, readField(4, t.Name, languages), readField(1, t.Description, languages))
	}
	for _, sku := range d.SKUs {
		out = append(out, readField(2, sku, nil))
	}
	for _, c := range d.Categories {
		out = append(out, readField(2, c, Languages))
	}
	for _, values := range d.Attributes {
		for _, v := range values {
			out = append(out, readField(2, v, Languages))
		}
	}
	return out
}

// plain gives how well a document meets a word without typos, 0: not at all.
func plain(fields []field, w word) (best int) {
	for _, f := range fields {
		for _, have := range f.words {
			if have == w.folded {
				best = max(best, 4*f.weight)
			} else if utf8.RuneCountInString(w.folded) >= 2 && strings.HasPrefix(have, w.folded) {
				best = max(best, 2*f.weight)
			}
		}
		for i := range Languages {
			for _, s := range w.stems[i] {
				if f.stems[s] {
					best = max(best, 3*f.weight)
				}
			}
		}
	}
	return best
}

func withTypos(fields []field, w word, n int) (best int) {
	for _, f := range fields {
		for _, have := range f.words {
			if distance([]rune(have), []rune(w.folded)) <= n {
				best = max(best, f.weight)
			}
		}
	}
	return best
}

// distance counts the letters that are wrong, missing, too many, or have
// changed places with the next.
func distance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range b {
		d[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			other := 1
			if a[i-1] == b[j-1] {
				other = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+other)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// matched gives the scores of the documents that a text finds; every document
// where it has no words.
func (n *naive) matched(text string) map[string]int {
	scores := map[string]int{}
	for id := range n.docs {
		scores[id] = 0
	}
	for _, w := range queryWords(text) {
		known := false
		for id := range n.docs {
			known = known || plain(n.read(id), w) > 0
		}
		for id := range scores {
			s := plain(n.read(id), w)
			if t := typos(w.folded); !known && t > 0 {
				s = withTypos(n.read(id), w, t)
			}
			if s == 0 {
				delete(scores, id)
			} else {
				scores[id] += s
			}
		}
	}
	return scores
}

func has(d Document, a Attribute) bool {
	if a.Name == "" {
		return slices.Contains(d.Categories, a.Value)
	}
	return len(a.Value) <= MaxValue && slices.Contains(d.Attributes[a.Name], a.Value)
}

// takes says whether a document passes the filters of a query, but for those
// of a facet.
func takes(d Document, q Query, but string) bool {
	price := d.Prices[q.Currency]
	if but != "category" && q.Category != "" && !has(d, Attribute{"", q.Category}) ||
		but != "availability" && q.InStock != nil && d.InStock != *q.InStock ||
		but != "price" && q.MinPrice > 0 && price < q.MinPrice ||
		but != "price" && q.MaxPrice >= 0 && (price == 0 || price > q.MaxPrice) ||
		strings.HasSuffix(string(q.Sort), "price") && price == 0 {
		return false
	}
	for _, a := range q.Attributes {
		if but != "attribute "+a.Name && !slices.ContainsFunc(q.Attributes, func(b Attribute) bool { return a.Name == b.Name && has(d, b) }) {
			return false
		}
	}
	return true
}

// list gives the IDs of all that is found, in order.
func (n *naive) list(q Query) []string {
	scores := n.matched(q.Text)
	var out []Document
	for id := range scores {
		if takes(n.docs[id], q, "") {
			out = append(out, n.docs[id])
		}
	}
	newest := func(a, b Document) int { return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID)) }
	orders := map[Sort]func(a, b Document) int{
		Newest:    newest,
		Relevance: func(a, b Document) int { return cmp.Or(scores[b.ID]-scores[a.ID], newest(a, b)) },
		Name: func(a, b Document) int {
			return cmp.Or(strings.Compare(a.SortName, b.SortName), strings.Compare(a.ID, b.ID))
		},
		Price: func(a, b Document) int {
			return cmp.Or(cmp.Compare(a.Prices[q.Currency], b.Prices[q.Currency]), strings.Compare(a.ID, b.ID))
		},
	}
	up, down := strings.CutPrefix(string(q.Sort), "-")
	slices.SortFunc(out, orders[Sort(up)])
	if down {
		slices.Reverse(out)
	}
	ids := []string{}
	for _, d := range out {
		ids = append(ids, d.ID)
	}
	return ids
}

// counts gives the facets.
func (n *naive) counts(q Query) (c Counts) {
	scores := n.matched(q.Text)
	each := func(but string, see func(Document)) {
		for id := range scores {
			if takes(n.docs[id], q, but) {
				see(n.docs[id])
			}
		}
	}
	categories := map[string]int{}
	each("category", func(d Document) {
		for _, slug := range d.Categories {
			categories[slug]++
		}
	})
	c.Categories = sorted(categories, MaxCategoryCounts)
	each("availability", func(d Document) {
		if d.InStock {
			c.InStock++
		} else {
			c.OutOfStock++
		}
	})
	for ten := int64(1); ten < 1e9; ten *= 10 {
		for _, r := range [][2]int64{{ten, 2*ten - 1}, {2 * ten, 5*ten - 1}, {5 * ten, 10*ten - 1}} {
			p := PriceCount{Min: r[0], Max: r[1]}
			each("price", func(d Document) {
				if price := d.Prices[q.Currency]; price >= p.Min && price <= p.Max {
					p.Count++
				}
			})
			if p.Count > 0 {
				c.Prices = append(c.Prices, p)
			}
		}
	}
	c.Attributes = n.attributes(each)
	return c
}

func (n *naive) attributes(each func(string, func(Document))) (out []AttributeCounts) {
	names := map[string]bool{}
	for _, d := range n.docs {
		for name := range d.Attributes {
			names[name] = true
		}
	}
	sums := map[string]int{}
	for name := range names {
		counts := map[string]int{}
		each("attribute "+name, func(d Document) {
			for _, v := range d.Attributes[name] {
				if len(v) <= MaxValue {
					counts[v]++
					sums[name]++
				}
			}
		})
		if len(counts) > 0 {
			out = append(out, AttributeCounts{name, sorted(counts, MaxValueCounts)})
		}
	}
	slices.SortFunc(out, func(a, b AttributeCounts) int {
		return cmp.Or(sums[b.Name]-sums[a.Name], strings.Compare(a.Name, b.Name))
	})
	return out[:min(MaxAttributes, len(out))]
}

func sorted(counts map[string]int, n int) (out []Count) {
	for v, k := range counts {
		out = append(out, Count{v, k})
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value)) })
	return out[:min(n, len(out))]
}

// suggestions gives the completions, folded, with their counts.
func (n *naive) suggestions(text string, limit int) []Suggestion {
	written := split(text)
	before, last := written[:len(written)-1], Fold(written[len(written)-1])
	matched := n.matched(strings.Join(before, " "))
	find := func(like func(string) bool) (out []Suggestion) {
		counts := map[string]int{}
		for id := range matched {
			seen := map[string]bool{}
			for _, t := range n.docs[id].Texts {
				for _, w := range split(t.Name) {
					f := Fold(w)
					again := slices.ContainsFunc(before, func(b string) bool { return Fold(b) == f })
					if like(f) && !seen[f] && !again {
						seen[f] = true
						counts[f]++
					}
				}
			}
		}
		for w, k := range counts {
			out = append(out, Suggestion{Fold(strings.Join(append(slices.Clone(before), w), " ")), k})
		}
		return out
	}
	out := find(func(w string) bool { return strings.HasPrefix(w, last) })
	if t := typos(last); len(out) == 0 && t > 0 {
		out = find(func(w string) bool { return distance([]rune(w), []rune(last)) <= t })
	}
	slices.SortFunc(out, func(a, b Suggestion) int { return cmp.Or(b.Products-a.Products, strings.Compare(a.Text, b.Text)) })
	return out[:min(limit, len(out))]
}
