package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunSaysWhenItIsReadyAndCleansUp(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-data", data}, func(string) string { return "" }, &out)
	}()
	ready := filepath.Join(data, "broker.ready")
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 20*time.Second, 20*time.Millisecond)
	require.FileExists(t, filepath.Join(data, "secrets.json"))
	require.DirExists(t, filepath.Join(data, "local"))
	stop()
	require.NoError(t, <-done)
	require.Contains(t, out.String(), "broker ready on nats://127.0.0.1:")
	require.NoFileExists(t, ready)
}

func TestPrepareEnds(t *testing.T) {
	var out bytes.Buffer
	data := t.TempDir()
	require.NoError(t, run(t.Context(), []string{"-addr", "127.0.0.1:0", "-data", data, "-prepare"}, func(string) string { return "" }, &out))
	require.FileExists(t, filepath.Join(data, "secrets.json"))
}
