// Package postgrestest gives the tests of the migration real PostgreSQL databases, each of
// its own, on one server that the tests of a package share.
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/profile"
	"tienda/internal/profile/profiletest"
	"tienda/services/migration/internal/postgres"
)

// Publication is the name of the publication of all tables that a DB has.
const Publication = "tienda_move"

var (
	server *profile.Server
	made   atomic.Int64
)

// Main is a package's TestMain: it runs its tests if those of the profile postgres are
// asked for, and gives the exit code.
func Main(m *testing.M) int {
	if !profiletest.Has("postgres") {
		return 0
	}
	dir, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, stop, err := profiletest.Postgres(context.Background(), dir, "wal_level=logical", "fsync=off",
		"max_replication_slots=20", "max_wal_senders=20", "autovacuum=off", "max_wal_size=10GB")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server = s
	failed := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return failed
}

// DB is a database with a role for the migration, which only reads.
type DB struct {
	t     *testing.T
	Name  string
	DSN   string    // of its owner
	Role  string    // of the migration
	Admin *pgx.Conn // of its owner
}

// New makes a database, its tables by SQL, and a publication of all of them. It goes with
// the test, and its slots with it.
func New(t *testing.T, ddl ...string) *DB {
	t.Helper()
	name := fmt.Sprintf("t%d", made.Add(1))
	d := &DB{t: t, Name: name, DSN: server.DSN(name), Role: "mover_" + name}
	root, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	_, err = root.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	d.Admin, err = pgx.Connect(t.Context(), d.DSN)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		defer func() { _ = root.Close(ctx) }()
		_ = d.Admin.Close(ctx)
		require.Eventually(t, func() bool {
			if _, err := root.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
				return false
			}
			if _, err := root.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE (database = $1 OR slot_name = 'slot_' || $1) AND NOT active", name); err != nil {
				return false
			}
			_, err := root.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			return err == nil
		}, 10*time.Second, 20*time.Millisecond)
		_, err := root.Exec(ctx, "DROP ROLE "+d.Role)
		require.NoError(t, err)
	})
	d.Exec("CREATE ROLE " + d.Role + " LOGIN REPLICATION PASSWORD 'secret'")
	d.Exec("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO " + d.Role)
	for _, s := range ddl {
		d.Exec(s)
	}
	d.Exec("CREATE PUBLICATION " + Publication + " FOR ALL TABLES WITH (publish_via_partition_root = true)")
	return d
}

// Exec runs SQL as the owner.
func (d *DB) Exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.Admin.Exec(d.t.Context(), sql, args...)
	require.NoError(d.t, err, sql)
}

// MoverDSN is the connection string of the migration's role.
func (d *DB) MoverDSN() string {
	var parts []string
	for p := range strings.FieldsSeq(d.DSN) {
		switch {
		case strings.HasPrefix(p, "user="):
			p = "user=" + d.Role
		case strings.HasPrefix(p, "password="):
			p = "password=secret"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, " ")
}

// Config is that of a source.
func (d *DB) Config() postgres.Config {
	return postgres.Config{DSN: d.MoverDSN(), Slot: "slot_" + d.Name, Publication: Publication, Timeout: 2 * time.Second}
}

// Open opens the database as a source, until the test ends.
func (d *DB) Open() *postgres.Source {
	d.t.Helper()
	s, err := postgres.Open(d.t.Context(), d.Config())
	require.NoError(d.t, err)
	d.t.Cleanup(s.Close)
	return s
}
