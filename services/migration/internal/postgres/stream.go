package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"tienda/services/migration/internal/source"
)

const (
	statusEvery = 200 * time.Millisecond // tell the server where we are, and ask it the same
	beatEvery   = time.Second            // at the latest, each hears of a position
	partSize    = 10_000                 // changes of a transaction that are handed over at once
	ahead       = 16                     // transactions that are received while each is busy
)

// handed is a transaction, or a part of one, on its way to each.
type handed struct {
	source.Transaction
	xid uint32 // 0: it is none, only a position
}

// receiver reads the replication connection and keeps it alive. One goroutine has it.
type receiver struct {
	*Source
	conn    *pgconn.PgConn
	decoder decoder
	out     chan handed
	queue   []handed        // for out
	safe    source.Position // all commits before it have been queued
	told    source.Position // the last position in queue
	beat    time.Time       // when that was
	heard   time.Time       // when the server was heard of last
	tick    time.Time       // when to tell it something
}

// Stream hands over the transactions that the slot has from a position on (0: the confirmed
// one). Before each is called, other transactions see what it is called with. An error of the
// connection ends it; it can be called again.
func (s *Source) Stream(ctx context.Context, from source.Position, each func(source.Transaction) error) error {
	conn, from, err := s.start(ctx, from)
	if err != nil {
		return err
	}
	now := time.Now()
	inner, cancel := context.WithCancel(ctx)
	r := &receiver{Source: s, conn: conn, decoder: decoder{Source: s, relations: map[uint32]*relation{}, unmarked: !tellsMarks(conn)}, out: make(chan handed, ahead),
		safe: from, beat: now, heard: now, tick: now}
	var broken error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(r.out)
		broken = r.run(inner)
	})
	failed := s.hand(inner, r.out, each)
	cancel()
	wg.Wait()
	if !conn.IsClosed() { // else it broke, and is taken down beside us
		closing(ctx, func(ctx context.Context) error {
			return errors.Join(r.status(ctx, false), conn.Close(ctx))
		})
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil:
		return failed
	default:
		return s.lost(ctx, fmt.Errorf("stream of changes: %w", broken))
	}
}

// hand calls each until the channel is closed, or something fails.
func (s *Source) hand(ctx context.Context, in <-chan handed, each func(source.Transaction) error) error {
	seen := visible{}
	for h := range in {
		if h.xid != 0 {
			if err := seen.await(ctx, s.aside, h.xid); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(h.Transaction); err != nil {
			return err
		}
	}
	return nil
}

// start begins the stream of the slot. A slot that another connection uses may be that of a
// process of ours that has died: it waits until the server has noticed.
func (s *Source) start(ctx context.Context, from source.Position) (*pgconn.PgConn, source.Position, error) {
	for end := time.Now().Add(s.config.Timeout + 2*slotPause); ; {
		st, err := s.slot(ctx)
		if err != nil {
			return nil, 0, err
		}
		if !st.there || st.lost {
			return nil, 0, source.ErrSlotLost
		}
		if from == 0 {
			from = st.confirmed
		}
		if from < st.confirmed {
			return nil, 0, fmt.Errorf("%w: it has been confirmed up to %s, and is asked for from %s", source.ErrSlotLost, pglogrepl.LSN(st.confirmed), pglogrepl.LSN(from))
		}
		s.Confirm(st.confirmed)
		conn, err := s.replication(ctx)
		if err != nil {
			return nil, 0, err
		}
		args := []string{"proto_version '1'", "publication_names '" + strings.ReplaceAll(pgx.Identifier{s.config.Publication}.Sanitize(), "'", "''") + "'"}
		if tellsMarks(conn) {
			args = append(args, "messages 'true'")
		}
		err = pglogrepl.StartReplication(ctx, conn, s.config.Slot, pglogrepl.LSN(from), pglogrepl.StartReplicationOptions{PluginArgs: args})
		if err == nil {
			return conn, from, nil
		}
		closing(ctx, conn.Close)
		switch {
		case ctx.Err() != nil:
			return nil, 0, ctx.Err()
		case code(err) != objectInUse:
			return nil, 0, s.lost(ctx, fmt.Errorf("stream of changes: %w", err))
		case time.Now().After(end):
			return nil, 0, fmt.Errorf("%w: %w", source.ErrInUse, err)
		}
		if err := pause(ctx, slotPause); err != nil {
			return nil, 0, err
		}
	}
}

func (r *receiver) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if !time.Now().Before(r.tick) {
			if err := r.status(ctx, len(r.queue) == 0); err != nil {
				return err
			}
			r.tick = time.Now().Add(statusEvery)
			r.heartbeat(beatEvery)
		}
		var err error
		if len(r.queue) > 0 {
			r.push(ctx)
			r.heard = time.Now() // that nobody listened is not the server's fault
		} else {
			err = r.receive(ctx)
		}
		if err != nil {
			return err
		}
		if silent := time.Since(r.heard); silent > 4*r.config.Timeout {
			return fmt.Errorf("the server has said nothing for %s", silent.Round(time.Second))
		}
	}
	return ctx.Err()
}

