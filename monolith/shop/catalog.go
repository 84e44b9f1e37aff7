package shop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// currency of all prices.
const currency = "EUR"

var taxClasses = map[int]string{1: "standard", 2: "reduced", 3: "super-reduced"}

type category struct {
	Slug     string   `json:"slug"`
	Name     string   `json:"name"`
	Parent   string   `json:"parent,omitempty"`
	Position int      `json:"position"`
	Path     []string `json:"path"`
}

type summary struct {
	ID        string       `json:"id"`
	Slug      string       `json:"slug"`
	Language  string       `json:"language"`
	Name      string       `json:"name"`
	Category  string       `json:"category"`
	Image     string       `json:"image,omitempty"`
	PriceFrom *money.Money `json:"price_from,omitempty"`
	InStock   bool         `json:"in_stock"`
	SKUs      []string     `json:"skus"`
}

type productList struct {
	Items      []summary `json:"items"`
	Total      int       `json:"total"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

type product struct {
	ID          string            `json:"id"`
	Slug        string            `json:"slug"`
	Language    string            `json:"language"`
	Languages   []string          `json:"languages"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Category    string            `json:"category"`
	TaxClass    string            `json:"tax_class"`
	Status      string            `json:"status"`
	Images      []string          `json:"images"`
	Attributes  map[string]string `json:"attributes"`
	Options     []option          `json:"options,omitempty"`
	Variants    []variant         `json:"variants"`
	InStock     bool              `json:"in_stock"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
}

type option struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type variant struct {
	SKU          string            `json:"sku"`
	Name         string            `json:"name"`
	Barcode      string            `json:"barcode,omitempty"`
	WeightGrams  int               `json:"weight_grams,omitempty"`
	Options      map[string]string `json:"options"`
	Prices       []money.Money     `json:"prices"`
	Now          []price           `json:"now"`
	InStock      bool              `json:"in_stock"`
	Availability string            `json:"availability"`
}

type price struct {
	money.Money
	Kind        string `json:"kind"`
	MinQuantity int    `json:"min_quantity"`
}

func (s *shop) listCategories(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.DB.Query(r.Context(), `WITH RECURSIVE tree AS (
			SELECT id, slug, title, '' AS parent, sort_order, ARRAY[slug::text] AS path FROM categories WHERE parent_id IS NULL
			UNION ALL
			SELECT c.id, c.slug, c.title, t.slug::text, c.sort_order, t.path || c.slug::text FROM categories c JOIN tree t ON t.id = c.parent_id)
		SELECT slug, title, parent, sort_order, path FROM tree ORDER BY sort_order, title`)
	if err != nil {
		return fmt.Errorf("categories: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (category, error) {
		var c category
		err := row.Scan(&c.Slug, &c.Name, &c.Parent, &c.Position, &c.Path)
		return c, err
	})
	if err != nil {
		return fmt.Errorf("categories: %w", err)
	}
	return send(w, http.StatusOK, map[string][]category{"items": asTree(items)})
}

// asTree puts each category behind its parent, and leaves those of one parent as they are.
func asTree(rows []category) []category {
	children := map[string][]category{}
	for _, c := range rows {
		children[c.Parent] = append(children[c.Parent], c)
	}
	tree := make([]category, 0, len(rows))
	var add func(parent string)
	add = func(parent string) {
		for _, c := range children[parent] {
			tree = append(tree, c)
			add(c.Slug)
		}
	}
	add("")
	return tree
}

// getProduct finds a product on sale by slug, or by the ID that it shows: as nothing
// but the whole table knows that, it is computed for one after the other.
func (s *shop) getProduct(w http.ResponseWriter, r *http.Request) error {
	var p product
	ref := mux.Vars(r)["ref"]
	key, err := s.find(r.Context(), ref)
	if err != nil {
		return err
	}
	var tax int
	var image, brand string
	err = s.DB.QueryRow(r.Context(), `SELECT p.slug, p.lang, p.title, coalesce(p.long_text, ''), coalesce(p.brand, ''), c.slug, p.tax_class, coalesce(p.image_url, ''),
			p.created_at AT TIME ZONE 'Europe/Madrid' FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = $1`, key).
		Scan(&p.Slug, &p.Language, &p.Name, &p.Description, &brand, &p.Category, &tax, &image, &p.CreatedAt)
	if err != nil {
		return missing(err, "product")
	}
	p.ID, p.TaxClass, p.Status = s.Identity(fmt.Sprintf("products:%d", key)), taxClasses[tax], "published"
	p.Languages, p.Images, p.Attributes = []string{p.Language}, []string{}, map[string]string{}
	p.CreatedAt = p.CreatedAt.UTC()
	p.UpdatedAt = p.CreatedAt
	if image != "" {
		p.Images = []string{image}
	}
	if brand != "" {
		p.Attributes["brand"] = brand
	}
	if err := s.variants(r.Context(), key, &p); err != nil {
		return err
	}
	return send(w, http.StatusOK, p)
}

// find gives the key of the product's row.
func (s *shop) find(ctx context.Context, ref string) (key int64, err error) {
	err = s.DB.QueryRow(ctx, "SELECT id FROM products WHERE slug = $1 AND active", ref).Scan(&key)
	if !errors.Is(err, pgx.ErrNoRows) {
		return key, missing(err, "product")
	}
	if strings.Count(ref, "-") != 4 || len(ref) != 36 {
		return 0, fault.Missing("product")
	}
	rows, err := s.DB.Query(ctx, "SELECT id FROM products WHERE active")
	if err != nil {
		return 0, fmt.Errorf("products: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&key); err != nil {
			return 0, fmt.Errorf("products: %w", err)
		}
		if s.Identity(fmt.Sprintf("products:%d", key)) == strings.ToLower(ref) {
			return key, nil
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("products: %w", err)
	}
	return 0, fault.Missing("product")
}

// variants fills in what the product is sold as.
func (s *shop) variants(ctx context.Context, key int64, p *product) error {
	rows, err := s.DB.Query(ctx, `SELECT v.sku, coalesce(nullif(concat_ws(' / ', v.color, v.size), ''), p.title), coalesce(v.barcode, ''), coalesce((v.weight * 1000)::int, 0),
			coalesce(v.color, ''), coalesce(v.size, ''), v.price_cents, coalesce(i.quantity, 0) > 0
		FROM product_variants v JOIN products p ON p.id = v.product_id LEFT JOIN inventory i ON i.variant_id = v.id WHERE v.product_id = $1 ORDER BY v.sort_order, v.id`, key)
	if err != nil {
		return fmt.Errorf("variants: %w", err)
	}
	colors, sizes := option{Name: "color"}, option{Name: "size"}
	p.Variants, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (variant, error) {
		v, color, size := variant{Options: map[string]string{}, Availability: "out_of_stock"}, "", ""
		m := money.New(0, currency)
		if err := row.Scan(&v.SKU, &v.Name, &v.Barcode, &v.WeightGrams, &color, &size, &m.Amount, &v.InStock); err != nil {
			return v, err
		}
		colors.note(color, v.Options)
		sizes.note(size, v.Options)
		v.Prices, v.Now = []money.Money{m}, []price{{Money: m, Kind: "base", MinQuantity: 1}}
		if v.InStock {
			v.Availability, p.InStock = "in_stock", true
		}
		return v, nil
	})
	if err != nil {
		return fmt.Errorf("variants: %w", err)
	}
	for _, o := range []option{colors, sizes} {
		if o.Values != nil {
			p.Options = append(p.Options, o)
		}
	}
	return nil
}

// note adds a value that a variant has, if it has one.
func (o *option) note(value string, of map[string]string) {
	if value == "" {
		return
	}
	of[o.Name] = value
	for _, v := range o.Values {
		if v == value {
			return
		}
	}
	o.Values = append(o.Values, value)
}
