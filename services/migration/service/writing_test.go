package service

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/monolith/local/localtest"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
)

// The preflight says whether services can be cut over, and what for if not; a move can
// begin all the same.
func TestWhetherAnythingCanBeWrittenBack(t *testing.T) {
	localtest.Needs(t)
	db := localtest.Open(t)
	find := func(mappingName string, dsn DSN) []progress.Finding {
		m, _, err := LoadMapping(mappingName)
		require.NoError(t, err)
		w := &writing{dsn: dsn}
		ctx, cancel := context.WithCancel(t.Context())
		found := w.findings(ctx, m)
		cancel()
		require.NoError(t, w.closing(ctx))
		require.NotEqual(t, progress.Blocked, progress.Worst(found))
		for _, f := range found {
			require.Equal(t, "write_back", f.Check)
			require.True(t, f.Level == progress.OK || f.Do != "", f.Detail)
			require.NotContains(t, f.Detail+f.Do, "password=")
		}
		return found
	}
	at := func(dsn string) DSN { return func(context.Context) (string, error) { return dsn, nil } }
	found := find("monolith", at(db.ReverseDSN))
	require.Len(t, found, 1)
	require.Equal(t, progress.OK, found[0].Level, found[0].Detail)
	none := func(context.Context) (string, error) { return "", fault.New(fault.Unavailable, "no_source", "empty") }
	require.Contains(t, find("monolith", none)[0].Detail, "monolith-write-dsn is empty")
	require.Contains(t, find("monolith", at("host=127.0.0.1 port=1 password=x"))[0].Detail, "cannot be reached")
	found = find("monolith", at(db.MigrationDSN))
	require.Contains(t, found[0].Detail, "permission denied for table tienda_reverse")
	require.Contains(t, found[0].Do, "CREATE TABLE IF NOT EXISTS tienda_reverse")
	found = find("ds3", at(db.ReverseDSN))
	require.True(t, strings.Contains(found[0].Detail, "how categories are written back"), found[0].Detail)
	_, err := localtest.Connect(t, db.OwnerDSN).Exec(t.Context(), "ALTER TABLE categories RENAME COLUMN title TO name; REVOKE DELETE ON products FROM reverse")
	require.NoError(t, err)
	found = find("monolith", at(db.ReverseDSN))
	require.Len(t, found, 3)
	require.Regexp(t, `^line \d+: categories: column "title" of relation "categories" does not exist$`, found[0].Detail)
	require.Regexp(t, `^line \d+: products: permission denied for table products$`, found[2].Detail)

	w := &writing{dsn: none}
	_, err = w.Made(t.Context())
	require.Equal(t, "no_source", fault.CodeOf(err))
	require.Equal(t, "no_source", fault.CodeOf(w.Hold(t.Context(), "k", "i", func(context.Context, reverse.Tx) error { return nil })))
}
