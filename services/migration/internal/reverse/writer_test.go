package reverse_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
)

// Whatever a document becomes in the shop within the contract and within what the
// monolith has a place for, comes back from its row; and so does one that was made in
// the shop, with the ID that it has there.
func TestEveryKindComesBack(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 20)
	require.NoError(t, w.mapping.CheckReverse(t.Context(), w.store.Explain))
	require.NoError(t, w.store.Check(t.Context()))
	c := &chance{Rand: rand.New(rand.NewPCG(1, 2)), w: w}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			w.t = t
			moved := w.owners.ids(kind)
			require.NotEmpty(t, moved)
			for i, id := range moved {
				if i == 40 {
					break
				}
				w.apply(kind, id, 1)
				w.back(kind, id)
				for version := range int64(3) {
					doc, sourceKey := w.document(kind, id)
					c.change(kind, doc)
					w.fits(kind, doc)
					w.owners.put(t, kind, id, sourceKey, doc)
					w.apply(kind, id, 2+version)
					w.back(kind, id)
				}
			}
			for range 15 {
				id, doc := newID(), map[string]any{}
				if kind == "users" && c.IntN(3) == 0 {
					doc["roles"] = []any{"admin"}
				}
				c.change(kind, doc)
				w.fits(kind, doc)
				w.owners.put(t, kind, id, "", doc)
				w.apply(kind, id, 1)
				w.back(kind, id)
				c.change(kind, doc)
				w.owners.put(t, kind, id, "", doc)
				w.apply(kind, id, 2)
				w.back(kind, id)
			}
		})
	}
}
