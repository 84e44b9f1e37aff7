package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/services/catalog/internal/export"
)

// CSV is the media type of comma-separated values (RFC 4180), with a header.
const CSV = "text/csv"

// sheet is a kind of export: the columns of its rows, and what it says of a product.
type sheet struct {
	columns []string
	rows    func(a *API, it export.Item) []row
}

// row is a line of an export: one JSON document, or one or more records.
type row interface {
	records() [][]string
}

// sheets are the exports by the name that is in their path.
var sheets = map[string]sheet{
	"products": {productColumns, (*API).productRows},
	"stock":    {[]string{"sku", "product_id", "location", "on_hand", "reserved", "available"}, (*API).stockRows},
	"prices":   {priceColumns, (*API).priceRows},
}

// export streams what there is: 1 get for each of 64 parts, and 2 bulk gets for each
// 100 products. Once it has begun, a failure breaks the connection off: an answer
// that ends is whole.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	q, part := r.URL.Query(), -1
	if q.Has("part") {
		part = httpapi.QueryInt(r, "part")
	}
	s := sheets[httpapi.Var(r, "kind")]
	out := &writer{to: w, media: contract.NDJSON}
	var encode func(row) error
	buffer := bufio.NewWriterSize(out, 64<<10)
	if q.Get("format") == "csv" {
		out.media = CSV
		lines := csv.NewWriter(buffer)
		if err := lines.WriteAll([][]string{s.columns}); err != nil {
			return err
		}
		encode = func(l row) error { return lines.WriteAll(l.records()) }
	} else {
		lines := json.NewEncoder(buffer)
		lines.SetEscapeHTML(false)
		encode = func(l row) error { return lines.Encode(l) }
	}
	err := export.Read(r.Context(), a.Exports, part, func(items []export.Item) error {
		for _, it := range items {
			for _, l := range s.rows(a, it) {
				if err := encode(l); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && !out.begun && buffer.Buffered() == 0 {
		_, err = io.WriteString(buffer, "\n") // an answer without a body is one that was lost
	}
	if err == nil {
		err = buffer.Flush()
	}
	return ended(out, err)
}

// ended gives the error of a stream that has not begun; one that has breaks off.
func ended(w *writer, err error) error {
	if err != nil && w.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// writer says what it sends once it does, and not before: until then a problem
// document may be sent instead.
type writer struct {
	to    http.ResponseWriter
	media string
	begun bool
}

func (w *writer) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.to.Header().Set("Content-Type", w.media)
	}
	return w.to.Write(p)
}

type stockRow struct {
	SKU       string `json:"sku"`
	ProductID string `json:"product_id"`
	locationView
}

func (l stockRow) records() [][]string {
	return [][]string{{l.SKU, l.ProductID, l.Location, strconv.Itoa(l.OnHand), strconv.Itoa(l.Reserved), strconv.Itoa(l.Available)}}
}

// stockRows has a row for each SKU and location; one that never had stock has none
// at main.
func (a *API) stockRows(it export.Item) (rows []row) {
	for _, sku := range it.Product.SKUs() {
		s := it.Stock[sku]
		if s == nil {
			rows = append(rows, stockRow{SKU: sku, ProductID: it.Product.ID, locationView: locationView{Location: "main"}})
			continue
		}
		for _, name := range s.Places() {
			rows = append(rows, stockRow{sku, it.Product.ID, locationView{name, s.OnHandAt(name), s.ReservedAt(name), s.AvailableAt(name)}})
		}
	}
	return rows
}

var priceColumns = []string{"sku", "list", "currency", "amount", "min_quantity"}

// priceRow is a PriceUpdate.
type priceRow struct {
	SKU         string `json:"sku"`
	List        string `json:"list,omitempty"`
	Currency    string `json:"currency"`
	Amount      int64  `json:"amount"`
	MinQuantity int    `json:"min_quantity,omitempty"` // of a list's
}

func (l priceRow) records() [][]string {
	return [][]string{{l.SKU, l.List, l.Currency, strconv.FormatInt(l.Amount, 10), number(l.MinQuantity)}}
}

func (a *API) priceRows(it export.Item) (rows []row) {
	for _, v := range it.Product.Variants {
		prices := it.Product.Prices(v)
		for _, p := range prices.Base {
			rows = append(rows, priceRow{SKU: v.SKU, Currency: p.Currency, Amount: p.Amount})
		}
		for _, e := range prices.Listed {
			rows = append(rows, priceRow{v.SKU, e.List, e.Currency, e.Amount, e.MinQuantity})
		}
	}
	return rows
}

// number gives a number as it stands in a cell; "" for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
