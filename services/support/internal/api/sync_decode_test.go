package api

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/quickjson/quickjsontest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// The documents that are taken are decoded to what encoding/json makes of them.
func TestDocumentsAreDecodedAsBefore(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(1, 1))}
	made := func(one func() map[string]any) (docs [][]byte) {
		for range 10 {
			raw, err := json.Marshal(one())
			require.NoError(t, err)
			docs = append(docs, raw)
		}
		return docs
	}
	quickjsontest.RequireSame[ticket.Moved](t, made(m.ticket)...)
	quickjsontest.RequireSame[rma.Moved](t, made(m.ret)...)
}
