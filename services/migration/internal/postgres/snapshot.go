package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"tienda/services/migration/internal/source"
)

// snapshot is one that a connection has exported and keeps, by doing nothing else.
type snapshot struct {
	*Source
	name  string
	at    source.Position
	close func()
}

// Now gives a snapshot of the database as it is. As with Read, a commit before its
// position may be missing from it that waits for a synchronous standby.
func (s *Source) Now(ctx context.Context) (source.Snapshot, error) {
	at, err := s.lsn(ctx, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END")
	if err != nil {
		return nil, err
	}
	c, err := pgconn.ParseConfig(s.config.DSN)
	if err != nil {
		return nil, fmt.Errorf("connection string of the source: %w", err)
	}
	for k, v := range settings {
		c.RuntimeParams[k] = v
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if err = conn.Exec(ctx, begin).Close(); err == nil {
		var t texts
		if t, err = query(ctx, conn, "SELECT pg_export_snapshot()"); err == nil {
			return s.snapshot(string(t.rows[0][0]), at, conn), nil
		}
	}
	closing(ctx, conn.Close)
	return nil, fmt.Errorf("snapshot: %w", err)
}

func (s *Source) snapshot(name string, at source.Position, conn *pgconn.PgConn) *snapshot {
	return &snapshot{Source: s, name: name, at: at, close: sync.OnceFunc(func() { closing(context.Background(), conn.Close) })}
}

func (s *snapshot) Position() source.Position { return s.at }

func (s *snapshot) Close() { s.close() }

// in reads within the snapshot, in a transaction of its own: the locks of a long one would
// be in the way of whoever changes a table.
func (s *snapshot) in(ctx context.Context, q source.Query, read func(*pgconn.PgConn, *plan) error) error {
	known, err := s.catalog(ctx)
	if err != nil {
		return err
	}
	p, err := known.plan(q)
	if err != nil {
		return err
	}
	start := begin + "; SET TRANSACTION SNAPSHOT '" + s.name + "'"
	begun := false
	err = s.reading(ctx, start, p, func(conn *pgconn.PgConn) error {
		begun = true
		return read(conn, p)
	})
	if c := code(err); !begun && (c == invalidParameter || c == undefinedObject) {
		return fmt.Errorf("%w: %w", source.ErrSnapshot, err)
	}
	return err
}

// Chunk reads roots in the order of their key, by row comparison over all its columns.
func (s *snapshot) Chunk(ctx context.Context, q source.Query, after, to []any, size int) (all []source.Record, err error) {
	err = s.in(ctx, q, func(conn *pgconn.PgConn, p *plan) error {
		if after == nil {
			if err := p.nulls(ctx, conn); err != nil {
				return err
			}
		}
		sql := fmt.Sprintf("SELECT %s FROM %s WHERE true", list("r", p.root.read), p.from())
		var params [][]byte
		for _, end := range []struct {
			key      []any
			operator string
		}{{after, ">"}, {to, "<="}} {
			if end.key == nil {
				continue
			}
			if len(end.key) != len(q.Key) {
				return fmt.Errorf("a key has %d values, not %d", len(end.key), len(q.Key))
			}
			sql += " AND " + p.key(end.operator, len(params)+1)
			for _, v := range end.key {
				b, err := text(v)
				if err != nil {
					return err
				}
				params = append(params, b)
			}
		}
		sql += fmt.Sprintf(" ORDER BY %s LIMIT %d", list("r", q.Key), size)
		roots, err := query(ctx, conn, sql, params...)
		if err != nil {
			return err
		}
		all, err = s.records(ctx, conn, p, roots)
		return err
	})
	return all, err
}

// nulls refuses roots that have a NULL in their key: no chunk would have them.
func (p *plan) nulls(ctx context.Context, conn *pgconn.PgConn) error {
	sure := map[string]bool{}
	for _, c := range p.root.of.Columns {
		sure[c.Name] = c.NotNull
	}
	for _, k := range p.query.Key {
		if sure[k] {
			continue
		}
		t, err := query(ctx, conn, fmt.Sprintf("SELECT count(*) FROM %s WHERE r.%s IS NULL", p.from(), quote(k)))
		if err != nil {
			return err
		}
		if n := string(t.rows[0][0]); n != "0" {
			return fmt.Errorf("%s rows have no %s, which is part of their key: leave them out by name, or choose another key", n, k)
		}
	}
	return nil
}

func (s *snapshot) Count(ctx context.Context, q source.Query) (n int64, err error) {
	err = s.in(ctx, q, func(conn *pgconn.PgConn, p *plan) error {
		n, err = p.count(ctx, conn)
		return err
	})
	return n, err
}

func (p *plan) count(ctx context.Context, conn *pgconn.PgConn) (int64, error) {
	t, err := query(ctx, conn, "SELECT count(*) FROM "+p.from())
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(t.rows[0][0]), 10, 64)
}

// Bounds reads every key once, in order, and takes those that end a part. The last part
// has no bound.
func (s *snapshot) Bounds(ctx context.Context, q source.Query, n int) (all [][]any, err error) {
	err = s.in(ctx, q, func(conn *pgconn.PgConn, p *plan) error {
		rows, err := p.count(ctx, conn)
		if err != nil || n < 2 || rows < 2 {
			return err
		}
		step := (rows + int64(n) - 1) / int64(n)
		key := list("r", q.Key)
		t, err := query(ctx, conn, fmt.Sprintf(
			"SELECT %s FROM (SELECT %s, row_number() OVER (ORDER BY %s) AS nth_of_all_rows FROM %s) r WHERE nth_of_all_rows %% %d = 0 AND nth_of_all_rows < %d ORDER BY nth_of_all_rows",
			key, key, key, p.from(), step, rows))
		if err != nil {
			return err
		}
		for _, raw := range t.rows {
			bound := make([]any, len(raw))
			for i := range raw {
				if bound[i], err = s.value(ctx, t.fields[i].DataTypeOID, raw[i]); err != nil {
					return err
				}
			}
			all = append(all, bound)
		}
		return nil
	})
	return all, err
}
