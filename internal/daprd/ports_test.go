package daprd_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
)

// Two shops that start at the same time must not be given the same ports, which
// neither has opened yet.
func TestFreePortsAreGivenOnce(t *testing.T) {
	const n, processes = 100, 4
	if os.Getenv("GIVE_PORTS") != "" {
		ports, err := daprd.FreePorts(n)
		require.NoError(t, err)
		fmt.Println("ports:", strings.Trim(fmt.Sprint(ports), "[]"))
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the other side has seen them all
		return
	}
	seen := map[string]bool{}
	see := func(ports string) {
		for p := range strings.FieldsSeq(ports) {
			require.False(t, seen[p], "%s was given twice", p)
			seen[p] = true
		}
	}
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFreePortsAreGivenOnce$")
		cmd.Env = append(os.Environ(), "GIVE_PORTS=1")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		defer func() { _ = in.Close(); _ = cmd.Wait() }()
		line := make([]byte, 8*n)
		got, err := out.Read(line)
		require.NoError(t, err)
		ports, ok := strings.CutPrefix(string(line[:got]), "ports: ")
		require.True(t, ok, "%s", line[:got])
		see(strings.TrimSpace(ports))
	}
	for range 3 {
		ports, err := daprd.FreePorts(n)
		require.NoError(t, err)
		see(strings.Trim(fmt.Sprint(ports), "[]"))
	}
	require.Len(t, seen, (processes+3)*n)
}
