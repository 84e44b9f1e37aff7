package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/source"
)

var shop = []string{
	"CREATE SCHEMA crm",
	"CREATE TABLE crm.customers (id char(5) PRIMARY KEY, name text)",
	"CREATE TABLE orders (id int PRIMARY KEY, customer char(5) REFERENCES crm.customers, status text NOT NULL, total numeric(10,2))",
	"CREATE TABLE lines (order_id int REFERENCES orders, no smallint, sku text, PRIMARY KEY (order_id, no))",
	"CREATE TABLE serials (order_id int, no smallint, serial text, FOREIGN KEY (order_id, no) REFERENCES lines)",
	"CREATE TABLE checks (serial text, at timestamp)",
	"INSERT INTO crm.customers VALUES ('ANNA', 'Anna'), ('BOB', 'Bob')",
	"INSERT INTO orders VALUES (1, 'ANNA', 'new', 10.50), (2, NULL, 'new', NULL), (3, 'BOB', 'draft', 0), (4, 'ANNA', 'new', 1)",
	"INSERT INTO lines VALUES (1, 2, 'b'), (1, 1, 'a'), (2, 1, 'c'), (3, 1, 'd')",
	"INSERT INTO serials VALUES (1, 1, 's2'), (1, 1, 's1'), (1, 1, 's1'), (2, 1, 's3')",
	"INSERT INTO checks VALUES ('s1', '2024-01-02 03:04:05'), ('s3', '2024-01-01')",
}

var orders = source.Query{Table: "orders", Columns: []string{"status", "total"}, Key: []string{"id"}, Where: "status <> 'draft' -- not bought",
	Children: []source.Child{
		{Name: "customer", Table: "crm.customers", Columns: []string{"name"}, On: []source.On{{Child: "id", Parent: "customer"}}},
		{Name: "lines", Table: "lines", Columns: []string{"sku"}, On: []source.On{{Child: "order_id", Parent: "id"}}},
		{Name: "serials", Table: "serials", Columns: []string{"serial"}, Of: "lines", Distinct: true,
			On: []source.On{{Child: "order_id", Parent: "order_id"}, {Child: "no", Parent: "no"}}, OrderBy: []string{"serial"}},
		{Name: "checks", Table: "checks", Columns: []string{"at"}, Of: "serials", On: []source.On{{Child: "serial", Parent: "serial"}}},
	}}

var orderOne = source.Record{Row: source.Row{"id": int64(1), "status": "new", "total": "10.50"},
	Children: map[string][]source.Row{"customer": {{"name": "Anna"}}, "lines": {{"sku": "a"}, {"sku": "b"}}},
	Nested: map[string][]source.NestedRow{
		"serials": {{Parent: 0, Row: source.Row{"serial": "s1"}}, {Parent: 0, Row: source.Row{"serial": "s2"}}},
		"checks":  {{Parent: 0, Row: source.Row{"at": time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}}},
	}}

var orderTwo = source.Record{Row: source.Row{"id": int64(2), "status": "new", "total": nil},
	Children: map[string][]source.Row{"lines": {{"sku": "c"}}},
	Nested: map[string][]source.NestedRow{
		"serials": {{Row: source.Row{"serial": "s3"}}},
		"checks":  {{Row: source.Row{"at": time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}}},
	}}

// The same record comes from a snapshot and by its key, with children of children, and
// without what the query leaves out.
func TestRecordsWithChildren(t *testing.T) {
	db := postgrestest.New(t, shop...)
	db.Exec("GRANT USAGE ON SCHEMA crm TO " + db.Role)
	db.Exec("GRANT SELECT ON ALL TABLES IN SCHEMA crm TO " + db.Role)
	s := db.Open()
	snap, err := s.Now(t.Context())
	require.NoError(t, err)
	defer snap.Close()
	all := everything(t, snap, orders, 2)
	require.Len(t, all, 3)
	require.Equal(t, []source.Record{orderOne, orderTwo}, all[:2])
	require.EqualValues(t, 4, all[2].Row["id"])
	n, err := snap.Count(t.Context(), orders)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	before, err := s.Head(t.Context())
	require.NoError(t, err)
	db.Exec("UPDATE orders SET total = 11 WHERE id = 4")
	records, at, err := s.Read(t.Context(), orders, [][]any{{int64(2)}, {int64(9)}, {int64(3)}, {1}, {int64(4)}})
	require.NoError(t, err)
	require.Greater(t, at, before)
	require.Equal(t, []source.Record{orderTwo, orderOne}, records[:2], "in the order of the keys, without those that are not there")
	require.Len(t, records, 3)
	require.Equal(t, "11.00", records[2].Row["total"])
	require.Equal(t, all, everything(t, snap, orders, 100), "the snapshot stays as it was")
}

