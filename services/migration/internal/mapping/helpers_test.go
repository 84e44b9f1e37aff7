package mapping_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// users makes a mapping of one kind, users of a table t with the key id, from its
// fields (and lookups and children), each line of them as it stands.
func users(fields string) string {
	return "version: 1\nname: test\ndefaults: {currency: EUR, zone: Europe/Madrid}\nkinds:\n- kind: users\n  table: t\n  key: [id]\n" + indent(fields)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

func load(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Load(strings.NewReader(text))
	require.NoError(t, err)
	return m
}

// problems gives what is wrong with a mapping, a line for each.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var found mapping.Problems
	require.ErrorAs(t, err, &found)
	return strings.Split(found.Error(), "\n")
}

// made makes the document of a row with an id, by the one operation of the field v.
func made(t *testing.T, op string, row source.Row) (string, error) {
	t.Helper()
	k := load(t, users("fields:\n  v: "+op)).Kinds()[0]
	row["id"] = int64(1)
	doc, err := k.Document(source.Record{Row: row})
	return string(doc.JSON), err
}
