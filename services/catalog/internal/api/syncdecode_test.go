package api

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/quickjson/quickjsontest"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// The documents that are taken are decoded to what encoding/json makes of them.
func TestDocumentsAreDecodedAsBefore(t *testing.T) {
	d := draw{rand.New(rand.NewPCG(1, 1))}
	drawn := func(make func(int) object) (docs [][]byte) {
		for n := range 10 {
			raw, err := json.Marshal(make(n))
			require.NoError(t, err)
			docs = append(docs, raw)
		}
		return docs
	}
	quickjsontest.RequireSame[product.MovedCategory](t, drawn(d.category)...)
	quickjsontest.RequireSame[product.Moved](t, append(drawn(d.product), drawn(func(int) object { return full() })[0])...)
	quickjsontest.RequireSame[inventory.Moved](t, drawn(d.stock)...)
}
