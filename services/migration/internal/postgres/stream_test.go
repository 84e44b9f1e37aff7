package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/source"
)

const things = "CREATE TABLE things (id int PRIMARY KEY, name text)"

// What is not confirmed comes again, what is confirmed does not: also after a restart of
// the process, when the position comes from the slot.
func TestStreamGoesOnWhereItWasConfirmed(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("INSERT INTO things VALUES (1, 'a')")
	db.Exec("INSERT INTO things VALUES (2, 'b')")
	all, _ := changes(t, s, from, 2)
	require.Equal(t, source.Change{Table: "things", New: source.Row{"id": int64(1), "name": "a"}}, all[0])

	_, first := changes(t, s, 0, 1)
	s.Confirm(first)
	s.Confirm(1) // an earlier one changes nothing
	all, _ = changes(t, s, first, 1)
	require.EqualValues(t, 2, all[0].New["id"])

	again := db.Open()
	snap, at, err := again.Follow(t.Context(), []string{"things"})
	require.NoError(t, err)
	require.Nil(t, snap)
	require.Equal(t, first, at)
	all, _ = changes(t, again, at, 1)
	require.EqualValues(t, 2, all[0].New["id"])
}

// A position from before the confirmed one has lost changes: that is said, not skipped.
func TestStreamFromBeforeTheConfirmedPosition(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("INSERT INTO things VALUES (1, 'a')")
	_, at := changes(t, s, from, 1)
	s.Confirm(at)
	db.Exec("INSERT INTO things VALUES (2, 'b')")
	changes(t, s, at, 1)
	require.ErrorIs(t, s.Stream(t.Context(), from, nil), source.ErrSlotLost)
}

