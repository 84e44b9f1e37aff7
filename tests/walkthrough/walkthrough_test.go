// Package walkthrough runs the commands of docs/walkthrough.md against a real
// shop and holds what they print to what the document shows.
package walkthrough

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

var update = flag.Bool("update", false, "write the real outputs into docs/walkthrough.md")

const document = "../../docs/walkthrough.md"

// block is a fenced block of the document.
type block struct {
	lang     string
	text     string
	from, to int // of the text, in lines
}

func blocks(lines []string) []block {
	var out []block
	var at *block
	for i, l := range lines {
		switch {
		case at == nil && strings.HasPrefix(l, "```"):
			at = &block{lang: strings.TrimPrefix(l, "```"), from: i + 1}
		case at != nil && l == "```":
			at.to = i
			at.text = strings.Join(lines[at.from:at.to], "\n")
			out = append(out, *at)
			at = nil
		}
	}
	return out
}

// shell is one sh that runs block after block.
type shell struct {
	in  io.WriteCloser
	out io.Reader
}

const done = "==done=="

func (s shell) run(t *testing.T, script string) string {
	t.Helper()
	_, err := fmt.Fprintf(s.in, "%s\necho; echo %s\n", script, done)
	require.NoError(t, err)
	var got bytes.Buffer
	buf := make([]byte, 1)
	for !bytes.HasSuffix(got.Bytes(), []byte("\n"+done+"\n")) {
		n, err := s.out.Read(buf)
		require.NoError(t, err, "the shell ended after: %s", got.String())
		got.Write(buf[:n])
	}
	return strings.TrimSpace(strings.TrimSuffix(got.String(), done+"\n"))
}

func TestWalkthrough(t *testing.T) {
	curl, err := exec.LookPath("curl")
	require.NoError(t, err, "the walk-through needs curl: install it")
	require.NotEmpty(t, curl)
	raw, err := os.ReadFile(document)
	require.NoError(t, err)
	lines := strings.Split(string(raw), "\n")

	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, shop.Build(t.Context(), bin))
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop")})
	require.NoError(t, err)
	defer s.Stop()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh")
	cmd.Env = append(os.Environ(), "SHOP="+s.Gateway)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	sh := shell{in, out}

	all := blocks(lines)
	require.Greater(t, len(all), 20)
	var edits []func()
	for i, b := range all {
		if b.lang != "sh" {
			continue
		}
		got := sh.run(t, b.text)
		if i+1 == len(all) || all[i+1].lang != "json" {
			require.Empty(t, got, "a block without an output in the document:\n%s", b.text)
			continue
		}
		want := all[i+1]
		var gotJSON any
		require.NoError(t, json.Unmarshal([]byte(got), &gotJSON), "%s\nprinted: %s", b.text, got)
		if *update {
			var pretty bytes.Buffer
			require.NoError(t, json.Indent(&pretty, []byte(got), "", "  "))
			text := strings.Split(strings.ReplaceAll(pretty.String(), s.Gateway, "http://127.0.0.1:8080"), "\n")
			edits = append(edits, func() { lines = slices.Replace(lines, want.from, want.to, text...) })
			continue
		}
		var wantJSON any
		require.NoError(t, json.Unmarshal([]byte(want.text), &wantJSON), "the document's output: %s", want.text)
		require.Equal(t, shape(wantJSON), shape(gotJSON), "%s\nprinted: %s", b.text, got)
	}
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	if *update {
		slices.Reverse(edits) // from the end, so that line numbers stay right
		for _, e := range edits {
			e()
		}
		require.NoError(t, os.WriteFile(document, []byte(strings.Join(lines, "\n")), 0o600))
	}
}

// shape is what of an answer must be the same each time: its fields, their
// types, and the words among them that do not change from run to run.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] = shape(v[k])
			switch k {
			case "status", "code", "currency", "method", "quantity":
				out[k] = v[k]
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = shape(v[i])
		}
		return out
	default:
		return fmt.Sprintf("%T", v)
	}
}
