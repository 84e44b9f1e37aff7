package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tienda/services/migration/internal/source"
)

// SQLSTATEs.
const (
	objectInUse      = "55006"
	undefinedObject  = "42704"
	invalidParameter = "22023"
)

// slot is what the server says of the replication slot.
type slot struct {
	there     bool
	lost      bool
	confirmed source.Position
	behind    int64  // bytes of log after confirmed
	left      *int64 // bytes of log that may still come; nil: no limit
}

const slotSQL = `
SELECT plugin, database = current_database(), wal_status = 'lost', safe_wal_size,
	coalesce(confirmed_flush_lsn, '0/0')::text,
	coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, confirmed_flush_lsn), 0)::bigint
FROM pg_replication_slots WHERE slot_name = $1`

func (s *Source) slot(ctx context.Context) (slot, error) {
	var plugin, confirmed string
	var here bool
	st := slot{there: true}
	var lost *bool
	err := s.aside.QueryRow(ctx, slotSQL, s.config.Slot).Scan(&plugin, &here, &lost, &st.left, &confirmed, &st.behind)
	if errors.Is(err, pgx.ErrNoRows) {
		return slot{}, nil
	}
	if err != nil {
		return slot{}, fmt.Errorf("replication slot: %w", err)
	}
	if plugin != "pgoutput" || !here {
		return slot{}, fmt.Errorf("replication slot %s is another one's: it is of %s, or of another database", s.config.Slot, plugin)
	}
	st.lost = lost != nil && *lost
	at, err := pglogrepl.ParseLSN(confirmed)
	if err != nil {
		return slot{}, fmt.Errorf("replication slot: %w", err)
	}
	st.confirmed = source.Position(at)
	return st, nil
}

// Follow makes the replication slot, unless it is there, and gives its snapshot. It is made
// once the transactions that run at the time have ended. A publication without the tables
// is a *PublicationError.
func (s *Source) Follow(ctx context.Context, tables []string) (source.Snapshot, source.Position, error) {
	if err := s.Publication(ctx, tables); err != nil {
		return nil, 0, err
	}
	follow := map[string]bool{}
	for _, t := range tables {
		follow[t] = true
	}
	s.mu.Lock()
	s.follow = follow
	s.mu.Unlock()
	st, err := s.slot(ctx)
	if err != nil {
		return nil, 0, err
	}
	if st.lost {
		return nil, 0, source.ErrSlotLost
	}
	if st.there {
		s.Confirm(st.confirmed)
		return nil, st.confirmed, nil
	}
	conn, err := s.replication(ctx)
	if err != nil {
		return nil, 0, err
	}
	snap, err := s.create(ctx, conn)
	if err != nil {
		closing(ctx, conn.Close)
		return nil, 0, fmt.Errorf("replication slot: %w", err)
	}
	return snap, snap.at, nil
}

func (s *Source) create(ctx context.Context, conn *pgconn.PgConn) (*snapshot, error) {
	made, err := pglogrepl.CreateReplicationSlot(ctx, conn, s.config.Slot, "pgoutput",
		pglogrepl.CreateReplicationSlotOptions{SnapshotAction: "EXPORT_SNAPSHOT", Mode: pglogrepl.LogicalReplication})
	if err != nil {
		return nil, err
	}
	at, err := pglogrepl.ParseLSN(made.ConsistentPoint)
	if err != nil {
		return nil, err
	}
	s.confirmed.Store(uint64(at)) // of a slot before this one nothing counts any more
	return s.snapshot(made.SnapshotName, source.Position(at), conn), nil
}

// Forget drops the replication slot. It waits a while for whoever still uses it, then
// gives source.ErrInUse.
func (s *Source) Forget(ctx context.Context) error {
	for end := time.Now().Add(s.config.Timeout); ; {
		_, err := s.aside.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.config.Slot)
		switch {
		case err == nil || code(err) == undefinedObject:
			return nil
		case code(err) != objectInUse:
			return fmt.Errorf("replication slot: %w", err)
		case time.Now().After(end):
			return source.ErrInUse
		}
		if err := pause(ctx, slotPause); err != nil {
			return err
		}
	}
}

// Head is the end of the log: behind every commit that anybody sees, written to disk or not.
// The stream comes as far even when nothing is written any more.
func (s *Source) Head(ctx context.Context) (source.Position, error) {
	at, err := s.lsn(ctx, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END")
	if err != nil {
		return 0, err
	}
	var page, segment uint64
	err = s.aside.QueryRow(ctx, `SELECT current_setting('wal_block_size')::bigint, setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'`).Scan(&page, &segment)
	if err != nil {
		return 0, fmt.Errorf("end of the log: %w", err)
	}
	return lastEnd(at, page, segment), nil
}

// lastEnd is the end of the last record before the place where the next one begins. They
// differ behind the header of a page: 24 bytes, 40 on the first page of a segment.
func lastEnd(at source.Position, page, segment uint64) source.Position {
	p := uint64(at)
	if p%segment == 40 || p%page == 24 && p%segment != 24 {
		return source.Position(p - p%page)
	}
	return at
}

// lsn asks for a place in the log.
func (s *Source) lsn(ctx context.Context, expression string) (source.Position, error) {
	var text string
	if err := s.aside.QueryRow(ctx, "SELECT ("+expression+")::text").Scan(&text); err != nil {
		return 0, fmt.Errorf("position of the source: %w", err)
	}
	at, err := pglogrepl.ParseLSN(text)
	if err != nil {
		return 0, fmt.Errorf("position of the source: %w", err)
	}
	return source.Position(at), nil
}

// Lag is how far the slot's confirmed position is behind the log. A slot that is not there
// is lost.
func (s *Source) Lag(ctx context.Context) (source.Lag, error) {
	st, err := s.slot(ctx)
	if err != nil {
		return source.Lag{}, err
	}
	l := source.Lag{Bytes: st.behind, Left: -1, Lost: st.lost || !st.there}
	switch {
	case l.Lost:
		l.Left = 0
	case st.left != nil:
		l.Left = max(*st.left, 0)
	}
	return l, nil
}

// lost turns an error of the stream into source.ErrSlotLost if the slot is gone.
func (s *Source) lost(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if st, asked := s.slot(ctx); asked == nil && (st.lost || !st.there) {
		return fmt.Errorf("%w: %w", source.ErrSlotLost, err)
	}
	return err
}

// slotPause is how long to wait before a slot in use is tried again.
const slotPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
