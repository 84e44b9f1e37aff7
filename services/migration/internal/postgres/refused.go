package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tienda/services/migration/internal/source"
)

// refused tells what the database refused without the values that it quotes; other errors
// stay as they are.
func refused(err error) error {
	pg := new(pgconn.PgError)
	if !errors.As(err, &pg) {
		return err
	}
	out := &source.StatementError{Code: pg.Code, Position: int(pg.Position), Reason: pg.Message}
	if strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "P0") {
		out.Reason = "the database does not take a value"
		for _, one := range [][2]string{{" for the column ", pg.ColumnName}, {" by the constraint ", pg.ConstraintName}, {" of the type ", pg.DataTypeName}} {
			if one[1] != "" {
				out.Reason += one[0] + one[1]
			}
		}
	}
	return out
}
