package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/profile/profiletest"
	"tienda/services/migration/internal/mapping"
)

// The commands over a real database: where the profile postgres is tested.
func TestADatabase(t *testing.T) {
	profiletest.Needs(t, "postgres")
	server, stop, err := profiletest.Postgres(t.Context(), t.TempDir(), "wal_level=logical", "fsync=off")
	require.NoError(t, err)
	defer func() { require.NoError(t, stop()) }()
	dsn := server.DSN("postgres")
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	ddl, err := os.ReadFile("mappings/testdata/example.sql")
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), string(ddl))
	require.NoError(t, err)
	at := file(t, dsn)
	preflight := func() (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), []string{"preflight", "-mapping", "example", "-dsn-file", at}, none, &out)
		return out.String(), err
	}

	out, err := preflight()
	require.ErrorIs(t, err, errBlocked, "there is no publication: %s", out)
	require.Contains(t, out, "✓ ok      mapping: ")
	require.Contains(t, out, "✕ blocked publication")
	var sql strings.Builder // what the findings say helps
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "            CREATE PUBLICATION ") {
			sql.WriteString(line)
		}
	}
	_, err = db.Exec(t.Context(), sql.String())
	require.NoError(t, err, "%s", out)
	out, err = preflight()
	require.NoError(t, err, "%s", out)
	require.Contains(t, out, "a move can begin")

	_, err = db.Exec(t.Context(), "ALTER TABLE people ADD COLUMN shoe_size integer")
	require.NoError(t, err)
	out, err = preflight()
	require.ErrorIs(t, err, errBlocked)
	require.Contains(t, out, "people.shoe_size")

	var draft bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"draft", "-name", "old-shop", "-dsn-file", at}, none, &draft))
	m, err := mapping.Load(&draft)
	require.NoError(t, err)
	require.Equal(t, "old-shop", m.Name)
	require.NoError(t, db.Close(t.Context()))
	require.ErrorContains(t, run(t.Context(), []string{"draft", "-dsn-file", file(t, "host=127.0.0.1 port=1 user=x dbname=x password=hidden")}, none, &draft), "source")
}
