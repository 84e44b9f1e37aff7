package shop

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
	"tienda/internal/money"
)

const (
	pageSize    = 20
	maxPageSize = 100
	maxWords    = 10
)

// orders of a list. The newest are first in each where nothing else decides.
var sorts = map[string]string{
	"":          "p.created_at DESC",
	"newest":    "p.created_at DESC",
	"relevance": "p.created_at DESC",
	"name":      "p.title",
	"-name":     "p.title DESC",
	"price":     "v.price_from",
	"-price":    "v.price_from DESC",
}

// found is what a list is made of: products on sale and what their variants have.
const found = ` FROM products p JOIN categories c ON c.id = p.category_id CROSS JOIN LATERAL (
		SELECT min(x.price_cents) AS price_from, coalesce(bool_or(i.quantity > 0), false) AS in_stock, array_agg(x.sku::text ORDER BY x.sort_order, x.id) AS skus
		FROM product_variants x LEFT JOIN inventory i ON i.variant_id = x.id WHERE x.product_id = p.id) v
	WHERE p.active AND v.skus IS NOT NULL`

// query is SQL that grows, with the values of its parameters.
type query struct {
	where  string
	values []any
}

// and adds a condition, with a parameter where it says %s.
func (q *query) and(condition string, value any) {
	q.values = append(q.values, value)
	q.where += " AND " + strings.ReplaceAll(condition, "%s", "$"+strconv.Itoa(len(q.values)))
}

// listProducts searches as the old shop does: each word anywhere in title, text or SKU,
// as it is written. A page begins so many products after the first one.
func (s *shop) listProducts(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	limit, offset, sort, err := paging(in)
	if err != nil {
		return err
	}
	q, err := conditions(in)
	if err != nil {
		return err
	}
	shown := in.Get("currency") == "" || in.Get("currency") == currency
	if !shown && strings.HasSuffix(in.Get("sort"), "price") {
		return send(w, http.StatusOK, productList{Items: []summary{}}) // nothing has a price in it
	}
	out := productList{}
	if err := s.DB.QueryRow(r.Context(), "SELECT count(*)"+found+q.where, q.values...).Scan(&out.Total); err != nil {
		return fmt.Errorf("products: %w", err)
	}
	rows, err := s.DB.Query(r.Context(), fmt.Sprintf("SELECT p.id, p.slug, p.lang, p.title, c.slug, coalesce(p.image_url, ''), v.price_from, v.in_stock, v.skus%s%s ORDER BY %s, p.id DESC LIMIT %d OFFSET %d",
		found, q.where, sort, limit, offset), q.values...)
	if err != nil {
		return fmt.Errorf("products: %w", err)
	}
	out.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (summary, error) {
		var p summary
		var key int64
		m := money.New(0, currency)
		err := row.Scan(&key, &p.Slug, &p.Language, &p.Name, &p.Category, &p.Image, &m.Amount, &p.InStock, &p.SKUs)
		p.ID = s.Identity(fmt.Sprintf("products:%d", key))
		if shown {
			p.PriceFrom = &m
		}
		return p, err
	})
	if err != nil {
		return fmt.Errorf("products: %w", err)
	}
	if next := offset + len(out.Items); len(out.Items) == limit && next < out.Total {
		out.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(in.Get("sort") + ":" + strconv.Itoa(next)))
	}
	return send(w, http.StatusOK, out)
}

func paging(in url.Values) (limit, offset int, sort string, err error) {
	limit = pageSize
	if v := in.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxPageSize {
			return 0, 0, "", fault.BadField("limit", "is not from 1 to 100")
		}
	}
	sort, known := sorts[in.Get("sort")]
	if !known {
		return 0, 0, "", fault.BadField("sort", "is none of relevance, newest, name, -name, price, -price")
	}
	if v := in.Get("cursor"); v != "" {
		b, err := base64.RawURLEncoding.DecodeString(v)
		by, text, _ := strings.Cut(string(b), ":")
		n, err2 := strconv.Atoi(text)
		if err != nil || err2 != nil || n < 0 || by != in.Get("sort") {
			return 0, 0, "", fault.BadField("cursor", "is not that of a page before")
		}
		offset = n
	}
	return limit, offset, sort, nil
}

func conditions(in url.Values) (query, error) {
	var q query
	words := strings.Fields(in.Get("q"))
	for _, word := range words[:min(len(words), maxWords)] {
		pattern := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(word) + "%"
		q.and("(p.title ILIKE %s OR p.long_text ILIKE %s OR EXISTS (SELECT FROM unnest(v.skus) k WHERE k ILIKE %s))", pattern)
	}
	if v := in.Get("category"); v != "" {
		q.and(`c.id IN (WITH RECURSIVE below AS (SELECT id FROM categories WHERE slug = %s
			UNION ALL SELECT b.id FROM categories b JOIN below ON b.parent_id = below.id) SELECT id FROM below)`, v)
	}
	for name, condition := range map[string]string{"min_price": "v.price_from >= %s", "max_price": "v.price_from <= %s"} {
		if v := in.Get(name); v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return q, fault.BadField(name, "is no number")
			}
			q.and(condition, n)
		}
	}
	if v := in.Get("in_stock"); v != "" {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return q, fault.BadField("in_stock", "is neither true nor false")
		}
		q.and("v.in_stock = %s", b)
	}
	return q, nil
}
