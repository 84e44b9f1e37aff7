package preflight_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/preflight"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

var needs = preflight.Needs{
	Tables: map[string][]string{"orders": {"id", "note", "twice"}, "lines": {"order_id", "sku"}, "crm.people": {"id"}},
	Links:  []preflight.Link{{Table: "orders", Columns: []string{"id"}}, {Table: "lines", Columns: []string{"order_id"}}, {Table: "crm.people", Columns: []string{"id"}}},
}

// healthy is a database that passes.
func healthy(t *testing.T) *postgrestest.DB {
	t.Helper()
	db := postgrestest.New(t, "CREATE SCHEMA crm", "CREATE TABLE crm.people (id int PRIMARY KEY)",
		"CREATE TABLE orders (id int PRIMARY KEY, note text, twice int GENERATED ALWAYS AS (id * 2) STORED)",
		"CREATE TABLE lines (order_id int, no int, sku text, PRIMARY KEY (order_id, no))",
		"INSERT INTO orders SELECT g, 'x' FROM generate_series(1, 50) g")
	db.Exec("GRANT USAGE ON SCHEMA crm TO " + db.Role)
	db.Exec("GRANT SELECT ON crm.people TO " + db.Role)
	db.Exec("ANALYZE")
	return db
}

// found are the findings of a check that are not in order.
func found(r preflight.Report, check string, status preflight.Status) (all []preflight.Finding) {
	for _, f := range r.Findings {
		if f.Check == check && f.Status == status {
			all = append(all, f)
		}
	}
	return all
}

func TestHealthyDatabase(t *testing.T) {
	db := healthy(t)
	r := preflight.Run(t.Context(), db.Config(), needs)
	for _, f := range r.Findings {
		switch f.Check {
		case "room", "columns": // no limit by default; the generated column
			require.Equal(t, preflight.Warning, f.Status)
		default:
			require.Equal(t, preflight.OK, f.Status, f)
		}
	}
	require.Equal(t, preflight.Warning, r.Status())
	require.Contains(t, r.Findings, preflight.Finding{Check: "rows", Status: preflight.OK, Table: "orders", Detail: "about 50 rows"})
	require.Equal(t, []string{"version", "wal_level", "role", "tables", "rights", "publication", "identity", "slots", "room", "columns", "large", "encoding", "unmapped", "rows", "index"}, names(r))
}

func names(r preflight.Report) (all []string) {
	for _, f := range r.Findings {
		all = append(all, f.Check)
	}
	return slices.Compact(all)
}

