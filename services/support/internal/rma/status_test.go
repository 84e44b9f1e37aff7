package rma

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The drawing in the docs has the transitions of the table, and no others.
func TestDrawing(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/support.md")
	require.NoError(t, err)
	_, drawing, ok := strings.Cut(string(doc), "## The states of a return")
	require.True(t, ok)
	_, drawing, _ = strings.Cut(drawing, "```mermaid")
	drawing, _, _ = strings.Cut(drawing, "```")
	want := []string{"stateDiagram-v2", "[*] --> requested", "[*] --> approved"}
	for from, tos := range next {
		for _, to := range tos {
			want = append(want, string(from)+" --> "+string(to))
		}
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(drawing), "\n") {
		got = append(got, strings.TrimSpace(l))
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
}