// push waits until there is room for what is first in the queue, or a status is due.
func (r *receiver) push(ctx context.Context) {
	timer := time.NewTimer(time.Until(r.tick))
	defer timer.Stop()
	select {
	case r.out <- r.queue[0]:
		r.queue = r.queue[1:]
	case <-timer.C:
	case <-ctx.Done():
	}
}

// receive takes messages until there is something to hand over, or a status is due.
func (r *receiver) receive(ctx context.Context) error {
	until, cancel := context.WithDeadline(ctx, r.tick)
	defer cancel()
	for len(r.queue) == 0 {
		message, err := r.conn.ReceiveMessage(until)
		if err == nil {
			if err := r.take(until, message); err != nil {
				return err
			}
			continue
		}
		if until.Err() == nil || r.conn.IsClosed() {
			return err
		}
		break // a status is due
	}
	return nil
}

func (r *receiver) take(ctx context.Context, message pgproto3.BackendMessage) error {
	r.heard = time.Now()
	switch m := message.(type) {
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(m)
	case *pgproto3.CopyDone:
		return errors.New("the server has ended it")
	case *pgproto3.CopyData:
		return r.data(ctx, m.Data)
	}
	return nil
}

func (r *receiver) data(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return errors.New("the server has sent an empty message")
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		m, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return err
		}
		if !r.decoder.open {
			r.safe = max(r.safe, source.Position(m.ServerWALEnd))
			if r.safe > r.told {
				r.heartbeat(statusEvery)
			}
		}
		if m.ReplyRequested {
			return r.status(ctx, false)
		}
		return nil
	case pglogrepl.XLogDataByteID:
		m, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return err
		}
		// What it asks the database for must not be cut off by the next status.
		return r.change(context.WithoutCancel(ctx), m.WALData)
	default:
		return nil
	}
}

// change takes one message of pgoutput, and queues a transaction when it is whole.
func (r *receiver) change(ctx context.Context, data []byte) error {
	d := &r.decoder
	committed, err := d.message(ctx, data)
	if err != nil {
		return err
	}
	if !committed {
		if len(d.changes) >= partSize {
			r.enqueue(handed{source.Transaction{Position: r.safe, At: d.at, Changes: d.take(), Own: d.own}, d.xid})
		}
		return nil
	}
	r.safe = max(r.safe, d.end)
	if len(d.changes) > 0 || d.parted {
		r.enqueue(handed{source.Transaction{Position: d.end, At: d.at, Changes: d.take(), Own: d.own}, d.xid})
	}
	d.parted = false
	return nil
}

func (r *receiver) enqueue(h handed) {
	r.queue = append(r.queue, h)
	r.told, r.beat = h.Position, time.Now()
}

// heartbeat queues a position without changes, if nothing was queued for as long. One that
// waits for others is of no use.
func (r *receiver) heartbeat(after time.Duration) {
	if time.Since(r.beat) >= after && len(r.queue) == 0 && len(r.out) == 0 {
		r.enqueue(handed{Transaction: source.Transaction{Position: r.safe, At: time.Now()}})
	}
}

// status tells the server what has come, and what is confirmed; ask has it answer.
func (r *receiver) status(ctx context.Context, ask bool) error {
	confirmed := pglogrepl.LSN(r.confirmed.Load()) // never 0: start has seen to that
	return pglogrepl.SendStandbyStatusUpdate(ctx, r.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: max(confirmed, pglogrepl.LSN(r.safe)), WALFlushPosition: confirmed, WALApplyPosition: confirmed, ReplyRequested: ask})
}
