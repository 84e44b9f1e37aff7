package intake

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An answer has no more documents than a client reads of it, and says of which IDs it says
// nothing: those that are absent count as looked at where they come before it was full.
func TestAnswered(t *testing.T) {
	doc := func(id string, bytes int) kept {
		return kept{ID: id, Document: json.RawMessage(strings.Repeat("x", bytes))}
	}
	const third = mostBytes / 3
	for _, c := range []struct {
		name   string
		ids    string
		docs   []kept
		given  int
		unread int
	}{
		{"all", "abc", []kept{doc("a", third), doc("c", third)}, 2, 0},
		{"too many", "abcdefg", []kept{doc("b", third), doc("c", third), doc("e", third), doc("f", third)}, 3, 2},
		{"one that is too large", "ab", []kept{doc("a", 2*mostBytes), doc("b", 1)}, 1, 1},
		{"one that is asked for twice", "aab", []kept{doc("a", mostBytes), doc("a", mostBytes), doc("b", 1)}, 1, 2},
		{"none", "ab", nil, 0, 0},
	} {
		some, unread := answered(strings.Split(c.ids, ""), c.docs)
		require.Len(t, some, c.given, c.name)
		require.Equal(t, c.unread, unread, c.name)
	}
}
