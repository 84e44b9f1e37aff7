package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/origin/intake"
)

// draw makes valid documents at random.
type draw struct{ *rand.Rand }

func (d draw) oneOf(all ...any) any { return all[d.IntN(len(all))] }

// maybe states a field in half of all cases.
func (d draw) maybe(doc object, field string, value any) {
	if d.IntN(2) == 0 {
		doc[field] = value
	}
}

func (d draw) name() any {
	return d.oneOf("Tea", "Té <verde> & \"más\"", "日本茶", "x\u2028y", "  padded  ", "\U0001F375")
}

func (d draw) texts() object {
	out := object{}
	for range d.IntN(3) {
		out[d.oneOf("colour", "Größe", "a/b", "c~d").(string)] = d.oneOf("", "red", "XL", "\n\t")
	}
	return out
}

func (d draw) images() []any {
	out := []any{}
	for i := range d.IntN(3) {
		out = append(out, fmt.Sprintf("https://example.org/%d.jpg?a=1&b=2", i))
	}
	return out
}

func (d draw) prices() []any {
	out := []any{}
	for _, currency := range []string{"EUR", "USD", "JPY"}[:1+d.IntN(3)] {
		out = append(out, object{"amount": 1 + d.IntN(100_000_000), "currency": currency})
	}
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (d draw) product(n int) object {
	doc := object{"slug": fmt.Sprintf("p-%d-%d", n, d.IntN(3)), "name": d.name(), "category": d.oneOf("wares", "other")}
	d.maybe(doc, "language", d.oneOf("en", "es", "pt-BR"))
	d.maybe(doc, "description", d.oneOf("", "Good.", "Line\nline <b>"))
	d.maybe(doc, "tax_class", d.oneOf("standard", "reduced"))
	d.maybe(doc, "status", d.oneOf("draft", "published", "archived"))
	d.maybe(doc, "images", d.images())
	d.maybe(doc, "attributes", d.texts())
	translations := object{}
	for _, lang := range []string{"de", "fr"}[:d.IntN(3)] {
		t := object{"name": d.name()}
		d.maybe(t, "description", d.oneOf("", "Gut."))
		translations[lang] = t
	}
	d.maybe(doc, "translations", translations)
	sizes := []any{"S", "M", "L"}
	choice := d.IntN(2) == 0
	if choice {
		doc["options"] = []any{object{"name": "size", "values": sizes}}
	} else {
		d.maybe(doc, "options", []any{})
	}
	variants := []any{}
	for i := range 1 + d.IntN(3) {
		v := object{"sku": fmt.Sprintf("P-%d-%d", n, i), "name": d.name(), "prices": d.prices()}
		if i == 0 {
			d.maybe(v, "barcode", "4006381333931")
		}
		d.maybe(v, "weight_grams", 1+d.IntN(1_000_000))
		d.maybe(v, "images", d.images())
		if choice {
			v["options"] = object{"size": sizes[i]}
		} else {
			d.maybe(v, "options", d.texts())
		}
		variants = append(variants, v)
	}
	d.Shuffle(len(variants), func(i, j int) { variants[i], variants[j] = variants[j], variants[i] })
	doc["variants"] = variants
	return doc
}

func (d draw) category(n int) object {
	doc := object{"slug": fmt.Sprintf("c-%d-%d", n, d.IntN(2)), "name": d.name()}
	d.maybe(doc, "parent", d.oneOf("wares", "never", "other"))
	d.maybe(doc, "position", d.IntN(3))
	return doc
}

func (d draw) stock(n int) object {
	doc := object{"sku": fmt.Sprintf("P-%d-0", n), "on_hand": d.oneOf(0, 1, d.IntN(10_000_000))}
	d.maybe(doc, "location", d.oneOf("main", "bcn"))
	d.maybe(doc, "low_at", d.IntN(3))
	return doc
}

// Whatever is left out or stated, what is read is what was sent, also where it takes the place
// of something else.
func TestWhatIsReadIsWhatWasSent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := draw{rand.New(rand.NewPCG(seed, 1))}
	s := open(t)
	s.call(200, manager, "PUT", "/v1/settings/inventory", object{"locations": []any{object{"id": "bcn", "name": "B"}, object{"id": "main", "name": "M"}}})
	s.move("categories", intake.Stored, moved("categories:a", 1, wareShelf), moved("categories:b", 1, object{"slug": "other", "name": "O"}))
	const rows = 40
	for _, kind := range []struct {
		name string
		make func(int) object
	}{{"categories", d.category}, {"products", d.product}, {"stock", d.stock}} {
		for round := range 5 {
			var docs []object
			var keys []string
			want := map[string]string{}
			for n := range rows {
				doc, key := kind.make(n), fmt.Sprintf("%s:%d", kind.name, n)
				raw, err := json.Marshal(doc)
				require.NoError(t, err)
				docs, keys, want[key] = append(docs, moved(key, round, doc)), append(keys, key), string(raw)
			}
			s.move(kind.name, intake.Stored, docs...)
			got := s.kept(kind.name, keys...)
			require.Len(t, got, rows)
			for key := range want {
				require.JSONEq(t, want[key], got[key], "%s", key)
			}
		}
	}
}

