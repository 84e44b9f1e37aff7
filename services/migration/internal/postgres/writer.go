package postgres

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/source"
)

// ReverseTable is the SQL that makes the table in which Writer keeps what was written. The
// owner of the database runs it.
//
//go:embed writer.sql
var ReverseTable string

// Writer is a PostgreSQL database that documents are written back to, by a role that may
// write. It is used by several goroutines at once.
type Writer struct {
	pool   *pgxpool.Pool
	schema string
}

var _ reverse.Store = (*Writer)(nil)

// writeTimes end what would hold up the monolith's own writers.
var writeTimes = map[string]string{"lock_timeout": "5s", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}

// OpenWriter connects with at most so many connections. schema is whose tables go by
// their bare name; "": public.
func OpenWriter(ctx context.Context, dsn, schema string, connections int) (*Writer, error) {
	if schema == "" {
		schema = "public"
	}
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("connection string of the monolith: %w", err) // pgconn leaves the password out
	}
	maps.Copy(c.ConnConfig.RuntimeParams, settings)
	maps.Copy(c.ConnConfig.RuntimeParams, writeTimes)
	// The columns' defaults are to say what they say to the monolith: its clock is its own.
	delete(c.ConnConfig.RuntimeParams, "TimeZone")
	c.ConnConfig.RuntimeParams["application_name"] = "tienda-reverse"
	c.ConnConfig.RuntimeParams["search_path"] = quote(schema)
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.MaxConns = int32(connections) //nolint:gosec // a few
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("monolith: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("monolith: %w", err)
	}
	return &Writer{pool: pool, schema: schema}, nil
}

// Close ends all connections.
func (w *Writer) Close() { w.pool.Close() }

// tries is how often a transaction is begun that lost against another one.
const tries = 5

// Hold implements reverse.Store. The lock is that of the document, whatever rows it has.
func (w *Writer) Hold(ctx context.Context, kind, id string, fn func(context.Context, reverse.Tx) error) (err error) {
	for range tries {
		err = pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", kind+":"+id); err != nil {
				return fmt.Errorf("lock: %w", refused(err))
			}
			return fn(ctx, writeTx{tx})
		})
		var bad *source.StatementError
		lost := errors.As(err, &bad) && (bad.Code == "40001" || bad.Code == "40P01") || code(err) == "40001"
		if !lost {
			return err
		}
	}
	return err
}

// Made implements reverse.Store.
func (w *Writer) Made(ctx context.Context) ([]reverse.Written, error) {
	return w.all(ctx, "made AND source IS NOT NULL")
}

// Rows implements reverse.Store.
func (w *Writer) Rows(ctx context.Context) ([]reverse.Written, error) {
	return w.all(ctx, "source IS NOT NULL")
}

func (w *Writer) all(ctx context.Context, which string) ([]reverse.Written, error) {
	rows, err := w.pool.Query(ctx, "SELECT kind, id::text, source, name, key::text, version, made, deleted FROM tienda_reverse WHERE "+which+" ORDER BY kind, id")
	if err != nil {
		return nil, fmt.Errorf("tienda_reverse: %w", err)
	}
	out, err := pgx.CollectRows(rows, written)
	if err != nil {
		return nil, fmt.Errorf("tienda_reverse: %w", err)
	}
	return out, nil
}

// Keys implements reverse.Store.
func (w *Writer) Keys(ctx context.Context, q source.Query, each func([]any) bool) error {
	at, table, qualified := strings.Cut(q.Table, ".")
	if !qualified {
		at, table = w.schema, q.Table
	}
	names := make([]string, len(q.Key))
	for i, name := range q.Key {
		names[i] = quote(name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + quote(at) + "." + quote(table)
	if q.Where != "" {
		sql += " WHERE " + q.Where
	}
	return w.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		found := c.Conn().PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
		for found.NextRow() {
			key, err := keyValues(found.FieldDescriptions(), found.Values())
			if err != nil {
				_, _ = found.Close() // err says more
				return err
			}
			if !each(key) {
				cancel() // the rest is not wanted
				break
			}
		}
		_, err := found.Close()
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return refused(err)
	})
}

func keyValues(fields []pgconn.FieldDescription, values [][]byte) ([]any, error) {
	out := make([]any, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		var err error
		if out[i], err = scalar(fields[i].DataTypeOID, string(v)); err != nil {
			return nil, fmt.Errorf("%s: %w", fields[i].Name, err)
		}
	}
	return out, nil
}

