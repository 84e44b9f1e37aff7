package mappings_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/monolith/local/localtest"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/mapping/mappingtest"
)

// database starts a PostgreSQL that ends with the test, and connects to a new
// database in it.
func database(t *testing.T) *pgx.Conn {
	t.Helper()
	server, err := profile.Open(t.Context(), profile.Config{Name: "postgres", Dir: t.TempDir(), Private: true})
	require.NoError(t, err)
	cmd := server.Command()
	require.NoError(t, daprd.StartChild(cmd))
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait() // it was asked to end
	})
	require.Eventually(t, func() bool { return server.Ready(t.Context()) == nil }, 60*time.Second, 50*time.Millisecond)
	admin, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "CREATE DATABASE old")
	require.NoError(t, err)
	require.NoError(t, admin.Close(t.Context()))
	conn, err := pgx.Connect(t.Context(), server.DSN("old"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// run sends a text of many statements.
func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
}

// cents gives a sum of amounts of the database in minor units.
func cents(t *testing.T, conn *pgx.Conn, sql string) int64 {
	t.Helper()
	var n int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT (100 * ("+sql+"))::bigint").Scan(&n))
	return n
}

func count(t *testing.T, conn *pgx.Conn, table string) int {
	t.Helper()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

type orderDoc struct {
	Lines []struct {
		Quantity int64
		Total    struct{ Amount int64 }
	}
	Totals map[string]struct{ Amount int64 }
}

func sums(t *testing.T, docs []mapping.Document) (lines int, pieces, lineTotal int64, totals map[string]int64) {
	t.Helper()
	totals = map[string]int64{}
	for _, d := range docs {
		var o orderDoc
		require.NoError(t, json.Unmarshal(d.JSON, &o))
		lines += len(o.Lines)
		for _, l := range o.Lines {
			pieces += l.Quantity
			lineTotal += l.Total.Amount
		}
		for name, m := range o.Totals {
			totals[name] += m.Amount
		}
	}
	return lines, pieces, lineTotal, totals
}

var ds3Categories = []string{"Action", "Animation", "Children", "Classics", "Comedy", "Documentary", "Drama", "Family",
	"Foreign", "Games", "Horror", "Music", "New", "Sci-Fi", "Sports", "Travel"}

// Every row of DVD Store 3 becomes a document, and the amounts are those that SQL
// adds up.
func TestAllOfDS3(t *testing.T) {
	dir := localtest.Theirs(t, "ds3")
	conn := database(t)
	sql, err := os.ReadFile(filepath.Join("testdata", "ds3.sql"))
	require.NoError(t, err)
	run(t, conn, string(sql))
	for i, name := range ds3Categories {
		run(t, conn, fmt.Sprintf("INSERT INTO categories VALUES (%d, '%s')", i+1, name))
	}
	for _, table := range []string{"customers", "products", "inventory", "orders", "orderlines", "cust_hist", "membership"} {
		f, err := os.Open(filepath.Join(dir, table+".csv"))
		require.NoError(t, err)
		_, err = conn.PgConn().CopyFrom(t.Context(), f, "COPY "+table+" FROM STDIN WITH (FORMAT csv)")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	m := load(t, "ds3")
	d, err := mappingtest.Read(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, m.Check(d.Schema, owners(t)))
	docs := documents(t, m, d, nil)
	for kind, table := range map[string]string{"categories": "categories", "products": "products", "stock": "inventory", "users": "customers", "orders": "orders"} {
		require.Len(t, docs[kind], count(t, conn, table), kind)
	}
	lines, pieces, lineTotal, totals := sums(t, docs["orders"])
	require.Equal(t, count(t, conn, "orderlines"), lines)
	require.Equal(t, cents(t, conn, "SELECT sum(quantity) FROM orderlines"), 100*pieces)
	require.Equal(t, cents(t, conn, "SELECT sum(quantity * price) FROM orderlines JOIN products USING (prod_id)"), lineTotal)
	require.Equal(t, cents(t, conn, "SELECT sum(netamount) FROM orders"), totals["goods"])
	require.Equal(t, cents(t, conn, "SELECT sum(tax) FROM orders"), totals["tax"])
	require.Equal(t, cents(t, conn, "SELECT sum(totalamount) FROM orders"), totals["total"])
	cards := map[string]bool{}
	for _, row := range d.Rows["customers"] {
		card, ok := row["creditcard"].(string)
		require.True(t, ok)
		cards[card] = true
	}
	for _, doc := range docs["users"] {
		require.NotContains(t, string(doc.JSON), "password")
		for word := range strings.SplitSeq(string(doc.JSON), `"`) {
			require.False(t, cards[word], "the number of a card in %s", doc.Key)
		}
	}
}

// Every row of Northwind becomes a document, and the amounts are those that SQL adds
// up.
func TestAllOfNorthwind(t *testing.T) {
	dir := localtest.Theirs(t, "northwind")
	conn := database(t)
	sql, err := os.ReadFile(filepath.Join(dir, "northwind.sql"))
	require.NoError(t, err)
	// Settings that only older servers know.
	run(t, conn, strings.ReplaceAll(string(sql), "SET default_with_oids = false;", ""))
	m := load(t, "northwind")
	d, err := mappingtest.Read(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, m.Check(d.Schema, owners(t)))
	docs := documents(t, m, d, nil)
	for kind, table := range map[string]string{"categories": "categories", "products": "products", "stock": "products", "users": "customers", "orders": "orders"} {
		require.Len(t, docs[kind], count(t, conn, table), kind)
	}
	lines, pieces, lineTotal, totals := sums(t, docs["orders"])
	require.Equal(t, count(t, conn, "order_details"), lines)
	require.Equal(t, cents(t, conn, "SELECT sum(quantity) FROM order_details"), 100*pieces)
	goods := cents(t, conn, "SELECT sum(round(unit_price::text::numeric * quantity * (1 - discount::text::numeric), 2)) FROM order_details")
	freight := cents(t, conn, "SELECT sum(round(freight::text::numeric, 2)) FROM orders")
	require.Equal(t, goods, lineTotal)
	require.Equal(t, goods, totals["goods"])
	require.Equal(t, freight, totals["shipping"])
	require.Equal(t, goods+freight, totals["total"])
}
