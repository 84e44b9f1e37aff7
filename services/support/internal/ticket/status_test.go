package ticket

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The drawing in the docs is the table of the code: each line a status, with
// the statuses that it leads to and the acts that do.
func TestDrawing(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/support.md")
	require.NoError(t, err)
	require.Contains(t, string(doc), drawn(), "docs/support.md does not show the states of a ticket as the code has them")
}

func drawn() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> open\n")
	for _, from := range Statuses() {
		for _, to := range Statuses() {
			var by []string
			for _, a := range Acts() {
				if got, err := from.After(a); err == nil && got == to && to != from {
					by = append(by, string(a))
				}
			}
			if len(by) > 0 {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, strings.Join(by, ", "))
			}
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func TestAfter(t *testing.T) {
	for _, s := range Statuses() {
		for _, a := range Acts() {
			to, err := s.After(a)
			switch {
			case s == StatusClosed && (a == Hold || a == Resolve):
				require.ErrorIs(t, err, ErrClosed)
			case s == StatusResolved && a == Hold:
				require.ErrorIs(t, err, ErrStatus)
			default:
				require.NoError(t, err)
				require.Contains(t, Statuses(), to)
			}
		}
	}
}
