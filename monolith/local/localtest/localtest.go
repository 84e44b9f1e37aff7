// Package localtest starts the monolith's database for tests.
package localtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/internal/profile/profiletest"
	"tienda/monolith/local"
)

// Wanted says whether this run of the tests has a PostgreSQL: its name is in PROFILES.
func Wanted() bool { return profiletest.Has("postgres") }

// Needs skips a test where Wanted says no.
func Needs(t testing.TB) {
	t.Helper()
	profiletest.Needs(t, "postgres")
}

// Theirs gives the folder of a database that is not the project's own, and skips the test
// where this run has none: TIENDA_DATA names the folder of all.
func Theirs(t testing.TB, name string) string {
	t.Helper()
	Needs(t)
	dir := os.Getenv("TIENDA_DATA")
	if dir == "" {
		t.Skip("TIENDA_DATA names no folder of databases")
	}
	return filepath.Join(dir, name)
}

// Open starts a database with empty tables that ends with the test.
func Open(t testing.TB) *local.Database {
	t.Helper()
	d, err := local.Open(t.Context(), local.Config{Dir: t.TempDir(), Log: t.Output(), Settings: []string{"fsync=off"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// Connect opens one connection that ends with the test.
func Connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// Pool opens a pool of at most 16 connections that ends with the test.
func Pool(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn+" pool_max_conns=16")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}
