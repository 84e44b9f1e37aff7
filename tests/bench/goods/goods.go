// Package goods makes catalogs for measurements: products like those of a
// department store, in two languages, the same for the same seed.
package goods

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"

	"tienda/internal/money"
)

// Product is a product as the import route takes it, one a line.
type Product struct {
	ExternalID   string            `json:"external_id"`
	Slug         string            `json:"slug"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Category     string            `json:"category"`
	CategoryName string            `json:"category_name"`
	Status       string            `json:"status"`
	Images       []string          `json:"images"`
	Attributes   map[string]string `json:"attributes"`
	Variants     []Variant         `json:"variants"`
}

// Variant is one SKU of a product.
type Variant struct {
	SKU     string            `json:"sku"`
	Name    string            `json:"name"`
	Options map[string]string `json:"options"`
	Prices  []money.Money     `json:"prices"`
	Stock   int               `json:"stock"` // on hand
}

const (
	vocabulary = 20_000 // words of a language
	categories = 300
	brands     = 400
)

var (
	colours   = []string{"rojo", "azul", "verde", "negro", "blanco", "gris", "amarillo", "rosa", "marrón", "violeta"}
	sizes     = []string{"XS", "S", "M", "L", "XL"}
	materials = spanish.extras[:15]
	origins   = []string{"ES", "PT", "FR", "IT", "DE", "US", "CN", "MX", "AR", "JP"}
)

// Make gives n products with 3 SKUs each in the mean. Spanish and English take
// turns.
func Make(seed uint64, n int) iter.Seq[Product] {
	return func(yield func(Product) bool) {
		r := rand.New(rand.NewPCG(seed, 24))
		m := &maker{rand: r, texts: [2]*text{spanish.text(r, vocabulary), english.text(r, vocabulary)}}
		m.brands = spanish.invented(r, brands)
		for i := range n {
			if !yield(m.product(i)) {
				return
			}
		}
	}
}

type maker struct {
	rand   *rand.Rand
	texts  [2]*text
	brands []string
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// skewed gives a number below n; small ones are likelier.
func skewed(r *rand.Rand, n int) int { return int(float64(n) * r.Float64() * r.Float64()) }

func (m *maker) product(i int) Product {
	r, l := m.rand, []language{spanish, english}[i%2]
	id := strconv.Itoa(i)
	category := skewed(r, categories)
	p := Product{
		ExternalID: "goods-" + id, Slug: "goods-" + id,
		Name:        pick(r, l.nouns) + " " + pick(r, l.extras) + " " + m.texts[i%2].draw(1+r.IntN(3)),
		Description: m.texts[i%2].draw(15 + r.IntN(40)),
		Category:    "shelf-" + strconv.Itoa(category), CategoryName: spanish.nouns[category%len(spanish.nouns)] + " " + strconv.Itoa(category),
		Status: "published", Images: []string{"https://images.example/goods/" + id + ".jpg"},
		Attributes: map[string]string{"brand": m.brands[skewed(r, brands)], "material": pick(r, materials), "origin": pick(r, origins)},
	}
	cents := int64(100+skewed(r, 50_000))/5*5 + 4
	for v := range 1 + r.IntN(5) {
		options := map[string]string{"colour": colours[(v+i)%len(colours)], "size": sizes[v%len(sizes)]}
		price := cents + int64(v)*100
		p.Variants = append(p.Variants, Variant{
			SKU: fmt.Sprintf("G%06d-%d", i, v), Name: options["colour"] + " " + options["size"], Options: options,
			Prices: []money.Money{money.New(price, "EUR"), money.New(price*11/10, "USD")}, Stock: max(0, r.IntN(120)-20),
		})
	}
	return p
}