func TestCancelEndsStreamAtOnce(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	ctx, cancel := context.WithCancel(t.Context())
	var ended time.Time
	err := s.Stream(ctx, from, func(source.Transaction) error {
		if ended.IsZero() {
			ended = time.Now()
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(ended), time.Second)
	// The slot is free at once.
	db.Exec("INSERT INTO things VALUES (1, 'a')")
	changes(t, s, from, 1)
}

// While others write, and nothing happens in the tables, the position goes on, so that
// the server can throw its log away; and it comes to the head.
func TestPositionGoesOnWhileIdle(t *testing.T) {
	db := postgrestest.New(t, things, "CREATE TABLE other (x text)")
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("INSERT INTO other SELECT repeat('x', 100) FROM generate_series(1, 10000)")
	lag, err := s.Lag(t.Context())
	require.NoError(t, err)
	require.Greater(t, lag.Bytes, int64(1_000_000))
	require.EqualValues(t, -1, lag.Left)
	require.False(t, lag.Lost)
	head, err := s.Head(t.Context())
	require.NoError(t, err)
	beats := 0
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	err = s.Stream(ctx, from, func(tx source.Transaction) error {
		require.Empty(t, tx.Changes)
		s.Confirm(tx.Position)
		if tx.Position >= head {
			beats++
		}
		if beats == 3 { // also when nothing is new they go on
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	require.Less(t, time.Since(began), 5*time.Second)
	lag, err = s.Lag(t.Context())
	require.NoError(t, err)
	require.Less(t, lag.Bytes, int64(100_000))
}

// Whoever takes long over a transaction keeps the connection: the server hears of it.
func TestSlowReaderKeepsItsConnection(t *testing.T) {
	db := postgrestest.New(t, things)
	c := db.Config()
	c.Timeout = time.Second
	s, err := postgres.Open(t.Context(), c)
	require.NoError(t, err)
	defer s.Close()
	from := follow(t, s, "things")
	for n := range 40 {
		db.Exec("INSERT INTO things VALUES ($1, 'a')", n)
	}
	n := 0
	err = s.Stream(t.Context(), from, func(tx source.Transaction) error {
		if n == 0 {
			time.Sleep(2500 * time.Millisecond) // more than twice what the server waits
		}
		if n += len(tx.Changes); n == 40 {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
}

func TestOneStreamAtATime(t *testing.T) {
	db := postgrestest.New(t, things)
	s, other := db.Open(), db.Open()
	from := follow(t, s, "things")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running := make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		var once sync.Once
		_ = s.Stream(ctx, from, func(source.Transaction) error {
			once.Do(func() { close(running) })
			return nil
		})
	})
	<-running
	require.ErrorIs(t, other.Stream(t.Context(), from, nil), source.ErrInUse)
	require.ErrorIs(t, other.Forget(t.Context()), source.ErrInUse)
	cancel()
	first.Wait()
	require.NoError(t, other.Forget(t.Context()))
	require.NoError(t, other.Forget(t.Context()), "it is gone already")
	require.ErrorIs(t, s.Stream(t.Context(), from, nil), source.ErrSlotLost)
	lag, err := s.Lag(t.Context())
	require.NoError(t, err)
	require.True(t, lag.Lost)
}

// The server gives a slot up that keeps too much of its log.
func TestSlotLost(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
	db.Exec("SELECT pg_reload_conf()")
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), db.DSN)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(context.Background(), "ALTER SYSTEM RESET max_slot_wal_keep_size")
		require.NoError(t, err)
		_, err = conn.Exec(context.Background(), "SELECT pg_reload_conf()")
		require.NoError(t, err)
	})
	lose := func() {
		for range 4 {
			db.Exec("UPDATE things SET name = 'b'")
			db.Exec("SELECT pg_switch_wal()")
		}
		require.Eventually(t, func() bool {
			db.Exec("CHECKPOINT")
			lag, err := s.Lag(t.Context())
			require.NoError(t, err)
			return lag.Lost && lag.Left == 0
		}, 10*time.Second, 50*time.Millisecond)
	}
	lose()
	require.ErrorIs(t, s.Stream(t.Context(), from, nil), source.ErrSlotLost)
	_, _, err := s.Follow(t.Context(), []string{"things"})
	require.ErrorIs(t, err, source.ErrSlotLost)
	// A new one begins with a new snapshot.
	require.NoError(t, s.Forget(t.Context()))
	from = follow(t, s, "things")
	// One that streams, but never confirms, loses it as well.
	var stream sync.WaitGroup
	var broken error
	stream.Go(func() { broken = s.Stream(t.Context(), from, func(source.Transaction) error { return nil }) })
	require.Eventually(t, func() bool {
		var active bool
		require.NoError(t, db.Admin.QueryRow(t.Context(), "SELECT active FROM pg_replication_slots WHERE slot_name = $1", "slot_"+db.Name).Scan(&active))
		return active
	}, 5*time.Second, 10*time.Millisecond)
	lose()
	stream.Wait()
	require.Error(t, broken)
	require.ErrorIs(t, s.Stream(t.Context(), from, nil), source.ErrSlotLost)
}

func TestAlterTableWhileStreaming(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("INSERT INTO things VALUES (1, 'a')")
	db.Exec("ALTER TABLE things ADD COLUMN price numeric(10,2) NOT NULL DEFAULT 1.50")
	db.Exec("INSERT INTO things VALUES (2, 'b', 2.50)")
	db.Exec("ALTER TABLE things ALTER COLUMN id TYPE bigint, DROP COLUMN name")
	db.Exec("INSERT INTO things VALUES (3000000000, 3.10)")
	db.Exec("CREATE TYPE size AS ENUM ('s', 'm')")
	db.Exec("ALTER TABLE things ADD COLUMN sizes size[]")
	db.Exec("UPDATE things SET sizes = '{s,m}' WHERE id = 2")
	all, _ := changes(t, s, from, 4)
	require.Equal(t, source.Row{"id": int64(1), "name": "a"}, all[0].New)
	require.Equal(t, source.Row{"id": int64(2), "name": "b", "price": "2.50"}, all[1].New)
	require.Equal(t, source.Row{"id": int64(3_000_000_000), "price": "3.10"}, all[2].New)
	require.Equal(t, source.Row{"id": int64(2), "price": "2.50", "sizes": []any{"s", "m"}}, all[3].New)
	// The key's new type is known to what is read now.
	records, _, err := s.Read(t.Context(), source.Query{Table: "things", Columns: []string{"price"}, Key: []string{"id"}}, [][]any{{int64(3_000_000_000)}})
	require.NoError(t, err)
	require.Equal(t, source.Row{"id": int64(3_000_000_000), "price": "3.10"}, records[0].Row)
}

func TestTruncateAndOldRows(t *testing.T) {
	db := postgrestest.New(t, things, "CREATE TABLE whole (id int PRIMARY KEY, big text, n int)", "ALTER TABLE whole REPLICA IDENTITY FULL",
		"ALTER TABLE whole ALTER COLUMN big SET STORAGE EXTERNAL", "CREATE TABLE part (id int PRIMARY KEY, big text, n int)",
		"ALTER TABLE part ALTER COLUMN big SET STORAGE EXTERNAL", "CREATE TABLE other (id int PRIMARY KEY)")
	s := db.Open()
	from := follow(t, s, "things", "whole", "part")
	db.Exec("INSERT INTO things VALUES (1, 'a')")
	db.Exec("UPDATE things SET name = 'b'")
	db.Exec("UPDATE things SET id = 2")
	db.Exec("DELETE FROM things")
	db.Exec("INSERT INTO other VALUES (1)")
	db.Exec("TRUNCATE things, other")
	for _, table := range []string{"whole", "part"} {
		db.Exec("INSERT INTO " + table + " VALUES (1, repeat('x', 10000), 1)")
		db.Exec("UPDATE " + table + " SET n = 2")
	}
	all, _ := changes(t, s, from, 9)
	require.Equal(t, source.Change{Table: "things", New: source.Row{"id": int64(1), "name": "b"}}, all[1])
	require.Equal(t, source.Change{Table: "things", New: source.Row{"id": int64(2), "name": "b"}, Old: source.Row{"id": int64(1)}}, all[2])
	require.Equal(t, source.Change{Table: "things", Old: source.Row{"id": int64(2)}}, all[3])
	require.Equal(t, source.Change{Table: "things", Truncate: true}, all[4])
	require.Len(t, all[6].New["big"], 10000, "it has not changed, and is known from the old row")
	require.EqualValues(t, 1, all[6].Old["n"])
	require.Equal(t, source.Row{"id": int64(1), "n": int64(2)}, all[8].New, "what is not sent is left out")
}

// A transaction of very many rows comes in parts, and only the last has its position.
func TestLargeTransaction(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	db.Exec("INSERT INTO things SELECT g, 'a' FROM generate_series(1, 25000) g")
	var sizes []int
	var at []source.Position
	err := s.Stream(t.Context(), from, func(tx source.Transaction) error {
		if len(tx.Changes) > 0 {
			sizes, at = append(sizes, len(tx.Changes)), append(at, tx.Position)
		}
		if len(sizes) == 3 {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, []int{10000, 10000, 5000}, sizes)
	require.Less(t, at[1], at[2])
	again, _ := changes(t, s, at[1], 25000) // from the position of a part all of it comes again
	require.Len(t, again, 25000)
}

// A commit that waits for a synchronous standby is in the log, but others do not see it
// yet: a document that was read now would lack it for good.
func TestStreamWaitsUntilOthersSeeIt(t *testing.T) {
	db := postgrestest.New(t, things)
	s := db.Open()
	from := follow(t, s, "things")
	set := func(v string) {
		conn, err := pgx.Connect(context.Background(), db.DSN)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		for _, sql := range []string{"SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = '" + v + "'", "SELECT pg_reload_conf()"} {
			_, err = conn.Exec(context.Background(), sql)
			require.NoError(t, err)
		}
	}
	set("nobody")
	defer set("")
	require.Eventually(t, func() bool {
		var v string
		require.NoError(t, db.Admin.QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&v))
		return v == "nobody"
	}, 5*time.Second, 10*time.Millisecond)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	require.NoError(t, err)
	var commit sync.WaitGroup
	commit.Go(func() {
		_, err := conn.Exec(t.Context(), "INSERT INTO things VALUES (1, 'a')")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	})
	var released atomic.Bool
	release := time.AfterFunc(time.Second, func() {
		released.Store(true)
		set("")
	})
	defer release.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = s.Stream(ctx, from, func(tx source.Transaction) error {
		if len(tx.Changes) == 0 {
			return nil
		}
		records, _, err := s.Read(t.Context(), source.Query{Table: "things", Key: []string{"id"}}, [][]any{{tx.Changes[0].New["id"]}})
		require.NoError(t, err)
		require.Len(t, records, 1, "the change has come, but its row cannot be read")
		return errEnough
	})
	require.ErrorIs(t, err, errEnough)
	commit.Wait()
	require.True(t, released.Load())
}

// Partitions go by the name of their table, tables of other schemas by both names.
func TestNamesOfTables(t *testing.T) {
	db := postgrestest.New(t, "CREATE SCHEMA crm", "CREATE TABLE crm.people (id int PRIMARY KEY)",
		"CREATE TABLE part (id int, d date, PRIMARY KEY (d, id)) PARTITION BY RANGE (d)",
		"CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
		"CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
		"INSERT INTO part VALUES (1, '2024-06-01'), (2, '2025-06-01')")
	s := db.Open()
	snap, from, err := s.Follow(t.Context(), []string{"crm.people", "part"})
	require.NoError(t, err)
	q := source.Query{Table: "part", Key: []string{"d", "id"}}
	require.Len(t, everything(t, snap, q, 1), 2)
	db.Exec("INSERT INTO crm.people VALUES (1)")
	db.Exec("UPDATE part SET d = '2025-07-01' WHERE id = 1") // into the other partition
	db.Exec("TRUNCATE part_2")                               // PostgreSQL does not publish that; the preflight warns of it
	db.Exec("TRUNCATE part")
	all, _ := changes(t, s, from, 4)
	day := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, "crm.people", all[0].Table)
	require.Equal(t, source.Change{Table: "part", Old: source.Row{"id": int64(1), "d": day}}, all[1])
	require.Equal(t, source.Change{Table: "part", New: source.Row{"id": int64(1), "d": time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)}}, all[2])
	require.Equal(t, "part", all[3].Table)
	require.True(t, all[3].Truncate)
	_, err = snap.Chunk(t.Context(), q, nil, nil, 10)
	require.ErrorIs(t, err, source.ErrSnapshot)
	snap.Close()
}