// Each fault blocks its check, names where it is, and says what to do; done, it is in order.
func TestFaults(t *testing.T) {
	dropped := func(c preflight.Needs, table string, columns ...string) preflight.Needs {
		tables := map[string][]string{table: columns}
		for k, v := range c.Tables {
			tables[k] = append(slices.Clone(v), tables[k]...)
		}
		return preflight.Needs{Tables: tables, Links: c.Links}
	}
	for _, c := range []struct {
		name, fault, check, table, column, do string
		status                                preflight.Status
		needs                                 preflight.Needs
		byHand                                bool // what is to be done is no SQL
	}{
		{name: "no replication", fault: "ALTER ROLE $role NOREPLICATION", check: "role", do: "REPLICATION"},
		{name: "superuser", fault: "ALTER ROLE $role SUPERUSER", check: "role", do: "CREATE ROLE", status: preflight.Warning, byHand: true},
		{name: "no table", fault: "SELECT", check: "tables", table: "nothing", do: "mapping", needs: dropped(needs, "nothing"), byHand: true},
		{name: "no table to count", fault: "SELECT", check: "rows", table: "nothing", do: "mapping", needs: dropped(needs, "nothing"), byHand: true},
		{name: "no column", fault: "SELECT", check: "tables", table: "orders", column: "nope", do: "mapping", needs: dropped(needs, "orders", "nope"), byHand: true},
		{name: "no select", fault: "REVOKE SELECT ON lines FROM $role", check: "rights", table: "lines", do: "GRANT SELECT"},
		{name: "no usage", fault: "REVOKE USAGE ON SCHEMA crm FROM $role", check: "rights", table: "crm.people", do: "GRANT USAGE"},
		{name: "row security", fault: "ALTER TABLE lines ENABLE ROW LEVEL SECURITY", check: "rights", table: "lines", do: "BYPASSRLS"},
		{name: "may write", fault: "GRANT INSERT ON lines TO $role", check: "rights", table: "lines", do: "REVOKE", status: preflight.Warning},
		{name: "no publication", fault: "DROP PUBLICATION tienda_move", check: "publication", do: "CREATE PUBLICATION"},
		{name: "not published", fault: "DROP PUBLICATION tienda_move; CREATE PUBLICATION tienda_move FOR TABLE orders, crm.people WITH (publish_via_partition_root = true)", check: "publication", table: "lines", do: "ADD TABLE"},
		{name: "rows filtered", fault: "DROP PUBLICATION tienda_move; CREATE PUBLICATION tienda_move FOR TABLE orders, crm.people, lines WHERE (no > 1) WITH (publish_via_partition_root = true)", check: "publication", table: "lines", do: "ADD TABLE"},
		{name: "no key", fault: "ALTER TABLE lines DROP CONSTRAINT lines_pkey", check: "identity", table: "lines", do: "REPLICA IDENTITY FULL"},
		{name: "no identity", fault: "ALTER TABLE lines REPLICA IDENTITY NOTHING", check: "identity", table: "lines", do: "REPLICA IDENTITY FULL"},
		{name: "link not in key", fault: "ALTER TABLE lines DROP CONSTRAINT lines_pkey; ALTER TABLE lines ADD PRIMARY KEY (no)", check: "identity", table: "lines", column: "order_id", do: "REPLICA IDENTITY FULL"},
		{name: "link not in index", fault: "CREATE UNIQUE INDEX by_no ON lines (no); ALTER TABLE lines REPLICA IDENTITY USING INDEX by_no", check: "identity", table: "lines", column: "order_id", do: "REPLICA IDENTITY FULL"},
		{name: "link beside the index", fault: "CREATE UNIQUE INDEX by_no ON lines (no) INCLUDE (order_id); ALTER TABLE lines REPLICA IDENTITY USING INDEX by_no", check: "identity", table: "lines", column: "order_id", do: "REPLICA IDENTITY FULL"},
		{name: "deferred key", fault: "ALTER TABLE lines DROP CONSTRAINT lines_pkey; ALTER TABLE lines ADD PRIMARY KEY (order_id, no) DEFERRABLE INITIALLY DEFERRED", check: "identity", table: "lines", do: "REPLICA IDENTITY FULL"},
		{name: "another's slot", fault: "SELECT pg_create_physical_replication_slot('slot_$db')", check: "slots", do: "another slot", byHand: true},
		{name: "generated link", fault: "SELECT", check: "columns", table: "orders", column: "twice", do: "Link by", byHand: true,
			needs: preflight.Needs{Tables: needs.Tables, Links: []preflight.Link{{Table: "orders", Columns: []string{"twice"}}}}},
		{name: "too large", fault: "UPDATE orders SET note = repeat('x', 5000000) WHERE id = 7", check: "large", table: "orders", column: "note", do: "Drop", byHand: true},
		{name: "large", fault: "UPDATE orders SET note = repeat('x', 2000000) WHERE id = 7", check: "large", table: "orders", column: "note", do: "Drop", status: preflight.Warning, byHand: true},
		{name: "unmapped", fault: "SELECT", check: "unmapped", table: "crm.people", column: "mail", do: "drop it by name", byHand: true,
			needs: preflight.Needs{Tables: needs.Tables, Links: needs.Links, Unmapped: []string{"crm.people.mail"}}},
		{name: "not counted", fault: "CREATE TABLE fresh (id int PRIMARY KEY)", check: "rows", table: "fresh", do: "ANALYZE", status: preflight.Warning, needs: dropped(needs, "fresh", "id")},
		{name: "no index", fault: "ALTER TABLE lines DROP CONSTRAINT lines_pkey", check: "index", table: "lines", do: "CREATE INDEX", status: preflight.Warning},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := healthy(t)
			if c.status == "" {
				c.status = preflight.Blocked
			}
			if c.needs.Tables == nil {
				c.needs = needs
			}
			run := func(sql string) {
				sql = strings.NewReplacer("$role", db.Role, "$db", db.Name).Replace(sql)
				for s := range strings.SplitSeq(sql, ";") {
					if strings.TrimSpace(s) != "" {
						db.Exec(s)
					}
				}
			}
			run(c.fault)
			faults := found(preflight.Run(t.Context(), db.Config(), c.needs), c.check, c.status)
			require.Len(t, faults, 1)
			f := faults[0]
			require.Equal(t, c.table, f.Table)
			require.Equal(t, c.column, f.Column)
			require.Contains(t, f.Do, c.do)
			require.NotEmpty(t, f.Detail)
			if !c.byHand {
				run(f.Do)
				require.Empty(t, found(preflight.Run(t.Context(), db.Config(), c.needs), c.check, c.status))
			}
		})
	}
}

