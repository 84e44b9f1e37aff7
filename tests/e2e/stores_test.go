package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // reads the services' files as they are

	"tienda/tests/shop"
	"tienda/tests/tap"
)

// storedKeys lists the keys that the store of a service holds, past Dapr: of its
// SQLite file, of its Postgres table, or, as all share the one Redis, those
// that are named after it.
func storedKeys(t *testing.T, s shop.State, app string) []string {
	t.Helper()
	switch s.Profile {
	case "redis":
		client := redisClient(t, s)
		var keys []string
		scan := client.Scan(t.Context(), 0, app+"||*", 1000).Iterator()
		for scan.Next(t.Context()) {
			keys = append(keys, scan.Val())
		}
		require.NoError(t, scan.Err())
		return keys
	case "postgres":
		conn := postgresConn(t, s)
		rows, err := conn.Query(t.Context(), "SELECT key FROM "+pgx.Identifier{app + "_state"}.Sanitize())
		require.NoError(t, err)
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return keys
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.DataDir, "local", app+".db")+"?mode=ro")
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT key FROM state")
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var keys []string
	for rows.Next() {
		var key string
		require.NoError(t, rows.Scan(&key))
		keys = append(keys, key)
	}
	require.NoError(t, rows.Err())
	return keys
}

// Whatever a Redis holds, besides the streams, is named after one service.
func TestRedisHoldsNothingElse(t *testing.T) {
	if the.Profile != "redis" {
		return // the other stores have a file or a table for each service
	}
	client := redisClient(t, the.State)
	scan := client.ScanType(t.Context(), 0, "*", 1000, "hash").Iterator()
	for scan.Next(t.Context()) {
		owner, _, named := strings.Cut(scan.Val(), "||")
		require.True(t, named, scan.Val())
		require.Contains(t, append([]string{"gateway"}, services...), owner) // the gateway: counts of its rate limits
	}
	require.NoError(t, scan.Err())
	streams, _ := client.ScanType(t.Context(), 0, "*", 1_000_000, "stream").Val()
	require.NotEmpty(t, streams, "events are streams")
}

func redisClient(t *testing.T, s shop.State) *redis.Client {
	t.Helper()
	client, err := tap.OpenRedis(s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func postgresConn(t *testing.T, s shop.State) *pgx.Conn {
	t.Helper()
	password, err := tap.StorePassword(s)
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(s.Store)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=tienda dbname=tienda sslmode=disable password=%s", host, port, password))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