// Explain holds a statement to the database and to the rights of the role, and runs
// nothing. It gives the names of what the statement returns.
func (w *Writer) Explain(ctx context.Context, sql string) (returns []string, err error) {
	err = w.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		conn := c.Conn().PgConn()
		is, err := conn.Prepare(ctx, "", sql, nil)
		if err != nil {
			return refused(err)
		}
		for _, f := range is.Fields {
			returns = append(returns, f.Name)
		}
		const before = "EXPLAIN "
		err = conn.ExecParams(ctx, before+sql, make([][]byte, len(is.ParamOIDs)), is.ParamOIDs, nil, nil).Read().Err
		err = refused(err)
		if bad := (*source.StatementError)(nil); errors.As(err, &bad) && bad.Position > len(before) {
			bad.Position -= len(before)
		}
		return err
	})
	return returns, err
}

// Check holds what Writer itself does to the database: the table is there, and the role
// may use it.
func (w *Writer) Check(ctx context.Context) error {
	for _, sql := range []string{writtenSQL, keepSQL} {
		if _, err := w.Explain(ctx, sql); err != nil {
			return fmt.Errorf("tienda_reverse: %w", err)
		}
	}
	return nil
}

type writeTx struct{ tx pgx.Tx }

const writtenSQL = "SELECT kind, id::text, source, name, key::text, version, made, deleted FROM tienda_reverse WHERE kind = $1 AND id = $2"

func written(row pgx.CollectableRow) (w reverse.Written, err error) {
	var at, name, key *string
	if err := row.Scan(&w.Kind, &w.ID, &at, &name, &key, &w.Version, &w.Made, &w.Deleted); err != nil {
		return w, err
	}
	if at == nil || name == nil || key == nil {
		return w, nil
	}
	w.Source, w.Name = *at, *name
	d := json.NewDecoder(strings.NewReader(*key))
	d.UseNumber()
	if err := d.Decode(&w.Key); err != nil {
		return w, fmt.Errorf("key of %s: %w", w.Source, err)
	}
	for i, v := range w.Key {
		if n, ok := v.(json.Number); ok {
			if w.Key[i], err = n.Int64(); err != nil {
				return w, fmt.Errorf("key of %s: %w", w.Source, err)
			}
		}
	}
	return w, nil
}

// Written implements reverse.Tx.
func (t writeTx) Written(ctx context.Context, kind, id string) (w reverse.Written, ok bool, err error) {
	rows, err := t.tx.Query(ctx, writtenSQL, kind, id)
	if err == nil {
		w, err = pgx.CollectExactlyOneRow(rows, written)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return w, false, nil
	case err != nil:
		return w, false, fmt.Errorf("tienda_reverse: %w", refused(err))
	}
	return w, true, nil
}

// Do implements reverse.Tx.
func (t writeTx) Do(ctx context.Context, sql string, args []*string) (int64, error) {
	r := t.tx.Conn().PgConn().ExecParams(ctx, sql, params(args), nil, nil, nil).Read()
	return r.CommandTag.RowsAffected(), refused(r.Err)
}

// Insert implements reverse.Tx.
func (t writeTx) Insert(ctx context.Context, sql string, args []*string) ([]any, error) {
	r := t.tx.Conn().PgConn().ExecParams(ctx, sql, params(args), nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return nil, refused(r.Err)
	case len(r.Rows) == 0:
		return nil, nil
	case len(r.Rows) > 1:
		return nil, errors.New("the insert made more than one row")
	}
	return keyValues(r.FieldDescriptions, r.Rows[0])
}

func params(args []*string) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		if a != nil {
			out[i] = []byte(*a)
		}
	}
	return out
}

// keepSQL marks its transaction, too.
const keepSQL = `INSERT INTO tienda_reverse (kind, id, source, name, key, version, made, deleted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (kind, id) DO UPDATE SET source = excluded.source, name = excluded.name, key = excluded.key,
	version = excluded.version, made = excluded.made, deleted = excluded.deleted, written_at = now()
RETURNING pg_logical_emit_message(true, '` + mark + `', '')`

// Keep implements reverse.Tx.
func (t writeTx) Keep(ctx context.Context, w reverse.Written) error {
	var at, name, key *string
	if w.Source != "" {
		raw, err := json.Marshal(w.Key)
		if err != nil {
			return fmt.Errorf("key of %s: %w", w.Source, err)
		}
		text := string(raw)
		at, name, key = &w.Source, &w.Name, &text
	}
	if _, err := t.tx.Exec(ctx, keepSQL, w.Kind, w.ID, at, name, key, w.Version, w.Made, w.Deleted); err != nil {
		return fmt.Errorf("tienda_reverse: %w", refused(err))
	}
	return nil
}
