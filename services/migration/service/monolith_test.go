package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/mappings"
	"tienda/services/migration/service"
)

// The sample monolith is ready to be moved by a role that can only read and replicate;
// once its owner takes something of it away, it is not.
func TestTheMonolithPassesThePreflight(t *testing.T) {
	localtest.Needs(t)
	d := localtest.Open(t)
	owner := localtest.Connect(t, d.OwnerDSN)
	_, err := generator.Fill(t.Context(), owner, generator.Options{Size: 30, Seed: 1})
	require.NoError(t, err)
	m, err := mappings.Load("monolith")
	require.NoError(t, err)
	c := postgres.Config{DSN: d.MigrationDSN, Slot: "tienda_migration", Publication: schema.Publication}
	blocked := func() (out []progress.Finding) {
		for _, f := range service.Findings(t.Context(), c, m, nil) {
			if f.Level == progress.Blocked {
				out = append(out, f)
			}
		}
		return out
	}
	require.Empty(t, blocked())
	_, err = owner.Exec(t.Context(), "ALTER TABLE addresses REPLICA IDENTITY DEFAULT")
	require.NoError(t, err)
	require.NotEmpty(t, blocked(), "an address that is deleted no longer says whose it was")
}
