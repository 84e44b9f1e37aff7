package generator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

type product struct {
	id              int64
	shelf           int // in shelves
	lang, title     string
	slug, text      string
	brand           string
	active, unsold  bool
	created         time.Time
	colours, sizes  []string // of the variants; nil: they do not differ in that
	variants        int
	priceFrom, step int64 // cents
}

type variant struct {
	id, product    int64
	sku, title     string // title of the product
	colour, size   string
	price          int64 // cents
	place, stock   int
	grams, reorder int // 0: not known
	unsold         bool
}

// products of which none was ever sold, one in ten: they may be deleted.
func unsold(id int64) bool { return id%10 == 0 }

func (g *generator) productCount() int64 { return int64(max(2, g.Size*4/5)) }

func (g *generator) product(id int64) product {
	r := g.rand("products", id)
	p := product{id: id, lang: "es", brand: pick(r, brands), active: !chance(r, 4), unsold: unsold(id)}
	for p.shelf = r.IntN(len(shelves)); shelves[p.shelf].nouns == nil; p.shelf = r.IntN(len(shelves)) {
	}
	s, quality := shelves[p.shelf], pick(r, qualities)
	noun := r.IntN(len(s.nouns))
	p.title = s.nouns[noun] + " " + quality[0] + " " + p.brand
	p.text = fmt.Sprintf("%s de la casa %s.\nHecho en España; nº %d de la colección.", s.nouns[noun], p.brand, id)
	if chance(r, 25) {
		p.lang = "en"
		p.title = quality[1] + " " + strings.ToLower(s.nounsEN[noun]) + " by " + p.brand
		p.text = fmt.Sprintf("%s by %s.\nMade in Spain; no. %d of the collection.", s.nounsEN[noun], p.brand, id)
	}
	p.slug = fmt.Sprintf("%s-%d", slug(p.title), id)
	if chance(r, 10) {
		p.text = ""
	}
	if chance(r, 15) {
		p.brand = ""
	}
	p.created = between(opening, custom, r.Float64())
	p.priceFrom, p.step = 95+100*int64(r.IntN(180)), 100*int64(r.IntN(4))
	p.choose(r, s)
	return p
}

// choose sets what the variants differ in.
func (p *product) choose(r *rand.Rand, s shelf) {
	p.variants = 1 + r.IntN(4)
	switch {
	case s.sizes != nil && p.variants == 4:
		p.colours, p.sizes = colors[:2], s.sizes[1:3]
	case s.sizes != nil:
		p.sizes = s.sizes[1 : 1+p.variants]
	case p.variants > 1:
		at := r.IntN(len(colors) - p.variants + 1)
		p.colours = colors[at : at+p.variants]
	}
}

// stockUp makes all variants, which orders choose from.
func (g *generator) stockUp() {
	for id := int64(1); id <= g.productCount(); id++ {
		p := g.product(id)
		g.begins = append(g.begins, len(g.variants))
		for i := range p.variants {
			vid := int64(len(g.variants) + 1)
			r := g.rand("variants", vid)
			v := variant{id: vid, product: id, title: p.title, place: i, price: p.priceFrom + int64(i)*p.step, unsold: p.unsold}
			v.sku = fmt.Sprintf("%s-%05d-%d", strings.ToUpper(shelves[p.shelf].slug[:3]), id, i+1)
			if p.colours != nil {
				v.colour = p.colours[i%len(p.colours)]
			}
			if p.sizes != nil {
				v.size = p.sizes[i/max(1, len(p.colours))]
			}
			if chance(r, 85) {
				v.grams = 20 + r.IntN(4000)
			}
			if !chance(r, 5) {
				v.stock = 1 + r.IntN(300)
			}
			if chance(r, 50) {
				v.reorder = 1 + r.IntN(20)
			}
			g.variants = append(g.variants, v)
		}
	}
}

func (g *generator) categories(yield func([]any) bool) {
	ids := map[string]int{}
	for i, s := range shelves {
		ids[s.slug] = i + 1
		var parent any
		if s.parent != "" {
			parent = ids[s.parent]
		}
		if !yield([]any{i + 1, parent, s.slug, s.title, or(s.titleEN), i * 10}) {
			return
		}
	}
}

func (g *generator) products(yield func([]any) bool) {
	for id := int64(1); id <= g.productCount(); id++ {
		p := g.product(id)
		var image any
		if id%3 != 0 {
			image = fmt.Sprintf("https://img.tienda.example/%d.jpg", id)
		}
		if !yield([]any{id, p.slug, p.lang, p.title, or(p.text), or(p.brand), p.shelf + 1, shelves[p.shelf].taxClass, p.active, image, g.wall(p.created)}) {
			return
		}
	}
	g.oddProducts(yield)
}

func (g *generator) productVariants(yield func([]any) bool) {
	for _, v := range g.variants {
		var barcode, weight any
		if v.id%5 != 0 {
			barcode = gtin(v.id)
		}
		if v.grams > 0 {
			weight = decimal(int64(v.grams), 3)
		}
		if !yield([]any{v.id, v.product, v.sku, barcode, or(v.colour), or(v.size), weight, money(v.price), v.place}) {
			return
		}
	}
	g.oddVariants(yield)
}

func (g *generator) priceHistory(yield func([]any) bool) {
	for _, v := range g.variants {
		if !yield([]any{v.id, v.id, money(v.price), custom}) {
			return
		}
	}
}

func (g *generator) inventory(yield func([]any) bool) {
	for _, v := range g.variants {
		var reorder, counted any
		if v.reorder > 0 {
			reorder = v.reorder
		}
		if v.id%2 == 0 {
			counted = today.Add(-time.Duration(v.id%700) * time.Hour)
		}
		if !yield([]any{v.id, "MAD", v.stock, reorder, counted}) {
			return
		}
	}
	g.oddInventory(yield)
}

// gtin gives a GTIN-13 with its check digit.
func gtin(id int64) string {
	text := fmt.Sprintf("843%09d", id)
	sum := 0
	for i, c := range text {
		sum += int(c-'0') * (1 + i%2*2)
	}
	return fmt.Sprintf("%s%d", text, (10-sum%10)%10)
}

// slug gives the letters and digits of a text in lower case without accents, in words.
func slug(text string) string {
	var b strings.Builder
	for _, c := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteRune(c)
		case !unicode.Is(unicode.Mn, c) && !strings.HasSuffix(b.String(), "-") && b.Len() > 0:
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}