func TestRoots(t *testing.T) {
	db := postgrestest.New(t, shop...)
	db.Exec("GRANT USAGE ON SCHEMA crm TO " + db.Role)
	db.Exec("GRANT SELECT ON ALL TABLES IN SCHEMA crm TO " + db.Role)
	s := db.Open()
	for _, c := range []struct {
		child string
		rows  []source.Row
		keys  [][]any
	}{
		{"customer", []source.Row{{"id": "ANNA "}}, [][]any{{int64(1)}, {int64(4)}}},
		{"lines", []source.Row{{"order_id": int64(2), "no": int64(1)}, {"order_id": int64(2)}, {"order_id": nil}, {"order_id": int64(77)}}, [][]any{{int64(2)}, {int64(77)}}},
		{"serials", []source.Row{{"order_id": int64(1), "no": int64(1)}, {"order_id": int64(1), "no": int64(2)}, {"order_id": int64(1), "no": int64(3)}}, [][]any{{int64(1)}}},
		{"checks", []source.Row{{"serial": "s1"}, {"serial": "s3"}, {"serial": "none"}}, [][]any{{int64(1)}, {int64(2)}}},
	} {
		keys, err := s.Roots(t.Context(), orders, c.child, c.rows)
		require.NoError(t, err, c.child)
		require.ElementsMatch(t, c.keys, keys, c.child)
	}
	_, err := s.Roots(t.Context(), orders, "lines", []source.Row{{"no": int64(1)}})
	var link *postgres.LinkError
	require.ErrorAs(t, err, &link)
	require.Equal(t, postgres.LinkError{Table: "lines", Column: "order_id"}, *link)
	_, err = s.Roots(t.Context(), orders, "nobody", nil)
	require.ErrorContains(t, err, "nobody")
}

