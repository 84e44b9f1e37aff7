package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/source"
)

var written = []source.Query{
	{Table: "items", Columns: []string{"id", "v", "note"}, Key: []string{"id"}},
	{Table: "pairs", Columns: []string{"a", "b", "v"}, Key: []string{"a", "b"}},
}

// replay is the content of the tables, by their name and key.
type replay map[string]source.Row

func (r replay) id(table string, row source.Row) string {
	for _, q := range written {
		if q.Table == table {
			return fmt.Sprint(table, key(q, row))
		}
	}
	return table
}

// apply does a change, and finds one that is done twice or missing.
func (r replay) apply(t *testing.T, c source.Change) {
	if c.New == nil {
		require.Contains(t, r, r.id(c.Table, c.Old), "deleted twice, or never seen")
		delete(r, r.id(c.Table, c.Old))
		return
	}
	id := r.id(c.Table, c.New)
	before, there := r[id]
	switch v := c.New["v"].(int64); {
	case there: // each update adds one
		require.Equal(t, before["v"].(int64)+1, v, "%s: an update is missing or comes twice", id)
	default:
		require.EqualValues(t, 0, v, "%s: an update of what was never inserted", id)
	}
	r[id] = c.New
}

// write changes the tables at random until ctx ends.
func write(ctx context.Context, t *testing.T, dsn string, seed uint64) {
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		for range 1 + rnd.IntN(4) {
			a := fmt.Sprintf("%c%d", 'A'+rnd.IntN(2)*32, rnd.IntN(5))
			var err error
			switch rnd.IntN(6) {
			case 0:
				_, err = tx.Exec(t.Context(), "INSERT INTO items (v, note) VALUES (0, $1)", a)
			case 1:
				_, err = tx.Exec(t.Context(), "INSERT INTO pairs VALUES ($1, nextval('pair'), 0)", a)
			case 2:
				_, err = tx.Exec(t.Context(), "UPDATE items SET v = v + 1 WHERE id = (SELECT id FROM items ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)")
			case 3:
				_, err = tx.Exec(t.Context(), "UPDATE pairs SET v = v + 1 WHERE (a, b) = (SELECT a, b FROM pairs ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)")
			case 4:
				_, err = tx.Exec(t.Context(), "DELETE FROM items WHERE id = (SELECT id FROM items ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)")
			default:
				_, err = tx.Exec(t.Context(), "DELETE FROM pairs WHERE (a, b) = (SELECT a, b FROM pairs ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)")
			}
			require.NoError(t, err)
		}
		if rnd.IntN(8) == 0 {
			require.NoError(t, tx.Rollback(t.Context()))
		} else {
			require.NoError(t, tx.Commit(t.Context()))
		}
	}
}

// Snapshot and stream have every write of concurrent writers exactly once, although the
// stream is broken off and its connection killed again and again.
func TestEveryWriteOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	db := postgrestest.New(t, "CREATE TABLE items (id bigserial PRIMARY KEY, v int NOT NULL, note text)",
		"CREATE SEQUENCE pair", "CREATE TABLE pairs (a text, b int, v int NOT NULL, PRIMARY KEY (a, b))",
		"INSERT INTO items (v, note) SELECT 0, 'x' FROM generate_series(1, 200)",
		"INSERT INTO pairs SELECT 'p' || g % 7, nextval('pair'), 0 FROM generate_series(1, 200) g")
	s := db.Open()
	writing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() { write(writing, t, db.DSN, seed+uint64(n)) })
	}
	snap, at, err := s.Follow(t.Context(), []string{"items", "pairs"})
	require.NoError(t, err)
	require.Equal(t, at, snap.Position())
	content := replay{}
	for _, q := range written {
		var mu sync.Mutex
		var parts sync.WaitGroup
		bounds, err := snap.Bounds(t.Context(), q, 4)
		require.NoError(t, err)
		for n := range len(bounds) + 1 {
			var after, to []any
			if n > 0 {
				after = bounds[n-1]
			}
			if n < len(bounds) {
				to = bounds[n]
			}
			parts.Go(func() {
				for {
					chunk, err := snap.Chunk(t.Context(), q, after, to, 7)
					require.NoError(t, err)
					for _, r := range chunk {
						mu.Lock()
						require.NotContains(t, content, content.id(q.Table, r.Row), "in two parts")
						content[content.id(q.Table, r.Row)] = r.Row
						mu.Unlock()
					}
					if len(chunk) < 7 {
						return
					}
					after = key(q, chunk[len(chunk)-1].Row)
				}
			})
		}
		parts.Wait()
		count, err := snap.Count(t.Context(), q)
		require.NoError(t, err)
		n := 0
		for id := range content {
			if id[0] == q.Table[0] {
				n++
			}
		}
		require.EqualValues(t, count, n)
	}
	snap.Close()

	var head source.Position
	end := time.Now().Add(2 * time.Second)
	breaks := 0
	for done := false; !done; {
		left := 20 + rnd.IntN(100)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := s.Stream(ctx, at, func(tx source.Transaction) error {
			require.GreaterOrEqual(t, tx.Position, at)
			for _, c := range tx.Changes {
				content.apply(t, c)
			}
			at = tx.Position
			if rnd.IntN(3) == 0 {
				s.Confirm(at)
			}
			if head == 0 && time.Now().After(end) {
				stop()
				writers.Wait()
				var err error
				head, err = s.Head(t.Context())
				require.NoError(t, err)
			}
			if head != 0 && at >= head {
				done = true
				return errEnough
			}
			if left--; left == 0 && rnd.IntN(2) == 0 {
				return errEnough
			} else if left == 0 {
				db.Exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1", "slot_"+db.Name)
			}
			return nil
		})
		cancel()
		require.Error(t, err)
		require.NotErrorIs(t, err, source.ErrSlotLost)
		breaks++
	}
	stop()
	require.Greater(t, breaks, 2)
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	defer now.Close()
	final := replay{}
	for _, q := range written {
		for _, r := range everything(t, now, q, 50) {
			final[final.id(q.Table, r.Row)] = r.Row
		}
	}
	require.Equal(t, final, content)
}
