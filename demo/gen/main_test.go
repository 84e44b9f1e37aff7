package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/demo"
	"tienda/internal/contract"
)

// The file is what the generator makes, and every line is one that the import
// route takes.
func TestFileIsWhatIsGenerated(t *testing.T) {
	made, err := generate()
	require.NoError(t, err)
	file, err := demo.FS.ReadFile("products.ndjson")
	require.NoError(t, err)
	require.True(t, bytes.Equal(made, file), "run: go run ./demo/gen > demo/products.ndjson")

	c, err := contract.Load(contracts.FS, "catalog")
	require.NoError(t, err)
	schema, err := c.Schema("ImportProduct")
	require.NoError(t, err)
	slugs, skus, categories, soldOut := map[string]bool{}, map[string]bool{}, map[string]bool{}, 0
	for i, line := range bytes.Split(bytes.TrimSpace(file), []byte("\n")) {
		require.Empty(t, schema.Check(line), "line %d", i+1)
		var p product
		require.NoError(t, json.Unmarshal(line, &p))
		require.False(t, slugs[p.Slug], "%s stands twice", p.Slug)
		slugs[p.Slug], categories[p.Category] = true, true
		require.GreaterOrEqual(t, len(p.Variants), 2)
		for _, v := range p.Variants {
			require.False(t, skus[v.SKU], "%s stands twice", v.SKU)
			skus[v.SKU] = true
			require.Len(t, v.Prices, 2)
			if v.Stock == 0 {
				soldOut++
			}
		}
	}
	require.Len(t, slugs, 240)
	require.Len(t, categories, 12)
	require.NotZero(t, soldOut)
}
