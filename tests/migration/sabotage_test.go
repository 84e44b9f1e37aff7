package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/tests/migration/checker"
)

// held is a document as its owner reads it back.
type held struct {
	ID     string `json:"id"`
	Source struct {
		Key      string `json:"key"`
		Position uint64 `json:"position"`
	} `json:"source"`
	Deleted  bool            `json:"deleted,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
}

// asMigration asks a route of an owner, as the migration: through its sidecar.
func (s *story) asMigration(app, path string, in, out any) {
	s.t.Helper()
	tokens, err := s.shop.Tokens()
	require.NoError(s.t, err)
	b, err := json.Marshal(in)
	require.NoError(s.t, err)
	at := fmt.Sprintf("http://127.0.0.1:%d%s", s.shop.Of("migration")[0].HTTPPort, path)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, at, bytes.NewReader(b))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("dapr-app-id", app)
	req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(s.t, http.StatusOK, resp.StatusCode, path)
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(out))
}

// read has an owner give a document back.
func (s *story) read(app, kind, key string) held {
	s.t.Helper()
	var docs struct{ Documents []held }
	s.asMigration(app, "/internal/v1/sync/"+kind+"/read", map[string]any{"ids": []string{checker.ID(key)}}, &docs)
	require.Len(s.t, docs.Documents, 1, key)
	return docs.Documents[0]
}

// write has an owner take a document, in the part of the index that the migration has it in.
func (s *story) write(app, kind string, d held) {
	s.t.Helper()
	_, number, _ := strings.Cut(d.Source.Key, ":")
	id, err := strconv.Atoi(number)
	require.NoError(s.t, err)
	var answer struct {
		Results []struct{ Outcome string }
	}
	s.asMigration(app, "/internal/v1/sync/"+kind, map[string]any{"part": strconv.Itoa(id / 100), "documents": []held{d}}, &answer)
	require.Equal(s.t, "stored", answer.Results[0].Outcome, d.Source.Key)
}

// change reads a document, has it changed and writes it under the position that it has.
func (s *story) change(app, kind, key string, how func(doc map[string]any)) {
	s.t.Helper()
	d := s.read(app, kind, key)
	var doc map[string]any
	require.NoError(s.t, json.Unmarshal(d.Document, &doc))
	how(doc)
	b, err := json.Marshal(doc)
	require.NoError(s.t, err)
	d.Document = b
	s.write(app, kind, d)
}

// swap exchanges a field of the first two of a document's children.
func swap(list, field string) func(map[string]any) {
	return func(doc map[string]any) {
		children, ok := doc[list].([]any)
		if !ok || len(children) < 2 {
			return
		}
		a, first := children[0].(map[string]any)
		b, second := children[1].(map[string]any)
		if first && second {
			a[field], b[field] = b[field], a[field]
		}
	}
}

// one gives the first row of a query as texts.
func one(t *testing.T, db *pgxpool.Pool, sql string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		out := make([]string, len(row.FieldDescriptions()))
		into := make([]any, len(out))
		for i := range out {
			into[i] = &out[i]
		}
		return out, row.Scan(into...)
	})
	require.NoError(t, err)
	require.NotEmpty(t, all, sql)
	return all[0]
}

// spoilt is one thing that is no longer as it was moved: the beginnings of the lines in
// which the checker says so, and the differences that the verification finds.
type spoilt struct{ lines, differences []string }

// sabotaged spoils what was moved in every way there is, some of it through the public
// routes: the checker and the verification find each, and nothing else, and a repair
// makes both find nothing again.
func (s *story) sabotaged(door *checker.Shop) {
	s.t.Helper()
	var want spoilt
	for _, spoil := range []func(*testing.T, *story, *pgxpool.Pool, *checker.Shop) spoilt{
		renamed, deleted, movedHouse, swappedMessages, swappedLines, lost, doubled,
	} {
		one := spoil(s.t, s, s.owner, door)
		want.lines, want.differences = append(want.lines, one.lines...), append(want.differences, one.differences...)
	}
	foundBy(s.t, s.owner, door, want.lines)
	r := s.verified()
	require.False(s.t, r.Equal)
	var differences []string
	for _, d := range r.Different {
		differences = append(differences, fmt.Sprint(d.Key, " ", d.What, " ", d.Fields))
	}
	require.ElementsMatch(s.t, want.differences, differences)
	var repaired struct{ Written int }
	s.must(http.StatusOK, http.MethodPost, "/v1/migration/repair", &repaired)
	require.Equal(s.t, len(want.differences), repaired.Written)
	s.same(checker.Sample(), door)
}

// foundBy demands that the checker comes to find a line with each of the beginnings, and
// none with another.
func foundBy(t *testing.T, db *pgxpool.Pool, s *checker.Shop, beginnings []string) {
	t.Helper()
	for end := time.Now().Add(settleTime); ; time.Sleep(time.Second) {
		got, err := checker.Check(t.Context(), db, checker.Sample(), s)
		require.NoError(t, err)
		left := slices.DeleteFunc(slices.Clone(got), func(line string) bool {
			return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(line, b) })
		})
		missed := slices.DeleteFunc(slices.Clone(beginnings), func(b string) bool {
			return slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, b) })
		})
		if len(left)+len(missed) == 0 {
			return
		}
		require.True(t, time.Now().Before(end), "not found: %q; found besides: %q", missed, left)
	}
}

// renamed is a changed field: a catalog manager gives a product another name.
func renamed(t *testing.T, _ *story, db *pgxpool.Pool, s *checker.Shop) spoilt {
	t.Helper()
	p := one(t, db, "SELECT slug, id::text FROM products WHERE active ORDER BY id LIMIT 1")
	var doc map[string]any
	etag, err := s.Call(t.Context(), s.Catalog, http.MethodGet, "/v1/products/"+p[0]+"?translations=true", "", nil, &doc)
	require.NoError(t, err)
	at := fmt.Sprint("/v1/products/", doc["id"])
	keep := func(names ...string) func(string, any) bool {
		return func(name string, _ any) bool { return !slices.Contains(names, name) }
	}
	maps.DeleteFunc(doc, keep("slug", "language", "description", "category", "tax_class", "status", "images", "attributes", "options", "variants"))
	doc["name"] = "Renamed"
	variants, ok := doc["variants"].([]any)
	require.True(t, ok)
	for _, one := range variants {
		v, ok := one.(map[string]any)
		require.True(t, ok)
		maps.DeleteFunc(v, keep("sku", "name", "barcode", "weight_grams", "options", "prices", "images"))
	}
	_, err = s.Call(t.Context(), s.Catalog, http.MethodPut, at, etag, doc, nil)
	require.NoError(t, err)
	return spoilt{[]string{"product " + p[0] + ": name: "}, []string{"products:" + p[1] + " different [/name]"}}
}

// deleted is lost rows: a catalog manager deletes a product, and its stock goes too.
func deleted(t *testing.T, _ *story, db *pgxpool.Pool, s *checker.Shop) spoilt {
	t.Helper()
	p := one(t, db, "SELECT slug, id::text FROM products WHERE active ORDER BY id DESC LIMIT 1")
	var doc struct{ ID string }
	etag, err := s.Call(t.Context(), s.Catalog, http.MethodGet, "/v1/products/"+p[0], "", nil, &doc)
	require.NoError(t, err)
	_, err = s.Call(t.Context(), s.Catalog, http.MethodDelete, "/v1/products/"+doc.ID, etag, nil, nil)
	require.NoError(t, err)
	is := spoilt{[]string{"product " + p[0] + ": lost", "products on sale all: "}, []string{"products:" + p[1] + " missing []"}}
	rows, err := db.Query(t.Context(), "SELECT sku, id::text, reorder_at IS NOT NULL FROM product_variants JOIN inventory ON variant_id = id WHERE product_id = $1", p[1])
	require.NoError(t, err)
	var sku, id string
	var threshold bool
	_, err = pgx.ForEachRow(rows, []any{&sku, &id, &threshold}, func() error {
		is.lines = append(is.lines, "SKU "+sku+": lost", "stock of SKU "+sku+": lost")
		if threshold {
			is.lines = append(is.lines, "threshold of SKU "+sku+": lost")
		}
		is.differences = append(is.differences, "stock:"+id+" missing []")
		return nil
	})
	require.NoError(t, err)
	return is
}

// movedHouse is a changed child: a customer moves house.
func movedHouse(t *testing.T, _ *story, db *pgxpool.Pool, s *checker.Shop) spoilt {
	t.Helper()
	c := one(t, db, `SELECT lower(trim(email)), id::text FROM customers WHERE NOT blocked AND id IN
		(SELECT customer_id FROM addresses GROUP BY customer_id HAVING count(*) = 1) ORDER BY id LIMIT 1`)
	who := s.Customers[slices.IndexFunc(s.Customers, func(a checker.Account) bool { return a.Email == c[0] })]
	var list struct{ Items []map[string]any }
	_, err := s.Call(t.Context(), who, http.MethodGet, "/v1/me/addresses", "", nil, &list)
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	at := fmt.Sprint("/v1/me/addresses/", list.Items[0]["id"])
	delete(list.Items[0], "id")
	list.Items[0]["city"] = "Elsewhere"
	_, err = s.Call(t.Context(), who, http.MethodPut, at, "", list.Items[0], nil)
	require.NoError(t, err)
	return spoilt{[]string{"address of " + c[0] + ": city: "}, []string{"customers:" + c[1] + " different [/addresses/0/city]"}}
}

// swappedMessages are swapped children: two messages of a ticket say each other's text.
func swappedMessages(t *testing.T, m *story, db *pgxpool.Pool, _ *checker.Shop) spoilt {
	t.Helper()
	id := one(t, db, "SELECT ticket_id::text FROM ticket_messages GROUP BY ticket_id HAVING count(DISTINCT body) = count(*) AND count(*) > 1 ORDER BY ticket_id LIMIT 1")[0]
	m.change("support", "tickets", "tickets:"+id, swap("messages", "text"))
	shown := "message of ticket " + checker.ID("tickets:"+id)
	return spoilt{
		[]string{shown + " 1: text: ", shown + " 2: text: "},
		[]string{"tickets:" + id + " different [/messages/0/text /messages/1/text]"},
	}
}

// swappedLines are swapped children: two lines of an order have each other's quantity.
func swappedLines(t *testing.T, m *story, db *pgxpool.Pool, _ *checker.Shop) spoilt {
	t.Helper()
	o := one(t, db, `SELECT a.order_id::text, number, a.sku, b.sku FROM orders o JOIN order_lines a ON a.order_id = o.id AND a.line_no = 1
		JOIN order_lines b ON b.order_id = o.id AND b.line_no = 2 AND a.qty <> b.qty AND a.sku <> b.sku ORDER BY o.id LIMIT 1`)
	m.change("orders", "orders", "orders:"+o[0], swap("lines", "quantity"))
	shown := "line of order " + o[1] + " "
	return spoilt{
		[]string{shown + o[2] + ": quantity: ", shown + o[3] + ": quantity: "},
		[]string{"orders:" + o[0] + " different [/lines/0/quantity /lines/1/quantity]"},
	}
}

// lost is a lost row: an order is gone.
func lost(t *testing.T, m *story, db *pgxpool.Pool, _ *checker.Shop) spoilt {
	t.Helper()
	o := one(t, db, "SELECT number, id::text FROM orders ORDER BY id DESC LIMIT 1")
	d := m.read("orders", "orders", "orders:"+o[1])
	d.Deleted, d.Document = true, nil
	m.write("orders", "orders", d)
	return spoilt{[]string{"order " + o[0] + ": lost", "line of order " + o[0]}, []string{"orders:" + o[1] + " missing []"}}
}

// doubled is a doubled row: an order is there under another ID too.
func doubled(t *testing.T, m *story, db *pgxpool.Pool, _ *checker.Shop) spoilt {
	t.Helper()
	o := one(t, db, "SELECT number, id::text FROM orders ORDER BY id DESC OFFSET 1 LIMIT 1")
	d := m.read("orders", "orders", "orders:"+o[1])
	d.Source.Key = "orders:999901"
	d.ID = checker.ID(d.Source.Key)
	m.write("orders", "orders", d)
	return spoilt{[]string{"order " + o[0] + ": 1 times", "line of order " + o[0]}, []string{"orders:999901 extra []"}}
}
