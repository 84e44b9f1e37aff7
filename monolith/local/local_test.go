package local_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tienda/monolith/local"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
)

const forbidden = "42501" // SQLSTATE: insufficient_privilege

// The migration's role reads and replicates. Everything else is refused, and refused
// for want of the right to do it.
func TestTheMigrationCannotWrite(t *testing.T) {
	localtest.Needs(t)
	d := localtest.Open(t)
	conn := localtest.Connect(t, d.MigrationDSN)
	for _, sql := range []string{
		"CREATE TABLE mine (id int)",
		"CREATE TEMP TABLE mine (id int)",
		"CREATE SCHEMA mine",
		"CREATE PUBLICATION mine FOR TABLE orders",
		"DROP PUBLICATION " + schema.Publication,
		"ALTER TABLE orders REPLICA IDENTITY FULL",
		"CREATE ROLE mine",
		"SELECT pg_read_file('PG_VERSION')",
	} {
		refused(t, conn, sql)
	}
	for _, table := range append(schema.Mapped(), schema.Dropped()...) {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n), table)
		refused(t, conn, "DELETE FROM "+table)
		refused(t, conn, "TRUNCATE "+table)
		refused(t, conn, "INSERT INTO "+table+" DEFAULT VALUES")
		refused(t, conn, "SELECT 1 FROM "+table+" FOR UPDATE")
	}
	// What it is for works: a slot, with what the publication holds.
	var slot string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT slot_name FROM pg_create_logical_replication_slot('try', 'pgoutput', true)").Scan(&slot))
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_publication_tables WHERE pubname = $1", schema.Publication)
	require.NoError(t, err)
	var tables []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.ElementsMatch(t, schema.Mapped(), tables)
}

// The role that writes back has the rights for that and for nothing else: no card, no hash
// of a password, no table that nobody needs.
func TestWhatIsWrittenBackNeedsFewRights(t *testing.T) {
	localtest.Needs(t)
	conn := localtest.Connect(t, localtest.Open(t).ReverseDSN)
	for _, sql := range []string{
		"CREATE TABLE mine (id int)",
		"SELECT card_number FROM payments",
		"SELECT card_holder FROM payments",
		"UPDATE payments SET card_number = ''",
		"SELECT pass_hash FROM customers",
		"SELECT pass_salt FROM customers",
		"SELECT pass_hash FROM staff",
		"DELETE FROM orders",
		"DELETE FROM payments",
		"UPDATE addresses SET city = ''",
		"DELETE FROM tienda_reverse",
		"TRUNCATE orders",
		"SELECT pg_create_logical_replication_slot('try', 'pgoutput')",
	} {
		refused(t, conn, sql)
	}
	for _, table := range schema.Dropped() {
		refused(t, conn, "SELECT 1 FROM "+table)
		refused(t, conn, "DELETE FROM "+table)
	}
	_, err := conn.Exec(t.Context(), "INSERT INTO categories (slug, title) VALUES ('ropa', 'Ropa')")
	require.NoError(t, err)
}

func refused(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	refusal := new(pgconn.PgError)
	require.ErrorAs(t, err, &refusal, sql)
	require.Equal(t, forbidden, refusal.Code, "%s: %s", sql, refusal.Message)
}

// A table that is in neither list would be forgotten by a mapping and by this sample.
func TestTheListsNameAllTables(t *testing.T) {
	localtest.Needs(t)
	d := localtest.Open(t)
	conn := localtest.Connect(t, d.OwnerDSN)
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = $1", local.Owner)
	require.NoError(t, err)
	var tables []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.ElementsMatch(t, append(schema.Mapped(), append(schema.Dropped(), "tienda_reverse")...), tables)
	var zone string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW timezone").Scan(&zone))
	require.Equal(t, schema.Zone, zone)
}

// A folder that has a database is opened again with what is in it.
func TestReopen(t *testing.T) {
	localtest.Needs(t)
	dir := t.TempDir()
	first, err := local.Open(t.Context(), local.Config{Dir: dir, Log: t.Output()})
	require.NoError(t, err)
	conn := localtest.Connect(t, first.OwnerDSN)
	_, err = conn.Exec(t.Context(), "INSERT INTO categories (slug, title) VALUES ('ropa', 'Ropa')")
	require.NoError(t, err)
	require.NoError(t, first.Close(), "although somebody is connected")
	<-first.Done()

	again, err := local.Open(t.Context(), local.Config{Dir: dir, Log: t.Output()})
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	var title string
	require.NoError(t, localtest.Connect(t, again.MigrationDSN).QueryRow(t.Context(), "SELECT title FROM categories").Scan(&title))
	require.Equal(t, "Ropa", title)
}
