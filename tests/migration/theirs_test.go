package migration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/internal/profile/profiletest"
	"tienda/monolith/local/localtest"
	"tienda/tests/migration/checker"
	"tienda/tests/shop"
)

// oldDatabase is a database of a server that ends with the test, and a role that may
// replicate and read.
type oldDatabase struct {
	t       *testing.T
	owner   *pgxpool.Pool
	roleDSN string
}

func newOldDatabase(t *testing.T) *oldDatabase {
	t.Helper()
	server, stop, err := profiletest.Postgres(t.Context(), t.TempDir(), "wal_level=logical", "fsync=off")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	d := &oldDatabase{t: t}
	d.owner, err = pgxpool.New(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	d.run("CREATE DATABASE old")
	d.owner.Close()
	d.owner, err = pgxpool.New(t.Context(), server.DSN("old"))
	require.NoError(t, err)
	t.Cleanup(d.owner.Close)
	d.run("CREATE ROLE mover LOGIN REPLICATION PASSWORD 'mover'")
	host, port, _ := strings.Cut(server.Addr, ":")
	d.roleDSN = fmt.Sprintf("host=%s port=%s user=mover password=mover dbname=old sslmode=disable", host, port)
	return d
}

// run sends a text of many statements.
func (d *oldDatabase) run(sql string) {
	d.t.Helper()
	conn, err := d.owner.Acquire(d.t.Context())
	require.NoError(d.t, err)
	defer conn.Release()
	_, err = conn.Conn().PgConn().Exec(d.t.Context(), sql).ReadAll()
	require.NoError(d.t, err, "%.200s", sql)
}

// load copies a file of comma-separated values into a table.
func (d *oldDatabase) load(table, file string) {
	d.t.Helper()
	f, err := os.Open(file)
	require.NoError(d.t, err)
	defer func() { _ = f.Close() }()
	conn, err := d.owner.Acquire(d.t.Context())
	require.NoError(d.t, err)
	defer conn.Release()
	_, err = conn.Conn().PgConn().CopyFrom(d.t.Context(), f, "COPY "+table+" FROM STDIN WITH (FORMAT csv)")
	require.NoError(d.t, err)
}

// moveTheirs moves a database with a shipped mapping, and holds the shop to the source.
func (d *oldDatabase) moveTheirs(mapping string, is checker.Source) (*story, *checker.Shop) {
	d.t.Helper()
	s := &story{t: d.t, owner: d.owner}
	s.shop, s.token = open(d.t, mapping, d.roleDSN)
	door := demoStaff(s.t, s.shop)
	d.prepared(s)
	now, took := s.whole()
	require.Zero(s.t, now.Rejects, "nothing is rejected")
	r := s.same(is, door)
	for _, k := range now.Kinds {
		s.t.Logf("%s: %d of %d rows", k.Kind, k.Copied, k.Rows)
		require.Equal(s.t, k.Rows, k.Copied, k.Kind)
	}
	s.t.Logf("%s: %d documents in %.1f s, %.0f a second", mapping, r.Compared, took.Seconds(), float64(r.Compared)/took.Seconds())
	return s, door
}

// prepared has the owner of the tables do what the preflight says, until nothing keeps the
// move from starting: rights come before what only who has them can see.
func (d *oldDatabase) prepared(s *story) {
	d.t.Helper()
	type finding struct{ Check, Status, Table, Detail, Do string }
	var blocked []finding
	for range 4 {
		var preflight struct{ Findings []finding }
		s.must(http.StatusOK, http.MethodGet, "/v1/migration/preflight", &preflight)
		blocked = slices.DeleteFunc(preflight.Findings, func(f finding) bool { return f.Status != "blocked" })
		if len(blocked) == 0 {
			return
		}
		for _, f := range blocked {
			d.t.Logf("%s %s: %s", f.Check, f.Table, f.Do)
			if strings.HasSuffix(f.Do, ";") { // others are said in words, and go with these
				d.run(f.Do)
			}
		}
	}
	require.Empty(d.t, blocked)
}

// demoStaff gives a shop its demo staff, as the runner does, and who signs in as them.
func demoStaff(t *testing.T, s *shop.Shop) *checker.Shop {
	t.Helper()
	var lines bytes.Buffer
	staff := slices.DeleteFunc(slices.Clone(demo.Accounts), func(a demo.Account) bool { return a.Role == caller.Customer })
	for _, a := range staff {
		line, err := json.Marshal(map[string]any{"email": a.Email, "password": a.Password, "name": a.Name, "roles": []caller.Role{a.Role}})
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	tokens, err := s.Tokens()
	require.NoError(t, err)
	at := fmt.Sprintf("http://127.0.0.1:%d/internal/v1/import/users", s.Of("gateway")[0].HTTPPort)
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, at, &lines)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("dapr-app-id", "users")
	req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	as := map[caller.Role]checker.Account{}
	for _, a := range staff {
		as[a.Role] = checker.Account{Email: a.Email, Password: a.Password}
	}
	return &checker.Shop{URL: s.Gateway, Catalog: as[caller.CatalogManager], Support: as[caller.SupportAgent], Admin: as[caller.Admin]}
}

var ds3Categories = []string{"Action", "Animation", "Children", "Classics", "Comedy", "Documentary", "Drama", "Family",
	"Foreign", "Games", "Horror", "Music", "New", "Sci-Fi", "Sports", "Travel"}

// DVD Store 3, whole: each order to the cent, and no card number and no password anywhere.
func TestDVDStoreWhole(t *testing.T) {
	dir := localtest.Theirs(t, "ds3")
	d := newOldDatabase(t)
	root, err := shop.Root()
	require.NoError(t, err)
	sql, err := os.ReadFile(filepath.Join(root, "services", "migration", "mappings", "testdata", "ds3.sql"))
	require.NoError(t, err)
	d.run(string(sql))
	for i, name := range ds3Categories {
		d.run(fmt.Sprintf("INSERT INTO categories VALUES (%d, '%s')", i+1, name))
	}
	for _, table := range []string{"customers", "products", "inventory", "orders", "orderlines", "cust_hist", "membership"} {
		d.load(table, filepath.Join(dir, table+".csv"))
	}
	// All have the same password, a word that is in every log: each gets one of its own, so
	// that it can be looked for.
	d.run("UPDATE customers SET password = 'plain-' || md5(customerid::text)")
	s, _ := d.moveTheirs("ds3", checker.DVDStore())
	needles, err := checker.NewNeedles(texts(t, d.owner, "SELECT creditcard FROM customers UNION SELECT password FROM customers")...)
	require.NoError(t, err)
	s.nowhere(needles)
}

// Northwind, whole.
func TestNorthwindWhole(t *testing.T) {
	dir := localtest.Theirs(t, "northwind")
	d := newOldDatabase(t)
	sql, err := os.ReadFile(filepath.Join(dir, "northwind.sql"))
	require.NoError(t, err)
	d.run(strings.ReplaceAll(string(sql), "SET default_with_oids = false;", "")) // which only older servers know
	d.owner.Reset()                                                              // the text has set more for its connection
	d.moveTheirs("northwind", checker.Northwind())
}
