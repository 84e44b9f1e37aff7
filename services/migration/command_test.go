package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/progress"
	"tienda/services/migration/service"
)

func none(string) string { return "" }

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dsn")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// does runs a command over fakes, and gives what it printed and what they were asked.
func does(t *testing.T, findings []progress.Finding, getenv func(string) string, args ...string) (out, dsn string, cfg service.Config, err error) {
	t.Helper()
	var b bytes.Buffer
	err = commands{
		preflight: func(_ context.Context, d string, c service.Config) ([]progress.Finding, error) {
			dsn, cfg = d, c
			return findings, nil
		},
		draft: func(_ context.Context, d, name string, _ service.Config, out io.Writer) error {
			dsn = d
			_, err := io.WriteString(out, "name: "+name+"\n")
			return err
		},
	}.run(t.Context(), args, getenv, &b)
	return b.String(), dsn, cfg, err
}

func TestPreflight(t *testing.T) {
	fine := []progress.Finding{
		{Check: "wal_level", Level: progress.OK, Detail: "it is logical"},
		{Check: "encoding", Level: progress.OK},
		{Check: "identity", Level: progress.Warning, Table: "lines", Column: "note", Detail: "deletions carry the key alone", Do: "ALTER TABLE lines\n  REPLICA IDENTITY FULL;"},
	}
	out, dsn, cfg, err := does(t, fine, func(k string) string { return map[string]string{"MIGRATION_SLOT": "other"}[k] },
		"preflight", "-mapping", "northwind", "-dsn-file", file(t, "host=old-shop\n"))
	require.NoError(t, err)
	require.Equal(t, "host=old-shop", dsn)
	require.Equal(t, []string{"northwind", "other"}, []string{cfg.Mapping, cfg.Slot})
	require.Equal(t, "✓ ok      wal_level: it is logical\n✓ ok      encoding\n! warning identity lines.note: deletions carry the key alone\n"+
		"            ALTER TABLE lines\n              REPLICA IDENTITY FULL;\n! a move can begin; look at what is marked\n", out)

	blocked := append(slices.Clone(fine), progress.Finding{Check: "role", Level: progress.Blocked, Detail: "it may not replicate"})
	out, _, _, err = does(t, blocked, none, "preflight", "-json", "-mapping", "m", "-dsn-file", file(t, `{"monolith-dsn":"host=x"}`))
	require.ErrorIs(t, err, errBlocked)
	var got struct {
		Status   progress.Level
		Findings []progress.Finding
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, progress.Blocked, got.Status)
	require.Equal(t, blocked, got.Findings)
}

func TestDraft(t *testing.T) {
	out, dsn, _, err := does(t, nil, none, "draft", "-name", "old-shop", "-dsn-file", file(t, `{"other":"", "monolith-dsn":"host=x"}`))
	require.NoError(t, err)
	require.Equal(t, "host=x", dsn)
	require.Equal(t, "name: old-shop\n", out)
}

func TestRefusedCommands(t *testing.T) {
	for want, args := range map[string][]string{
		`"start" is not a command`:   {"start"},
		"no mapping is named":        {"preflight", "-dsn-file", file(t, "host=x")},
		"has none":                   {"draft", "-dsn-file", file(t, `{"monolith-dsn":""}`)},
		"is not an object":           {"draft", "-dsn-file", file(t, `{"monolith-dsn":1}`)},
		"no such file":               {"draft", "-dsn-file", filepath.Join(t.TempDir(), "none")},
		`"more" is not understood`:   {"draft", "more"},
		"flag provided but not defi": {"draft", "-mapping", "x"},
	} {
		_, dsn, _, err := does(t, nil, none, args...)
		require.ErrorContains(t, err, want)
		require.Empty(t, dsn, "the source was not asked")
	}
	_, _, _, err := does(t, nil, func(string) string { return "x" }, "draft")
	require.ErrorContains(t, err, "MIGRATION_CHUNK")
	failing := commands{preflight: func(context.Context, string, service.Config) ([]progress.Finding, error) {
		return nil, errors.New("the source is away")
	}}
	require.ErrorContains(t, failing.run(t.Context(), []string{"preflight", "-mapping", "m", "-dsn-file", file(t, "x")}, none, io.Discard), "away")
}
