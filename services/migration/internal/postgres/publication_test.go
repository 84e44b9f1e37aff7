package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/postgres/postgrestest"
)

// Follow refuses a publication that lacks something, with the SQL that puts it right.
func TestPublicationWithoutWhatIsFollowed(t *testing.T) {
	db := postgrestest.New(t, things, `CREATE TABLE "Odd ""name" (id int PRIMARY KEY, x text)`)
	db.Exec("DROP PUBLICATION " + postgrestest.Publication)
	s := db.Open()
	tables := []string{"things", `Odd "name`}
	for _, c := range []struct {
		name, before string
	}{
		{"none", ""},
		{"a table is missing", "CREATE PUBLICATION tienda_move FOR TABLE things WITH (publish_via_partition_root = true)"},
		{"only inserts", "CREATE PUBLICATION tienda_move FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true)"},
		{"partitions by themselves", "CREATE PUBLICATION tienda_move FOR ALL TABLES"},
		{"a filter of rows", `CREATE PUBLICATION tienda_move FOR TABLE things WHERE (id > 5), "Odd ""name" WITH (publish_via_partition_root = true)`},
		{"a list of columns", `CREATE PUBLICATION tienda_move FOR TABLE things (id), "Odd ""name" WITH (publish_via_partition_root = true)`},
	} {
		if c.before != "" {
			db.Exec(c.before)
		}
		_, _, err := s.Follow(t.Context(), tables)
		var lacks *postgres.PublicationError
		require.ErrorAs(t, err, &lacks, c.name)
		require.Equal(t, c.before == "", lacks.Missing)
		require.NotEmpty(t, lacks.Problems)
		require.Contains(t, err.Error(), lacks.SQL[0])
		for _, sql := range lacks.SQL {
			db.Exec(sql)
		}
		follow(t, s, tables...)
		require.NoError(t, s.Forget(t.Context()))
		db.Exec("DROP PUBLICATION tienda_move")
	}
	_, _, err := s.Follow(t.Context(), []string{"nothing"})
	require.ErrorContains(t, err, "no table nothing")
}