// A partition without an identity is found under its table.
func TestPartitionWithoutIdentity(t *testing.T) {
	db := postgrestest.New(t, "CREATE TABLE part (id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)",
		"CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')", "ALTER TABLE part_1 REPLICA IDENTITY NOTHING")
	n := preflight.Needs{Tables: map[string][]string{"part": {"id"}}, Links: []preflight.Link{{Table: "part", Columns: []string{"id", "d"}}}}
	r := preflight.Run(t.Context(), db.Config(), n)
	require.Len(t, found(r, "tables", preflight.Warning), 1, "what happens to a partition as a whole is not in the stream")
	blocked := found(r, "identity", preflight.Blocked)
	require.Len(t, blocked, 1)
	require.Equal(t, "ALTER TABLE part_1 REPLICA IDENTITY FULL;", blocked[0].Do)
}

func TestNoSlotIsFree(t *testing.T) {
	db := healthy(t)
	n := 0
	for ; ; n++ {
		if _, err := db.Admin.Exec(t.Context(), "SELECT pg_create_physical_replication_slot($1)", fmt.Sprintf("full_%d", n)); err != nil {
			break
		}
	}
	defer func() {
		for n := range n {
			db.Exec("SELECT pg_drop_replication_slot($1)", fmt.Sprintf("full_%d", n))
		}
	}()
	blocked := found(preflight.Run(t.Context(), db.Config(), needs), "slots", preflight.Blocked)
	require.Len(t, blocked, 1)
	require.Contains(t, blocked[0].Do, "max_replication_slots = 21")
}

// Nobody knows what the bytes of SQL_ASCII mean.
func TestEncoding(t *testing.T) {
	db := healthy(t)
	for name, status := range map[string]preflight.Status{"SQL_ASCII": preflight.Blocked, "LATIN1": preflight.OK} {
		odd := db.Name + "_" + strings.ToLower(name)
		db.Exec("CREATE DATABASE " + odd + " ENCODING '" + name + "' TEMPLATE template0")
		c := db.Config()
		c.DSN = strings.Replace(c.DSN, "dbname="+db.Name, "dbname="+odd, 1)
		require.Len(t, found(preflight.Run(t.Context(), c, needs), "encoding", status), 1)
		db.Exec("DROP DATABASE " + odd + " WITH (FORCE)")
	}
}

// What cannot be asked is blocked, for every check.
func TestNobodyAnswers(t *testing.T) {
	db := healthy(t)
	all := names(preflight.Run(t.Context(), db.Config(), needs))
	wrong := db.Config()
	wrong.DSN = strings.Replace(wrong.DSN, "password=secret", "password=guess", 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range []preflight.Report{preflight.Run(t.Context(), wrong, needs), preflight.Run(ended, db.Config(), needs)} {
		require.Equal(t, all, names(r))
		for _, f := range r.Findings {
			require.Equal(t, preflight.Blocked, f.Status)
			require.NotEmpty(t, f.Do)
			require.NotContains(t, f.Detail, "guess")
		}
	}
	// One check alone that cannot ask leaves the others as they are.
	super, err := pgx.Connect(t.Context(), db.DSN)
	require.NoError(t, err)
	defer func() { _ = super.Close(context.Background()) }()
	_, err = super.Exec(t.Context(), "REVOKE SELECT ON pg_publication FROM PUBLIC")
	require.NoError(t, err)
	r := preflight.Run(t.Context(), db.Config(), needs)
	require.Len(t, found(r, "publication", preflight.Blocked), 1)
	require.Empty(t, found(r, "identity", preflight.Blocked))
}
