package demo

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
)

// The accounts that are printed are those that are loaded, one for each role,
// and each line is one that the import route takes.
func TestAccountsAreThoseOfTheFile(t *testing.T) {
	c, err := contract.Load(contracts.FS, "users")
	require.NoError(t, err)
	schema, err := c.Schema("ImportUser")
	require.NoError(t, err)
	file, err := FS.ReadFile("users.ndjson")
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	require.Len(t, lines, len(Accounts))
	require.Len(t, Accounts, len(caller.Roles))
	for i, line := range lines {
		require.Empty(t, schema.Check(line), "line %d", i+1)
		var u struct {
			Email, Name, Password string
			Roles                 []caller.Role
		}
		require.NoError(t, json.Unmarshal(line, &u))
		require.Equal(t, caller.Roles[i], Accounts[i].Role)
		require.Equal(t, Accounts[i], Account{Role: u.Roles[len(u.Roles)-1], Email: u.Email, Password: u.Password, Name: u.Name})
		require.Equal(t, caller.Customer, u.Roles[0])
	}
}
