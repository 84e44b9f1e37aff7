package postgres

import (
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// mark is what a transaction of Writer bears in the log: the stream tells by it what the
// shop has written back from what somebody else has written.
const mark = "tienda_reverse"

// marksSince is the first PostgreSQL whose pgoutput tells marks.
const marksSince = 14

// tellsMarks says whether a server's stream tells marks.
func tellsMarks(conn *pgconn.PgConn) bool {
	major, _, _ := strings.Cut(conn.ParameterStatus("server_version"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= marksSince
}
