package search

import (
	"slices"
	"sync/atomic"

	"tienda/services/catalog/internal/product"
)

// Encoder makes the detail of an entry in one of its languages that is sent.
type Encoder func(e *Entry, language string) []byte

// details are the encoded details of one state of a product, in each of its
// languages. One is made when it is first asked for: most products are asked for
// in one language, and many in none.
type details struct {
	encode    Encoder
	languages []string
	made      []atomic.Pointer[[]byte] // by language
}

func (m *Model) newDetails(p *product.Product) *details {
	languages := p.Languages()
	return &details{encode: m.encode, languages: languages, made: make([]atomic.Pointer[[]byte], len(languages))}
}

// Detail gives the encoded detail in a language, in the product's own where it
// does not have that.
func (e *Entry) Detail(language string) []byte {
	d := e.details
	i := max(slices.Index(d.languages, language), 0)
	if made := d.made[i].Load(); made != nil {
		return *made
	}
	body := d.encode(e, d.languages[i])
	d.made[i].Store(&body)
	return body
}
