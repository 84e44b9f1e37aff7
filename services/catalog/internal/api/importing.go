package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/ndjson"
	"tienda/services/catalog/internal/product"
)

// maxWrites is how many documents one commit of an import writes, a single
// larger product apart.
const maxWrites = 1000

type importLine struct {
	productInput
	ID           string          `json:"id"`
	ExternalID   string          `json:"external_id"`
	CategoryName string          `json:"category_name"`
	Variants     []importVariant `json:"variants"`
}

type importVariant struct {
	variantInput
	Stock int `json:"stock"`
}

func (l importLine) product() product.Imported {
	in := product.Imported{ProductID: l.ID, ExternalID: l.ExternalID, CategoryName: l.CategoryName, Stock: map[string]int{}}
	for _, v := range l.Variants {
		l.productInput.Variants = append(l.productInput.Variants, v.variantInput)
		in.Stock[v.SKU] = v.Stock
	}
	in.Details = l.details(product.Published)
	return in
}

// importProducts makes 1 bulk get and 1 transaction for as many lines as make
// 1,000 documents (about 110 products). The lines are NDJSON or CSV.
func (a *API) importProducts(w http.ResponseWriter, r *http.Request) error {
	report, err := ndjson.Import[importLine, product.Imported]{
		Check: a.ImportLine.Check, Value: importLine.product,
		Weight: product.Imported.Documents, Full: maxWrites, Store: a.Products.Import,
		Lines: linesOf(r, productCells),
	}.Run(w, r)
	if err != nil {
		return err
	}
	// What was imported is shown at once in this replica.
	if err := a.Shown.Refresh(r.Context()); err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, report)
}
