package checker

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver of the local profile's stores

	"tienda/tests/shop"
)

// Stores looks into every value of every state store of a shop, as it was written: a file
// may hold a long one in pieces, or compressed. It gives the texts that were found by the
// key of the value, and how many values there are.
func (n *Needles) Stores(ctx context.Context, s shop.State) (hits map[string][]string, values int, err error) {
	hits = map[string][]string{}
	look := func(where string, value []byte) {
		values++
		texts := n.In(value)
		if plain, err := base64.StdEncoding.DecodeString(strings.Trim(string(value), `"`)); err == nil {
			texts = append(texts, n.In(plain)...)
		}
		if len(texts) > 0 {
			hits[where] = texts
		}
	}
	switch s.Profile {
	case "local":
		err = sqliteValues(ctx, filepath.Join(s.DataDir, s.Profile), look)
	case "postgres":
		err = postgresValues(ctx, s, look)
	case "redis":
		err = redisValues(ctx, s, look)
	default:
		err = errors.New("an unknown profile")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("stores of %s: %w", s.Profile, err)
	}
	return hits, values, nil
}

func sqliteValues(ctx context.Context, dir string, look func(string, []byte)) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := sqliteFile(ctx, file, look); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func sqliteFile(ctx context.Context, file string, look func(string, []byte)) error {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SELECT key, value FROM state")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") { // of the names of the sidecars
			return nil
		}
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		look(key, value)
	}
	return rows.Err()
}

func secretOf(s shop.State) (string, error) {
	b, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", err
	}
	var secrets map[string]string
	if err := json.Unmarshal(b, &secrets); err != nil {
		return "", err
	}
	for _, secret := range secrets {
		return secret, nil
	}
	return "", nil
}

func postgresValues(ctx context.Context, s shop.State, look func(string, []byte)) error {
	password, err := secretOf(s)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Store)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%s user=tienda dbname=tienda sslmode=disable password=%s", host, port, password))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT table_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name IN ('key', 'value') GROUP BY table_name HAVING count(*) = 2`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		rows, err := conn.Query(ctx, "SELECT key, value FROM "+pgx.Identifier{table}.Sanitize())
		if err != nil {
			return err
		}
		for rows.Next() {
			raw := rows.RawValues()
			look(string(raw[0]), raw[1])
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

func redisValues(ctx context.Context, s shop.State, look func(string, []byte)) error {
	password := ""
	if s.SecretFile != "" {
		var err error
		if password, err = secretOf(s); err != nil {
			return err
		}
	}
	db := redis.NewClient(&redis.Options{Addr: s.Store, Password: password})
	defer func() { _ = db.Close() }()
	keys := db.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		kind, err := db.Type(ctx, key).Result()
		if err != nil {
			return err
		}
		switch kind {
		case "hash":
			fields, err := db.HGetAll(ctx, key).Result()
			if err != nil {
				return err
			}
			for _, value := range fields {
				look(key, []byte(value))
			}
		case "string":
			value, err := db.Get(ctx, key).Result()
			if err != nil {
				return err
			}
			look(key, []byte(value))
		}
	}
	return keys.Err()
}
