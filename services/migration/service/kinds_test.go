package service

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/source"
)

// A document is held to its owner's contract by its owner. The migration says what was wrong
// with one that came back, and looks before at one that may be too large to be sent.
func TestTheOwnerHoldsDocumentsToItsContract(t *testing.T) {
	m, _, err := LoadMapping("example")
	require.NoError(t, err)
	k := newRules(m).Kinds()[0]
	row := source.Row{"id": int64(7), "mail": "ana", "first": "Ana", "last": "Gil", "since": time.Now()}
	d, err := k.Document(source.Record{Row: row})
	require.NoError(t, err)
	require.Equal(t, &move.Unmappable{Fields: []fault.Field{{Name: "/email", Reason: `does not match ^\s*[^@\s]+@[^@\s]+\s*$ (from people.mail)`}}}, k.Refused(d.JSON))
	row["mail"] = "ana@old-shop.example"
	d, err = k.Document(source.Record{Row: row})
	require.NoError(t, err)
	require.Nil(t, k.Refused(d.JSON))

	row["last"] = strings.Repeat("x", large)
	d, err = k.Document(source.Record{Row: row})
	require.ErrorAs(t, err, new(*move.Unmappable))
	require.Nil(t, d.JSON)
	require.NotContains(t, err.Error(), "xxx")
}
