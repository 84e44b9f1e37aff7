package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// start runs a mailbox and gives where it listens.
func start(t *testing.T, dir string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-dir", dir}, func(string) string { return "" }, in)
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	fields := strings.Fields(line)
	require.Equal(t, []string{"mailbox", "ready", "on"}, fields[:3])
	return fields[3]
}

func send(addr, text string) error {
	return smtp.SendMail(addr, nil, "shop@example.com", []string{"ana@example.com"}, []byte(text))
}

func TestEachMessageIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	addr := start(t, dir)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := send(addr, fmt.Sprintf("Subject: %d\r\n\r\nHello.\r\n.\r\nA line with a dot above.\r\n", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 8, "nothing else is in the folder")
	seen := map[string]bool{}
	for _, f := range files {
		require.Equal(t, ".eml", filepath.Ext(f.Name()))
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		subject, body, _ := strings.Cut(string(b), "\r\n\r\n")
		seen[subject] = true
		require.Equal(t, "Hello.\r\n.\r\nA line with a dot above.\r\n", body)
	}
	require.Len(t, seen, 8)
}

func TestAMessageThatIsTooLongLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	require.Error(t, send(start(t, dir), "Subject: x\r\n\r\n"+strings.Repeat("0123456789\r\n", maxMessage/10)))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestTheOldestGoFirst(t *testing.T) {
	f, err := openFolder(t.TempDir())
	require.NoError(t, err)
	f.most = 20
	for i := range f.most + 10 {
		require.NoError(t, os.WriteFile(filepath.Join(f.dir, fmt.Sprintf("2020-%05d.eml", i)), nil, 0o600))
	}
	f.kept = tidyAt - 1
	require.NoError(t, f.keep(strings.NewReader("Subject: new\r\n\r\n")))
	files, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, files, f.most)
	require.Equal(t, "2020-00011.eml", files[0].Name())
}

func TestItListensOnThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:25", "127.0.0.1"} {
		err := run(t.Context(), []string{"-addr", addr, "-dir", t.TempDir()}, func(string) string { return "" }, io.Discard)
		require.ErrorContains(t, err, "this machine alone", addr)
	}
}
