package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/fault"
	"tienda/internal/ndjson"
)

// A cell becomes a value of the document that its row makes. One that is not what it
// should be stays a text: then the contract says what is wrong with it, and where.
type cell func(text string) any

func text(s string) any { return s }

func integer(s string) any {
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return s
	}
	return json.Number(s)
}

func document(s string) any {
	if !json.Valid([]byte(s)) {
		return s
	}
	return json.RawMessage(s)
}

// list is of words with spaces between.
func list(s string) any { return strings.Fields(s) }

// amounts are "<minor units> <currency>" with semicolons between.
func amounts(s string) any {
	var out []any
	for one := range strings.SplitSeq(s, ";") {
		amount, currency, ok := strings.Cut(strings.TrimSpace(one), " ")
		if !ok {
			out = append(out, one)
			continue
		}
		out = append(out, map[string]any{"amount": integer(amount), "currency": strings.TrimSpace(currency)})
	}
	return out
}

// column is where the values of a column go: to the product (or the one document of
// a row) or to the variant, under a name.
type column struct {
	name      string
	ofVariant bool
	cell      cell
}

func of(name string, c cell) column     { return column{name, false, c} }
func ofEach(name string, c cell) column { return column{name, true, c} }

// The columns that are taken, by their names in the header.
var (
	productCells = map[string]column{
		"id": of("id", text), "external_id": of("external_id", text), "slug": of("slug", text), "status": of("status", text),
		"language": of("language", text), "name": of("name", text), "description": of("description", text),
		"translations": of("translations", document), "category": of("category", text), "category_name": of("category_name", text),
		"tax_class": of("tax_class", text), "images": of("images", list), "attributes": of("attributes", document), "options": of("options", document),
		"sku": ofEach("sku", text), "variant_name": ofEach("name", text), "barcode": ofEach("barcode", text),
		"weight_grams": ofEach("weight_grams", integer), "variant_images": ofEach("images", list),
		"variant_options": ofEach("options", document), "prices": ofEach("prices", amounts), "stock": ofEach("stock", integer),
	}
	stockCells = map[string]column{
		"sku": of("sku", text), "delta": of("delta", integer), "on_hand": of("on_hand", integer), "location": of("location", text),
		"kind": of("kind", text), "reason": of("reason", text), "version": of("version", integer),
	}
	priceCells = map[string]column{
		"sku": of("sku", text), "list": of("list", text), "currency": of("currency", text), "amount": of("amount", integer),
		"min_quantity": of("min_quantity", integer),
	}
)

// linesOf reads the request's body as lines of JSON: as they are, or made of records.
func linesOf(r *http.Request, cells map[string]column) func(io.Reader) iter.Seq2[ndjson.Line, error] {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != CSV {
		return ndjson.Lines
	}
	return func(body io.Reader) iter.Seq2[ndjson.Line, error] {
		return func(yield func(ndjson.Line, error) bool) { (&table{cells: cells, yield: yield}).read(body) }
	}
}

// table makes documents of records. Records of one product stand one after the
// other, each with a variant; what is of the product is read from the first, and the
// others repeat it or leave it empty.
type table struct {
	cells   map[string]column
	yield   func(ndjson.Line, error) bool
	columns []column

	line     int // of the first record of the document that is being made; 0: none is
	first    []string
	doc      map[string]any
	variants []any
	differs  bool
}

func (t *table) read(body io.Reader) {
	in := csv.NewReader(body)
	header, err := in.Read()
	if err == nil {
		err = t.setColumns(header)
	}
	if errors.Is(err, io.EOF) {
		return
	}
	if err != nil {
		t.yield(ndjson.Line{}, unreadable(err))
		return
	}
	for {
		record, err := in.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			t.end()
			return
		case errors.As(err, &bad):
			if !t.end() || !t.yield(ndjson.Line{Number: bad.StartLine, Bad: "is no record: " + bad.Err.Error()}, nil) {
				return
			}
			continue
		case err != nil:
			t.yield(ndjson.Line{}, unreadable(err))
			return
		}
		line, _ := in.FieldPos(0)
		if !t.add(line, record) {
			return
		}
	}
}

// unreadable gives what the caller is told when no more records can be read.
func unreadable(err error) error {
	var big *http.MaxBytesError
	var known *fault.Error
	if errors.As(err, &big) || errors.As(err, &known) {
		return err
	}
	return fault.BadField("", "the body could not be read").Because(err)
}

func (t *table) setColumns(header []string) error {
	for i, name := range header {
		name = strings.TrimSpace(name)
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		c, ok := t.cells[name]
		switch {
		case !ok:
			return fault.BadField(name, "is not a column of this route")
		case slices.ContainsFunc(t.columns, func(other column) bool { return other.name == c.name && other.ofVariant == c.ofVariant }):
			return fault.BadField(name, "stands twice")
		}
		t.columns = append(t.columns, c)
	}
	return nil
}

// add takes a record in; false: nobody wants more.
func (t *table) add(line int, record []string) bool {
	if t.line > 0 && !t.sameProduct(record) && !t.end() {
		return false
	}
	if t.line == 0 {
		t.line, t.first, t.doc, t.variants, t.differs = line, record, map[string]any{}, nil, false
	}
	variant := map[string]any{}
	for i, c := range t.columns {
		says := record[i]
		switch {
		case c.ofVariant && says != "":
			variant[c.name] = c.cell(says)
		case c.ofVariant || says == "":
		case says != t.first[i]:
			t.differs = true
		default:
			t.doc[c.name] = c.cell(says)
		}
	}
	if len(variant) > 0 {
		t.variants = append(t.variants, variant)
	}
	return true
}

// sameProduct says whether a record goes on with the product of the one before: it
// has a variant, and the same slug or none.
func (t *table) sameProduct(record []string) bool {
	slug, variant := "", false
	for i, c := range t.columns {
		if !c.ofVariant && c.name == "slug" {
			if slug = record[i]; slug == t.first[i] {
				slug = ""
			}
		}
		variant = variant || c.ofVariant
	}
	return variant && slug == ""
}

// end gives the document that has been made; false: nobody wants more.
func (t *table) end() bool {
	if t.line == 0 {
		return true
	}
	line := ndjson.Line{Number: t.line}
	t.line = 0
	if t.variants != nil {
		t.doc["variants"] = t.variants
	}
	var b bytes.Buffer
	switch err := json.NewEncoder(&b).Encode(t.doc); {
	case err != nil:
		line.Bad = "cannot be taken"
	case t.differs:
		line.Bad = "a later record of the product says something else of it"
	case b.Len() > ndjson.MaxLine:
		line.TooLong = true
	default:
		line.Text = bytes.TrimSpace(b.Bytes())
	}
	return t.yield(line, nil)
}
