// Package preflight says, before anything is moved, whether a PostgreSQL database can be
// the source of a move, and what to do where it cannot.
package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tienda/services/migration/internal/postgres"
)

// Status is what a Finding comes to.
type Status string

// The statuses. A move with a blocked Finding would fail, or lose something.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Blocked Status = "blocked"
)

// Finding is what one check says of the database, or of a table or column.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Table  string `json:"table,omitempty"` // as in source.Schema
	Column string `json:"column,omitempty"`
	Detail string `json:"detail,omitempty"`
	Do     string `json:"do,omitempty"` // what helps; SQL where there is some
}

// Report is all there is to say. Every check has a Finding at least.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Status is the worst of all findings.
func (r Report) Status() Status {
	worst := OK
	for _, f := range r.Findings {
		if f.Status == Blocked || f.Status == Warning && worst == OK {
			worst = f.Status
		}
	}
	return worst
}

// Needs is what a mapping reads of the database.
type Needs struct {
	Tables map[string][]string // columns that are read, by table as in source.Schema
	Links  []Link
	// Unmapped are columns that the mapping neither maps nor drops: "orders.note".
	Unmapped []string
}

// Link is what must be known of a row that was deleted, or moved: of a root its key, of a
// child the columns that say whose it is.
type Link struct {
	Table   string
	Columns []string
}

// A document with a larger value does not go through a sidecar, which takes 4 MiB unless
// told otherwise.
const (
	largeValue   = 1 << 20
	tooLarge     = 4 << 20
	askTime      = 30 * time.Second // for each check
	sampleRows   = 1000
	littleRoom   = 64 << 20 // bytes of log: four segments
	roomWarning  = 1 << 30
	sendersFree  = 2 // the stream, and whoever keeps the snapshot
	firstVersion = 13
)

type check struct {
	name string
	run  func(context.Context, *inspection) ([]Finding, error)
}

var checks = []check{
	{"version", version},
	{"wal_level", walLevel},
	{"role", role},
	{"tables", tables},
	{"rights", rights},
	{"publication", publication},
	{"identity", identity},
	{"slots", slots},
	{"room", room},
	{"columns", generated},
	{"large", large},
	{"encoding", encoding},
	{"unmapped", unmapped},
	{"rows", rows},
	{"index", indexes},
}

// inspection is the database under the checks.
type inspection struct {
	config   postgres.Config
	needs    Needs
	conn     *pgx.Conn
	source   *postgres.Source
	relation map[string]relation // by name as in source.Schema
}

type relation struct {
	oid    uint32
	quoted string
	rows   float64 // -1: never counted
	parted bool    // it has partitions
}

// Run makes all checks, with the role of the migration. It fails closed: what cannot be
// asked is blocked.
func Run(ctx context.Context, c postgres.Config, needs Needs) Report {
	i := &inspection{config: c, needs: needs}
	if i.config.Schema == "" {
		i.config.Schema = "public"
	}
	i.config.Connections = 1
	closed := i.open(ctx)
	defer i.close(ctx)
	var r Report
	for _, c := range checks {
		found, err := []Finding(nil), closed
		if err == nil {
			found, err = c.ask(ctx, i)
		}
		if err != nil {
			found = append(found, Finding{Status: Blocked, Detail: "cannot be asked: " + err.Error(), Do: "Let the migration's role ask, and repeat."})
		}
		if len(found) == 0 {
			found = []Finding{{Status: OK}}
		}
		for _, f := range found {
			f.Check = c.name
			r.Findings = append(r.Findings, f)
		}
	}
	return r
}

func (c check) ask(ctx context.Context, i *inspection) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return c.run(ctx, i)
}

func (i *inspection) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var err error
	if i.source, err = postgres.Open(ctx, i.config); err != nil {
		return err
	}
	c, err := pgx.ParseConfig(i.config.DSN)
	if err != nil {
		return fmt.Errorf("connection string of the source: %w", err)
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.RuntimeParams["default_transaction_read_only"] = "on"
	if i.conn, err = pgx.ConnectConfig(ctx, c); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	return i.relations(ctx)
}

func (i *inspection) close(ctx context.Context) {
	if i.source != nil {
		i.source.Close()
	}
	if i.conn != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = i.conn.Close(ctx) // nothing is lost with it
	}
}

func (i *inspection) relations(ctx context.Context) error {
	found, err := i.conn.Query(ctx, `SELECT c.oid, n.nspname, c.relname, c.reltuples::float8, c.relkind = 'p' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`)
	if err != nil {
		return fmt.Errorf("tables of the source: %w", err)
	}
	i.relation = map[string]relation{}
	var r relation
	var schema, name string
	_, err = pgx.ForEachRow(found, []any{&r.oid, &schema, &name, &r.rows, &r.parted}, func() error {
		r.quoted = pgx.Identifier{schema, name}.Sanitize()
		if schema != i.config.Schema {
			name = schema + "." + name
		}
		i.relation[name] = r
		return nil
	})
	return err
}

// mapped gives the mapped tables that there are, in order.
func (i *inspection) mapped() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(i.needs.Tables)), func(t string) bool {
		_, ok := i.relation[t]
		return !ok
	})
}
