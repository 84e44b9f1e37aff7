package generator

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tienda/monolith/schema"
)

// Checksums gives a sum of all rows of each table, whatever their order. Equal tables
// have equal sums.
func Checksums(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	sums := map[string]string{}
	for _, name := range append(schema.Mapped(), schema.Dropped()...) {
		var sum string
		err := conn.QueryRow(ctx, "SELECT count(*) || ':' || md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM "+pgx.Identifier{name}.Sanitize()+" t").Scan(&sum)
		if err != nil {
			return nil, fmt.Errorf("checksum of %s: %w", name, err)
		}
		sums[name] = sum
	}
	return sums, nil
}
