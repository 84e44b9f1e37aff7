package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

func version(ctx context.Context, i *inspection) ([]Finding, error) {
	var n int
	var standby bool
	if err := i.conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, pg_is_in_recovery()").Scan(&n, &standby); err != nil {
		return nil, err
	}
	return []Finding{judgeVersion(n, standby)}, nil
}

// judgeVersion takes a version as 150018.
func judgeVersion(n int, standby bool) Finding {
	major := n / 10_000
	detail := fmt.Sprintf("PostgreSQL %d.%d", major, n%10_000)
	switch {
	case major < firstVersion:
		return Finding{Status: Blocked, Detail: detail, Do: fmt.Sprintf("Upgrade to PostgreSQL %d or later.", firstVersion)}
	case standby && major < 16:
		return Finding{Status: Blocked, Detail: detail + ", a standby, which has no logical replication before 16", Do: "Name the primary in the connection string."}
	case standby:
		return Finding{Status: Warning, Detail: detail + ", a standby: what is read is as old as its lag", Do: "Name the primary in the connection string, if it can bear the load."}
	}
	return Finding{Status: OK, Detail: detail}
}

func walLevel(ctx context.Context, i *inspection) ([]Finding, error) {
	var level string
	if err := i.conn.QueryRow(ctx, "SHOW wal_level").Scan(&level); err != nil {
		return nil, err
	}
	return []Finding{judgeWALLevel(level)}, nil
}

func judgeWALLevel(level string) Finding {
	if level != "logical" {
		return Finding{Status: Blocked, Detail: "wal_level is " + level, Do: "ALTER SYSTEM SET wal_level = 'logical'; then restart the server."}
	}
	return Finding{Status: OK, Detail: "wal_level is logical"}
}

func role(ctx context.Context, i *inspection) ([]Finding, error) {
	var name string
	var replication, super bool
	err := i.conn.QueryRow(ctx, "SELECT rolname, rolreplication, rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&name, &replication, &super)
	if err != nil {
		return nil, err
	}
	quoted := pgx.Identifier{name}.Sanitize()
	switch {
	case super:
		return []Finding{{Status: Warning, Detail: "the role " + name + " is a superuser, and could write",
			Do: "CREATE ROLE tienda_move LOGIN REPLICATION PASSWORD '...'; and GRANT it SELECT on the mapped tables."}}, nil
	case !replication:
		return []Finding{{Status: Blocked, Detail: "the role " + name + " may not replicate", Do: "ALTER ROLE " + quoted + " REPLICATION;"}}, nil
	}
	return []Finding{{Status: OK, Detail: name}}, nil
}

// slots are those of the server, and connections to it that send its log.
func slots(ctx context.Context, i *inspection) ([]Finding, error) {
	var most, used, senders, sending int
	err := i.conn.QueryRow(ctx, `SELECT current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots)::int,
		current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication)::int`).Scan(&most, &used, &senders, &sending)
	if err != nil {
		return nil, err
	}
	own, err := ownSlot(ctx, i)
	if err != nil {
		return nil, err
	}
	var all []Finding
	switch {
	case own != nil && own.Status == Blocked:
		all = append(all, *own)
	case own == nil && used >= most:
		all = append(all, Finding{Status: Blocked, Detail: fmt.Sprintf("all %d replication slots are in use", most),
			Do: fmt.Sprintf("Drop one that nobody needs, or ALTER SYSTEM SET max_replication_slots = %d; then restart the server.", most+1)})
	}
	all = append(all, judgeSenders(sending, senders)...)
	return all, nil
}

func judgeSenders(sending, senders int) []Finding {
	if senders-sending >= sendersFree {
		return nil
	}
	return []Finding{{Status: Blocked, Detail: fmt.Sprintf("%d of %d WAL senders are in use; %d must be free", sending, senders, sendersFree),
		Do: fmt.Sprintf("ALTER SYSTEM SET max_wal_senders = %d; then restart the server.", sending+sendersFree)}}
}

// ownSlot is the migration's slot, if it is there.
func ownSlot(ctx context.Context, i *inspection) (*Finding, error) {
	var plugin string
	var here, lost bool
	err := i.conn.QueryRow(ctx, `SELECT coalesce(plugin, 'physical replication'), coalesce(database = current_database(), false), coalesce(wal_status = 'lost', false)
		FROM pg_replication_slots WHERE slot_name = $1`, i.config.Slot).Scan(&plugin, &here, &lost)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case plugin != "pgoutput" || !here:
		return &Finding{Status: Blocked, Detail: fmt.Sprintf("the slot %s is another one's: of %s, or of another database", i.config.Slot, plugin), Do: "Give the migration another slot's name."}, nil
	case lost:
		return &Finding{Status: Blocked, Detail: fmt.Sprintf("the slot %s has lost changes", i.config.Slot),
			Do: fmt.Sprintf("SELECT pg_drop_replication_slot('%s'); and begin again with a new snapshot.", i.config.Slot)}, nil
	}
	return &Finding{Status: OK}, nil
}

// room is how much log the server keeps for a slot that is behind. How much of its disk
// is free no server tells.
func room(ctx context.Context, i *inspection) ([]Finding, error) {
	var megabytes int64
	if err := i.conn.QueryRow(ctx, "SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'").Scan(&megabytes); err != nil {
		return nil, err
	}
	return []Finding{judgeRoom(megabytes)}, nil
}

func judgeRoom(megabytes int64) Finding {
	bytes := megabytes << 20
	detail := fmt.Sprintf("the server gives the slot up when it is %d MB behind", megabytes)
	more := "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf(); with as much free on the disk of its log."
	switch {
	case megabytes < 0:
		return Finding{Status: Warning, Detail: "a migration that stops fills the disk of the server's log: it is kept without limit",
			Do: "See how much of that disk is free, watch the lag, and set max_slot_wal_keep_size below it: " + more}
	case bytes < littleRoom:
		return Finding{Status: Blocked, Detail: detail + ", which is soon", Do: more}
	case bytes < roomWarning:
		return Finding{Status: Warning, Detail: detail, Do: more}
	}
	return Finding{Status: OK, Detail: detail}
}

func encoding(ctx context.Context, i *inspection) ([]Finding, error) {
	var name string
	var converts bool
	err := i.conn.QueryRow(ctx, `SELECT getdatabaseencoding(), EXISTS (SELECT FROM pg_conversion WHERE condefault
		AND conforencoding = pg_char_to_encoding(getdatabaseencoding()) AND contoencoding = pg_char_to_encoding('UTF8'))`).Scan(&name, &converts)
	switch {
	case err != nil:
		return nil, err
	case name == "UTF8":
		return []Finding{{Status: OK, Detail: name}}, nil
	case converts:
		return []Finding{{Status: OK, Detail: name + ", which the server converts to UTF-8"}}, nil
	}
	return []Finding{{Status: Blocked, Detail: "the database is in " + name + ": what its bytes mean nobody knows",
		Do: "Dump it, convert the dump to UTF-8, and load it into a database with ENCODING 'UTF8'."}}, nil
}
