// Command gen writes the products of the demonstration shop. They are the
// same every time: go run ./demo/gen > demo/products.ndjson
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

type price struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
}

type variant struct {
	SKU     string            `json:"sku"`
	Name    string            `json:"name"`
	Options map[string]string `json:"options"`
	Prices  []price           `json:"prices"`
	Stock   int               `json:"stock"`
}

type product struct {
	Slug         string            `json:"slug"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Category     string            `json:"category"`
	CategoryName string            `json:"category_name"`
	Attributes   map[string]string `json:"attributes"`
	Variants     []variant         `json:"variants"`
}

func main() {
	out, err := generate()
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// generate gives the products, one import document a line.
func generate() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for i, s := range shelves {
		for j, t := range s.things {
			for k, st := range s.styles {
				if err := e.Encode(s.product(i, j, k, t, st)); err != nil {
					return nil, err
				}
			}
		}
	}
	return out.Bytes(), nil
}

// product makes one product. The numbers are the places of its shelf, thing
// and style: whatever varies is computed from them.
func (s shelf) product(shelf, thing, style int, t thing, st style) product {
	p := product{
		Slug: slug(t.name + " " + st.name), Name: t.name + " " + st.name, Description: t.text + " " + st.text,
		Category: s.slug, CategoryName: s.name, Attributes: map[string]string{"origin": st.origin},
	}
	seed := 7*shelf + 5*thing + 3*style
	base := t.cents + 10*(seed%9)
	sizes := s.sizes[:2+seed%(len(s.sizes)-1)]
	for n, z := range sizes {
		cents := base * z.percent / 100
		v := variant{
			SKU: fmt.Sprintf("%s-%d%d-%s", s.code, thing+1, style+1, z.code), Name: z.name,
			Options: map[string]string{s.option: z.name},
			Prices:  []price{{cents, "EUR"}, {(cents*112/100)/10*10 + 9, "USD"}},
			Stock:   40 + 13*((seed+n)%12),
		}
		if (seed+5*n)%17 == 16 { // a real shop is never complete
			v.Stock = 0
		}
		p.Variants = append(p.Variants, v)
	}
	return p
}

// slug makes "cafe-con-leche" of "Café con Leche".
func slug(name string) string {
	plain, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn))), strings.ToLower(name))
	if err != nil {
		plain = name
	}
	return strings.Join(strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}
