package postgres_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/source"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

var errEnough = errors.New("enough")

// follow makes the slot, and ends its snapshot.
func follow(t *testing.T, s *postgres.Source, tables ...string) source.Position {
	t.Helper()
	snap, at, err := s.Follow(t.Context(), tables)
	require.NoError(t, err)
	require.NotNil(t, snap)
	snap.Close()
	return at
}

// changes streams until so many changes have come, and gives them and the last position.
func changes(t *testing.T, s *postgres.Source, from source.Position, n int) ([]source.Change, source.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all []source.Change
	at := from
	err := s.Stream(ctx, from, func(tx source.Transaction) error {
		require.GreaterOrEqual(t, tx.Position, at)
		at = tx.Position
		if all = append(all, tx.Changes...); len(all) >= n {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough, "%d changes have come", len(all))
	require.Len(t, all, n)
	return all, at
}

// everything reads all roots of a query from a snapshot, in chunks.
func everything(t *testing.T, s source.Snapshot, q source.Query, size int) []source.Record {
	t.Helper()
	var all []source.Record
	var after []any
	for {
		chunk, err := s.Chunk(t.Context(), q, after, nil, size)
		require.NoError(t, err)
		all = append(all, chunk...)
		if len(chunk) < size {
			return all
		}
		after = key(q, chunk[len(chunk)-1].Row)
	}
}

func key(q source.Query, r source.Row) []any {
	var k []any
	for _, c := range q.Key {
		k = append(k, r[c])
	}
	return k
}
