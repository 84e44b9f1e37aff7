package shop

import (
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
)

const maxPrice = 99_999_999 // cents, which numeric(10,2) holds

// NewPrice is the body of PUT /legacy/prices/{sku}.
type NewPrice struct {
	Cents int64 `json:"cents"` // of EUR, tax included
}

func (s *shop) changePrice(w http.ResponseWriter, r *http.Request) error {
	var in NewPrice
	if err := read(r, &in); err != nil {
		return err
	}
	if in.Cents < 1 || in.Cents > maxPrice {
		return fault.BadField("/cents", fmt.Sprintf("is not from 1 to %d", maxPrice))
	}
	sku := mux.Vars(r)["sku"]
	err := s.transact(r.Context(), func(tx pgx.Tx) error {
		var variant int64
		if err := tx.QueryRow(r.Context(), "UPDATE product_variants SET price = $2 WHERE sku = $1 RETURNING id", sku, cents(in.Cents)).Scan(&variant); err != nil {
			return missing(err, "SKU")
		}
		if _, err := tx.Exec(r.Context(), "INSERT INTO price_history (variant_id, price) VALUES ($1, $2)", variant, cents(in.Cents)); err != nil {
			return fmt.Errorf("price of %s: %w", sku, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, in)
}

// deleteProduct removes a product of which nothing was ever sold.
func (s *shop) deleteProduct(w http.ResponseWriter, r *http.Request) error {
	tag, err := s.DB.Exec(r.Context(), "DELETE FROM products WHERE slug = $1", mux.Vars(r)["slug"])
	switch {
	case is(err, referenced):
		return fault.New(fault.Conflict, "product_sold", "There are orders with the product.")
	case err != nil:
		return fmt.Errorf("product: %w", err)
	case tag.RowsAffected() == 0:
		return fault.Missing("product")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
