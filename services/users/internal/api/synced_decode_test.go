package api

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/quickjson/quickjsontest"
	"tienda/services/users/internal/account"
)

// The documents that are taken are decoded to what encoding/json makes of them.
func TestDocumentsAreDecodedAsBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var docs [][]byte
	for n := range 20 {
		raw, err := json.Marshal(anyAccount(r, n))
		require.NoError(t, err)
		docs = append(docs, raw)
	}
	quickjsontest.RequireSame[account.Moved](t, docs...)
}
