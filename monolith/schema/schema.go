// Package schema is the database of the sample monolith: the tables of a shop as it
// grew over the years, in the schema public of PostgreSQL.
package schema

import (
	"context"
	_ "embed"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Publication is the name of the publication of the mapped tables.
const Publication = "tienda_migration"

// Zone is where the clock hangs whose times the columns without a zone have.
const Zone = "Europe/Madrid"

//go:embed schema.sql
var tables string

//go:embed publication.sql
var publication string

//go:embed reverse.sql
var reverse string

var mapped = []string{
	"staff", "customers", "customer_preferences", "addresses",
	"categories", "products", "product_variants", "inventory",
	"orders", "order_lines", "payments",
	"tickets", "ticket_messages", "returns", "return_lines",
}

var dropped = []string{"price_history", "sessions", "request_keys", "audit_log"}

// Mapped gives the tables whose rows are moved, parents before what points at them.
func Mapped() []string { return slices.Clone(mapped) }

// Dropped gives the tables that nobody needs in the new shop.
func Dropped() []string { return slices.Clone(dropped) }

// Create makes the tables, which then belong to the connection's role. It fails if
// one of them is there.
func Create(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, tables); err != nil {
		return fmt.Errorf("tables of the monolith: %w", err)
	}
	return nil
}

// Publish makes the publication, and has the log say what a deleted row belonged to.
// The connection's role must own the tables and may create in the database.
func Publish(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, publication); err != nil {
		return fmt.Errorf("publication of the monolith: %w", err)
	}
	return nil
}

// Reverse makes the table in which a migration notes what it has written back, and gives
// the role "reverse", which must be there, the rights that it needs for that. The
// connection's role must own the tables.
func Reverse(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, reverse); err != nil {
		return fmt.Errorf("what is written back to the monolith: %w", err)
	}
	return nil
}
