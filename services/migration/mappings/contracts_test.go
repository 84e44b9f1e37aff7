package mappings_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/services/migration/internal/mapping"
)

// owners gives the schemas of the owners' contracts.
func owners(t *testing.T) mapping.Contracts {
	t.Helper()
	loaded := map[string]*contract.Contract{}
	return func(kind string) (mapping.Schema, error) {
		app := mapping.Owners()[kind]
		if loaded[app] == nil {
			c, err := contract.Load(contracts.FS, app)
			if err != nil {
				return nil, err
			}
			loaded[app] = c
		}
		return loaded[app].Schema(mapping.SchemaName(kind))
	}
}

// What the shipped mappings make is what the owners take.
func TestOwnersContracts(t *testing.T) {
	for _, name := range []string{"example", "ds3"} {
		m, d := load(t, name), fixture(t, name)
		require.NoError(t, m.Check(d.Schema, owners(t)), name)
		m.Seal([]byte("a key"))
		require.NotEmpty(t, documents(t, m, d, nil))
	}
}
