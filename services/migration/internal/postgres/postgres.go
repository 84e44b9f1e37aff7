// Package postgres is a PostgreSQL database, 13 or later, as a source of the migration:
// its snapshot and changes come from a slot of logical replication with pgoutput. The
// role only reads: it needs SELECT on the tables and the attribute REPLICATION.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/services/migration/internal/source"
)

// Config says which database, and how it is read.
type Config struct {
	DSN         string // a connection string or URL
	Slot        string // name of the replication slot: lower-case letters, digits and _
	Publication string // which somebody with the right to has made: see PublicationError
	Schema      string // whose tables go by their bare name; "": public
	Connections int    // that read chunks and documents at once; 0: 4
	// Timeout is how long the server keeps the slot for a process that no longer answers,
	// and so how long Stream waits for its slot; 0: 15 s.
	Timeout time.Duration
}

// Source is a database. Its methods may be called by several goroutines, Stream by one
// at a time.
type Source struct {
	config    Config
	pool      *pgxpool.Pool // reads rows
	aside     *pgxpool.Pool // answers what has to be known meanwhile
	confirmed atomic.Uint64
	types     atomic.Pointer[map[uint32]kind] // by OID; nil: to be read

	mu      sync.Mutex
	known   catalog         // nil: to be read
	altered int             // how often known was forgotten
	follow  map[string]bool // tables whose changes Stream gives; nil: all
}

var (
	_        source.Source = (*Source)(nil)
	slotName               = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

// settings make the text of values the same in queries and in the stream, whatever the
// server is set to, and errors of what would be silent: row security hides no rows.
var settings = map[string]string{
	"application_name": "tienda-migration", "client_encoding": "UTF8", "DateStyle": "ISO", "TimeZone": "UTC",
	"IntervalStyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1", "row_security": "off",
	"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "jit": "off",
}

// Open checks the configuration and connects.
func Open(ctx context.Context, c Config) (*Source, error) {
	if c.Schema == "" {
		c.Schema = "public"
	}
	if c.Connections == 0 {
		c.Connections = 4
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if !slotName.MatchString(c.Slot) {
		return nil, fmt.Errorf("slot %q: a name has lower-case letters, digits and _, and no digit first", c.Slot)
	}
	if c.Publication == "" {
		return nil, errors.New("the publication has no name")
	}
	s := &Source{config: c}
	var err error
	if s.pool, err = connect(ctx, c.DSN, c.Connections); err != nil {
		return nil, err
	}
	if s.aside, err = connect(ctx, c.DSN, 2); err != nil {
		s.pool.Close()
		return nil, err
	}
	return s, nil
}

func connect(ctx context.Context, dsn string, connections int) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("connection string of the source: %w", err) // pgconn leaves the password out
	}
	maps.Copy(c.ConnConfig.RuntimeParams, settings)
	c.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // statements that are kept would outlive an ALTER TABLE
	c.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	c.MaxConns = int32(connections) //nolint:gosec // a few
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("source: %w", err)
	}
	return pool, nil
}

// Close ends all connections but those of a Stream that runs and of a Snapshot.
func (s *Source) Close() {
	s.pool.Close()
	s.aside.Close()
}

// Confirm says that all up to a position is stored: a Stream that runs, or the next one,
// tells the database within a second. An earlier one than before changes nothing.
func (s *Source) Confirm(p source.Position) {
	for {
		old := s.confirmed.Load()
		if uint64(p) <= old || s.confirmed.CompareAndSwap(old, uint64(p)) {
			return
		}
	}
}

// replication opens a connection of the replication protocol. It is not the pool's.
func (s *Source) replication(ctx context.Context) (*pgconn.PgConn, error) {
	c, err := pgconn.ParseConfig(s.config.DSN)
	if err != nil {
		return nil, fmt.Errorf("connection string of the source: %w", err)
	}
	maps.Copy(c.RuntimeParams, settings)
	c.RuntimeParams["replication"] = "database"
	c.RuntimeParams["wal_sender_timeout"] = fmt.Sprintf("%dms", s.config.Timeout.Milliseconds())
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("replication connection: %w", err)
	}
	return conn, nil
}

// closing gives a little time to end a connection, also when ctx has ended.
func closing(ctx context.Context, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = end(ctx) // it is of no more use, whatever this says
}

// code is the SQLSTATE of an error; "": it is not of the server.
func code(err error) string {
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