func TestSchema(t *testing.T) {
	db := postgrestest.New(t, shop...)
	db.Exec("CREATE TABLE part (id int, on_day date, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (on_day, id)) PARTITION BY RANGE (on_day)")
	db.Exec("CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
	db.Exec("INSERT INTO part SELECT g, '2024-05-05' FROM generate_series(1, 50) g")
	db.Exec("ALTER TABLE part_1 REPLICA IDENTITY FULL")
	db.Exec("ANALYZE")
	all, err := db.Open().Schema(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 6)
	require.Equal(t, source.Table{Columns: []source.Column{
		{Name: "order_id", Type: "integer", NotNull: true}, {Name: "no", Type: "smallint", NotNull: true}, {Name: "sku", Type: "text"}},
		Key: []string{"order_id", "no"}, Links: []source.Link{{Columns: []string{"order_id"}, To: "orders", At: []string{"id"}}}, Rows: 4}, all["lines"])
	require.Equal(t, []source.Link{{Columns: []string{"customer"}, To: "crm.customers", At: []string{"id"}}}, all["orders"].Links)
	require.Equal(t, "numeric(10,2)", all["orders"].Columns[3].Type)
	require.Nil(t, all["checks"].Key)
	require.Equal(t, []string{"on_day", "id"}, all["part"].Key)
	require.EqualValues(t, 50, all["part"].Rows)
	require.True(t, all["part"].Full)
	require.True(t, all["part"].Columns[2].Generated)
	require.False(t, all["orders"].Full)
}

// Keys of any type and collation: chunks of any size, and parts between bounds, have each
// root once.
func TestKeysOfAnyKind(t *testing.T) {
	for name, ddl := range map[string][]string{
		"text in a natural collation": {`CREATE TABLE k (a text COLLATE "en-x-icu" PRIMARY KEY)`, `INSERT INTO k SELECT v FROM unnest(ARRAY['a','B','b','A','ä','Ä','z','a b','ab','a-b','_a','é','E','e','','"','\','{x}','NULL','ß']) v`},
		"text and numbers":            {"CREATE TABLE k (a text, b numeric, c int, PRIMARY KEY (a, b, c))", "INSERT INTO k SELECT x, y, z FROM unnest(ARRAY['x','X']) x, unnest(ARRAY[-1.5, 0.10, 7]) y, generate_series(1, 4) z"},
		"uuid":                        {"CREATE TABLE k (a uuid PRIMARY KEY)", "INSERT INTO k SELECT gen_random_uuid() FROM generate_series(1, 30)"},
		"time":                        {"CREATE TABLE k (a timestamptz, b date, PRIMARY KEY (a, b))", "INSERT INTO k SELECT '2024-01-01 00:00:00.000001+02'::timestamptz + g * '1 microsecond'::interval, '0005-01-01 BC'::date + g FROM generate_series(1, 30) g"},
		"fixed width and bytes":       {"CREATE TABLE k (a char(4), b bytea, PRIMARY KEY (a, b))", `INSERT INTO k SELECT chr(65 + g % 5), decode(lpad(to_hex(g), 2, '0'), 'hex') FROM generate_series(0, 40) g`},
		"enum, bool and real":         {"CREATE TYPE size AS ENUM ('small', 'big')", "CREATE TABLE k (a size, b bool, c real, PRIMARY KEY (a, b, c))", "INSERT INTO k SELECT a, b, c FROM unnest(ARRAY['small','big']::size[]) a, unnest(ARRAY[true,false]) b, unnest(ARRAY[0.1,-0.3,1e20]::real[]) c"},
		"domain":                      {"CREATE DOMAIN word AS varchar(9)", "CREATE TABLE k (a word PRIMARY KEY)", "INSERT INTO k SELECT 'w' || g FROM generate_series(1, 12) g"},
	} {
		t.Run(name, func(t *testing.T) {
			db := postgrestest.New(t, ddl...)
			s := db.Open()
			snap, err := s.Now(t.Context())
			require.NoError(t, err)
			defer snap.Close()
			schema, err := s.Schema(t.Context())
			require.NoError(t, err)
			q := source.Query{Table: "k", Key: schema["k"].Key}
			whole := everything(t, snap, q, 1000)
			n, err := snap.Count(t.Context(), q)
			require.NoError(t, err)
			require.EqualValues(t, len(whole), n)
			require.Equal(t, whole, everything(t, snap, q, 3))
			bounds, err := snap.Bounds(t.Context(), q, 4)
			require.NoError(t, err)
			require.Len(t, bounds, 3)
			var parts []source.Record
			for n := range 4 {
				var after, to []any
				if n > 0 {
					after = bounds[n-1]
				}
				if n < 3 {
					to = bounds[n]
				}
				part, err := snap.Chunk(t.Context(), q, after, to, 1000)
				require.NoError(t, err)
				require.InDelta(t, len(whole)/4, len(part), 3)
				parts = append(parts, part...)
			}
			require.Equal(t, whole, parts)
			var keys [][]any
			for _, r := range whole {
				keys = append(keys, key(q, r.Row))
			}
			read, _, err := s.Read(t.Context(), q, keys)
			require.NoError(t, err)
			require.Equal(t, whole, read)
		})
	}
}

func TestBoundsOfFewRows(t *testing.T) {
	db := postgrestest.New(t, things, "INSERT INTO things VALUES (1, 'a'), (2, 'b'), (3, 'c')")
	snap, err := db.Open().Now(t.Context())
	require.NoError(t, err)
	defer snap.Close()
	q := source.Query{Table: "things", Key: []string{"id"}}
	for n, want := range map[int]int{0: 0, 1: 0, 2: 1, 3: 2, 10: 2} {
		bounds, err := snap.Bounds(t.Context(), q, n)
		require.NoError(t, err)
		require.Len(t, bounds, want, "in %d parts", n)
	}
	q.Where = "id > 7"
	bounds, err := snap.Bounds(t.Context(), q, 4)
	require.NoError(t, err)
	require.Empty(t, bounds)
}

// A table that is rewritten looks empty to older snapshots. That is an error, not a table
// without rows.
func TestRewrittenTable(t *testing.T) {
	for _, sql := range []string{"TRUNCATE things", "ALTER TABLE things ALTER COLUMN id TYPE bigint", "DROP TABLE things; " + things} {
		db := postgrestest.New(t, things, "INSERT INTO things VALUES (1, 'a')")
		s := db.Open()
		snap, err := s.Now(t.Context())
		require.NoError(t, err)
		defer snap.Close()
		q := source.Query{Table: "things", Key: []string{"id"}}
		require.Len(t, everything(t, snap, q, 10), 1)
		db.Exec(sql)
		_, err = snap.Chunk(t.Context(), q, nil, nil, 10)
		require.ErrorIs(t, err, source.ErrSnapshot, sql)
		_, err = snap.Count(t.Context(), q)
		require.ErrorIs(t, err, source.ErrSnapshot, sql)
		_, _, err = s.Read(t.Context(), q, [][]any{{int64(1)}})
		require.NoError(t, err)
	}
}

// A snapshot ends with the connection that keeps it, and says so.
func TestSnapshotEnds(t *testing.T) {
	db := postgrestest.New(t, things, "INSERT INTO things VALUES (1, 'a')")
	s := db.Open()
	q := source.Query{Table: "things", Key: []string{"id"}}
	snap, _, err := s.Follow(t.Context(), []string{"things"})
	require.NoError(t, err)
	require.Len(t, everything(t, snap, q, 10), 1)
	db.Exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'walsender'")
	_, err = snap.Chunk(t.Context(), q, nil, nil, 10)
	require.ErrorIs(t, err, source.ErrSnapshot)
	snap.Close()
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	require.Len(t, everything(t, now, q, 10), 1)
	now.Close()
	now.Close()
	require.Eventually(t, func() bool {
		_, err := now.Count(t.Context(), q)
		return errors.Is(err, source.ErrSnapshot)
	}, 5*time.Second, 10*time.Millisecond)
}

// A read that has waited for the rewriting of a table reads it again.
func TestReadBehindARewrite(t *testing.T) {
	db := postgrestest.New(t, things, "INSERT INTO things VALUES (1, 'a')")
	s := db.Open()
	q := source.Query{Table: "things", Columns: []string{"name"}, Key: []string{"id"}}
	conn, err := pgx.Connect(t.Context(), db.DSN)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = s.Schema(t.Context())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "BEGIN; ALTER TABLE things ALTER COLUMN id TYPE bigint")
	require.NoError(t, err)
	var reading sync.WaitGroup
	reading.Go(func() {
		records, _, err := s.Read(t.Context(), q, [][]any{{int64(1)}})
		require.NoError(t, err)
		require.Len(t, records, 1)
	})
	require.Eventually(t, func() bool {
		var waiting int
		require.NoError(t, db.Admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting))
		return waiting == 1
	}, 5*time.Second, 10*time.Millisecond)
	_, err = conn.Exec(t.Context(), "COMMIT")
	require.NoError(t, err)
	reading.Wait()
}