// full states every field of a product.
func full() object {
	return object{
		"slug": "full", "language": "en", "name": "Full", "description": "All of it.", "translations": object{"de": object{"name": "Voll", "description": "Alles."}},
		"category": "wares", "tax_class": "standard", "status": "published", "images": []any{"https://example.org/1.jpg"}, "attributes": object{"a": "b"},
		"options": []any{object{"name": "size", "values": []any{"S", "M"}}},
		"variants": []any{object{"sku": "F-1", "name": "S", "barcode": "4006381333931", "weight_grams": 5, "images": []any{"https://example.org/2.jpg"},
			"options": object{"size": "S"}, "prices": []any{object{"amount": 100, "currency": "EUR"}}}},
	}
}

// A change that staff make to any field shows as a difference, and is gone after the next state
// that is moved in.
func TestAChangeHereIsADifference(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("categories:1", 1, wareShelf), moved("categories:2", 1, object{"slug": "other", "name": "O"}))
	raw, err := json.Marshal(full())
	require.NoError(t, err)
	variant := func(field string, value any) func(object) {
		return func(p object) { p["variants"].([]any)[0].(object)[field] = value }
	}
	field := func(name string, value any) func(object) { return func(p object) { p[name] = value } }
	changes := map[string]func(object){
		"slug": field("slug", "else"), "language": field("language", "es"), "name": field("name", "Else"), "description": field("description", "Else."),
		"translations": field("translations", object{}), "translation": field("translations", object{"de": object{"name": "Voll"}}),
		"category": field("category", "other"), "tax_class": field("tax_class", "reduced"), "status": field("status", "draft"),
		"images": field("images", []any{}), "attributes": field("attributes", object{"a": "c"}),
		"options": field("options", []any{object{"name": "size", "values": []any{"S"}}}),
		"sku":     variant("sku", "F-2"), "variant name": variant("name", "s"), "barcode": variant("barcode", "96385074"), "weight": variant("weight_grams", 6),
		"variant images": variant("images", []any{}), "prices": variant("prices", []any{object{"amount": 101, "currency": "EUR"}}),
	}
	position := 1
	for name, change := range changes {
		position++
		s.move("products", intake.Stored, moved("products:f", position, full()))
		require.JSONEq(t, string(raw), s.kept("products", "products:f")["products:f"])
		p := full()
		change(p)
		s.call(200, manager, "PUT", "/v1/products/"+idOf("products:f"), p)
		want, err := json.Marshal(p)
		require.NoError(t, err)
		require.NotEqual(t, string(raw), string(want), name)
		got := s.kept("products", "products:f")["products:f"]
		var a, b any
		require.NoError(t, json.Unmarshal([]byte(got), &a))
		require.NoError(t, json.Unmarshal(raw, &b))
		require.NotEqual(t, b, a, name)
	}
	s.move("products", intake.Stored, moved("products:f", position+1, full()))
	require.JSONEq(t, string(raw), s.kept("products", "products:f")["products:f"])

	s.call(200, manager, "PUT", "/v1/categories/other", object{"name": "Else", "parent": "wares", "position": 3})
	require.JSONEq(t, `{"slug":"other","name":"Else","parent":"wares","position":3}`, s.kept("categories", "categories:2")["categories:2"])
	s.move("categories", intake.Stored, moved("categories:2", 2, object{"slug": "other", "name": "O", "position": 0}))
	require.JSONEq(t, `{"slug":"other","name":"O","position":0}`, s.kept("categories", "categories:2")["categories:2"])
}

// What only exists here of a product outlives what is moved in: its price lists, its history of
// prices, the slugs that it had.
func TestWhatOnlyExistsHere(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("categories:1", 1, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	list := s.call(201, manager, "POST", "/v1/price-lists", object{"name": "Sale"}).Header.Get("Location")
	id := list[len("/v1/price-lists/"):]
	s.call(200, manager, "PUT", "/v1/prices/W-1", object{"prices": []any{object{"list": id, "amount": 400, "currency": "EUR"}}})
	other := with(movedWare(1), "slug", "renamed")
	other["variants"].([]any)[0].(object)["prices"] = []any{object{"amount": 450, "currency": "EUR"}}
	for position := range 3 {
		s.move("products", intake.Stored, moved(productKey(1), 2+position, other))
	}
	require.NoError(t, s.prices.Refresh(t.Context()))
	s.call(308, nobody, "GET", "/v1/products/ware-1", nil)
	require.Contains(t, string(s.call(200, manager, "GET", "/v1/prices/W-1", nil).Body), `"amount":400`)
	var log struct{ Items []map[string]any }
	s.call(200, manager, "GET", "/v1/prices/W-1/history", nil).JSON(t, &log)
	require.Len(t, log.Items, 2, "the price of the list, and the one that was moved in, once")
	stated := slices.ContainsFunc(log.Items, func(c map[string]any) bool { return fmt.Sprint(c["list"]) == id })
	require.True(t, stated, "%v", log.Items)
}
