package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/source"
)

func TestShownHasNoSecrets(t *testing.T) {
	got := (&Kind{}).Shown(source.Row{
		"id": int64(7), "email": "a@example.com", "pass_hash": "x", "pass_salt": "y", "card_number": "4111", "picture": []byte("p"),
		"note": strings.Repeat("ñ", 300), "fax": nil,
	})
	require.Equal(t, map[string]string{"id": "7", "email": "a@example.com", "note": strings.Repeat("ñ", 100) + "…"}, got)
}