func TestQueriesThatCannotBe(t *testing.T) {
	db := postgrestest.New(t, append(shop, "CREATE TABLE mails (mail text UNIQUE)", "INSERT INTO mails VALUES ('a'), (NULL)")...)
	s := db.Open()
	snap, err := s.Now(t.Context())
	require.NoError(t, err)
	defer snap.Close()
	on := []source.On{{Child: "order_id", Parent: "id"}}
	for want, q := range map[string]source.Query{
		"no table nothing":        {Table: "nothing", Key: []string{"id"}},
		"have no key":             {Table: "orders"},
		"no column nope":          {Table: "orders", Key: []string{"nope"}},
		"no column missing":       {Table: "orders", Key: []string{"id"}, Children: []source.Child{{Name: "l", Table: "lines", Columns: []string{"missing"}, On: on}}},
		"two children are called": {Table: "orders", Key: []string{"id"}, Children: []source.Child{{Name: "l", Table: "lines", On: on}, {Name: "l", Table: "lines", On: on}}},
		"does not stand before":   {Table: "orders", Key: []string{"id"}, Children: []source.Child{{Name: "s", Table: "serials", Of: "l", On: on}}},
		"nothing links":           {Table: "orders", Key: []string{"id"}, Children: []source.Child{{Name: "l", Table: "lines"}}},
		"have no mail":            {Table: "mails", Key: []string{"mail"}},
	} {
		_, err := snap.Chunk(t.Context(), q, nil, nil, 10)
		require.ErrorContains(t, err, want)
	}
	q := source.Query{Table: "mails", Key: []string{"mail"}, Where: "mail IS NOT NULL"}
	require.Len(t, everything(t, snap, q, 10), 1)
	_, err = snap.Chunk(t.Context(), q, []any{"a", "b"}, nil, 10)
	require.ErrorContains(t, err, "2 values, not 1")
	_, err = postgres.Open(t.Context(), postgres.Config{DSN: db.DSN, Slot: "a; b", Publication: "p"})
	require.ErrorContains(t, err, "slot")
	_, err = postgres.Open(t.Context(), postgres.Config{DSN: db.DSN, Slot: "s"})
	require.ErrorContains(t, err, "publication")
}

// Rows that a policy hides would be missing without a word.
func TestRowSecurityIsAnError(t *testing.T) {
	db := postgrestest.New(t, things, "INSERT INTO things VALUES (1, 'a')", "ALTER TABLE things ENABLE ROW LEVEL SECURITY")
	snap, err := db.Open().Now(t.Context())
	require.NoError(t, err)
	defer snap.Close()
	_, err = snap.Chunk(t.Context(), source.Query{Table: "things", Key: []string{"id"}}, nil, nil, 10)
	require.ErrorContains(t, err, "row-level security")
}
