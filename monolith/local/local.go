// Package local runs the sample monolith's PostgreSQL: a server of its own in a folder,
// on loopback, whose log can be followed, with the shop's database and its three roles.
package local

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/monolith/schema"
)

// Names in the server.
const (
	Name      = "monolith"  // of the database
	Owner     = "legacy"    // the role of the legacy shop: owns the tables
	Migration = "migration" // the role of the migration: may log in, replicate and read, and nothing else
	Reverse   = "reverse"   // the role by which the migration writes back what happens in the new shop
)

const (
	startTime = 60 * time.Second
	stopTime  = 30 * time.Second
)

// Config says which server.
type Config struct {
	Dir      string    // where it keeps its data
	Addr     string    // host:port; "": a free port
	Log      io.Writer // the server's own; nil: nowhere
	Settings []string  // of the server, beside wal_level: "max_slot_wal_keep_size=64MB"
}

// Database is a running server with the monolith's database.
type Database struct {
	OwnerDSN     string // of the role legacy
	MigrationDSN string // of the role migration
	ReverseDSN   string // of the role reverse
	AdminDSN     string // of the superuser of this server

	cmd   *exec.Cmd
	ended chan struct{} // closed when the server has
	err   error         // how it ended
	stop  sync.Once
}

// Open starts the server, and makes the database, the roles, the tables and the
// publication that are not there yet. The tables of a new database are empty. It fails
// with what to install when PostgreSQL is missing. Close ends the server; on Linux it
// also ends with this process.
func Open(ctx context.Context, c Config) (*Database, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder of the monolith: %w", err)
	}
	settings := append([]string{"wal_level=logical"}, c.Settings...)
	server, err := profile.Open(ctx, profile.Config{Name: "postgres", Dir: dir, Private: true, Addr: c.Addr, Settings: settings})
	if err != nil {
		return nil, err
	}
	d := &Database{cmd: server.Command(), ended: make(chan struct{}), AdminDSN: server.DSN(Name)}
	d.OwnerDSN, d.MigrationDSN, d.ReverseDSN = dsn(server, Owner), dsn(server, Migration), dsn(server, Reverse)
	d.cmd.Stdout, d.cmd.Stderr = c.Log, c.Log
	if err := daprd.StartChild(d.cmd); err != nil {
		return nil, fmt.Errorf("postgres cannot start: %w", err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := d.ready(ctx, server); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.prepare(ctx, server); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Database) ready(ctx context.Context, server *profile.Server) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := server.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("postgres ended as it started: %w", errors.Join(d.err, err))
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// Done is closed when the server has ended, by Close or by itself.
func (d *Database) Done() <-chan struct{} { return d.ended }

// Close ends the server, with its clients' connections, and waits until it has.
func (d *Database) Close() error {
	d.stop.Do(func() {
		select {
		case <-d.ended: // by itself; its group may be another's by now
			return
		default:
		}
		_ = d.cmd.Process.Signal(syscall.SIGINT) // the fast shutdown
		select {
		case <-d.ended:
		case <-time.After(stopTime):
			_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	<-d.ended
	if d.err != nil {
		return fmt.Errorf("postgres: %w", d.err)
	}
	return nil
}

// prepare makes what is missing. The database comes last but for its tables, which are
// made at once with the publication: what is there is whole.
func (d *Database) prepare(ctx context.Context, server *profile.Server) error {
	admin, err := pgx.Connect(ctx, server.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = admin.Close(ctx) }()
	for role, rights := range map[string]string{Owner: "LOGIN", Migration: "LOGIN REPLICATION", Reverse: "LOGIN"} {
		if err := unless(ctx, admin, "SELECT 1 FROM pg_roles WHERE rolname = $1", role,
			fmt.Sprintf("CREATE ROLE %s %s PASSWORD '%s'", role, rights, password(server, role))); err != nil {
			return err
		}
	}
	if err := unless(ctx, admin, "SELECT 1 FROM pg_database WHERE datname = $1", Name, "CREATE DATABASE "+Name+" OWNER "+Owner); err != nil {
		return err
	}
	super, err := pgx.Connect(ctx, d.AdminDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = super.Close(ctx) }()
	// Nobody but the owner makes anything here; until version 15 everybody may.
	for _, sql := range []string{
		"ALTER DATABASE " + Name + " SET timezone = '" + schema.Zone + "'",
		"REVOKE ALL ON DATABASE " + Name + " FROM PUBLIC",
		"GRANT CONNECT ON DATABASE " + Name + " TO " + Migration + ", " + Reverse,
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
		"GRANT USAGE, CREATE ON SCHEMA public TO " + Owner,
		"GRANT USAGE ON SCHEMA public TO " + Migration + ", " + Reverse,
	} {
		if _, err := super.Exec(ctx, sql); err != nil {
			return fmt.Errorf("monolith: %s: %w", sql, err)
		}
	}
	return d.tables(ctx)
}

// tables makes them as their owner, all at once, unless they are there.
func (d *Database) tables(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.OwnerDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = $1)", schema.Publication).Scan(&there); err != nil || there {
			return err
		}
		if _, err := tx.Exec(ctx, "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO "+Migration); err != nil {
			return fmt.Errorf("rights of %s: %w", Migration, err)
		}
		if err := schema.Create(ctx, tx.Conn()); err != nil {
			return err
		}
		return schema.Publish(ctx, tx.Conn())
	}); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return schema.Reverse(ctx, tx.Conn()) })
}

// unless runs the statement if the query finds no row for the name.
func unless(ctx context.Context, conn *pgx.Conn, query, name, statement string) error {
	var one int
	err := conn.QueryRow(ctx, query, name).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = conn.Exec(ctx, statement)
	}
	if err != nil {
		return fmt.Errorf("monolith: %s: %w", name, err)
	}
	return nil
}

// password derives a role's password from the server's, so that nothing else is kept.
func password(server *profile.Server, role string) string {
	mac := hmac.New(sha256.New, []byte(server.Password))
	mac.Write([]byte(role))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func dsn(server *profile.Server, role string) string {
	host, port, _ := net.SplitHostPort(server.Addr)
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable connect_timeout=2 password=%s", host, port, role, Name, password(server, role))
}
