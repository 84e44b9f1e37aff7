package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// visible knows which transactions others see. A commit is in the log, and may come through
// the stream, a moment before that; with a synchronous standby long before. A document that
// is read in between would lack it for good.
type visible struct {
	xmax    uint64   // none from here on
	running []uint64 // nor these
}

// await returns once a transaction of the stream is seen by new ones.
func (v *visible) await(ctx context.Context, pool *pgxpool.Pool, xid uint32) error {
	for wait := time.Millisecond; !v.sees(xid); wait = min(2*wait, 100*time.Millisecond) {
		var text string
		if err := pool.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
			return fmt.Errorf("transactions of the source: %w", err)
		}
		if err := v.parse(text); err != nil {
			return err
		}
		if v.sees(xid) {
			return nil
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	return nil
}

// parse reads "xmin:xmax:running,running".
func (v *visible) parse(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return fmt.Errorf("%q is no snapshot", text)
	}
	var err error
	if v.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	v.running = v.running[:0]
	for id := range strings.SplitSeq(parts[2], ",") {
		if id == "" {
			continue
		}
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		v.running = append(v.running, n)
	}
	return nil
}

// sees says whether the last snapshot has a transaction that has committed. The stream
// knows 32 bits of its number; the others are those of the nearest to xmax.
func (v *visible) sees(xid uint32) bool {
	if v.xmax == 0 {
		return false
	}
	full := v.xmax + uint64(int64(int32(xid-uint32(v.xmax)))) //nolint:gosec // numbers of transactions wrap around
	return full < v.xmax && !slices.Contains(v.running, full)
}
