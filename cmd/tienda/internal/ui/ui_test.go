package ui_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/ui"
)

func none(string) string { return "" }

func TestLinesComeWholeAndNamed(t *testing.T) {
	var out, file bytes.Buffer
	s := ui.NewScreen(&out, false, none)
	l := s.Lines("catalog", &file, nil)
	for _, part := range []string{"first", " line\nsecond\r\n\nthi", "rd\n", "unfinished"} {
		_, err := l.Write([]byte(part))
		require.NoError(t, err)
	}
	require.Equal(t, "catalog     | first line\ncatalog     | second\ncatalog     | third\n", out.String())
	require.Equal(t, "first line\nsecond\r\n\nthird\nunfinished", file.String())
	require.Equal(t, "third", l.Last())
}

func TestSidecarLines(t *testing.T) {
	for line, want := range map[string]string{
		`time="t" level=error msg="Failed to \"do\" it" app_id=a`:          "error: Failed to \"do\" it",
		`time="t" level=warning msg=short app_id=a`:                        "warning: short",
		`time="t" level=info msg="HTTP server is running" app_id=a`:        "",
		`time="t" level=warning msg="mTLS is disabled. Skipping" app_id=a`: "",
		`panic: runtime error`: "panic: runtime error",
		`time="t" level=fatal`: `time="t" level=fatal`,
	} {
		got, keep := ui.SidecarLine([]byte(line))
		require.Equal(t, want != "", keep, line)
		require.Equal(t, want, string(got), line)
	}
}

func TestAppLines(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"t","level":"WARN","msg":"request failed","app":"users","status":500,"request_id":"","error":"it \"broke\""}`: `warn: request failed status=500 error=it "broke"`,
		`{"time":"t","level":"INFO","msg":"listening","config":{"port":1}}`:                                                    `info: listening config={"port":1}`,
		`{"no":"log"}`:    `{"no":"log"}`,
		`{"level":"WARN"`: `{"level":"WARN"`,
		"plain":           "plain",
	} {
		got, keep := ui.AppLine([]byte(line))
		require.True(t, keep)
		require.Equal(t, want, string(got))
	}
}

func TestQuietKeepsTheFile(t *testing.T) {
	var out, file bytes.Buffer
	s := ui.NewScreen(&out, true, none)
	_, _ = s.Lines("users", &file, nil).Write([]byte("hello\n"))
	s.Say("ready %d", 1)
	require.Equal(t, "ready 1\n", out.String())
	require.Equal(t, "hello\n", file.String())
}

// Why a process has ended is known although nobody watched it.
func TestQuietKnowsTheLastLine(t *testing.T) {
	l := ui.NewScreen(&bytes.Buffer{}, true, none).Lines("users-d", nil, ui.SidecarLine)
	require.Empty(t, l.Last())
	for _, part := range []string{strings.Repeat("much before it\n", 20<<10), "panic: it ", "broke\n", `time="t" level=info msg="of no interest" app_id=a` + "\n"} {
		_, err := l.Write([]byte(part))
		require.NoError(t, err)
	}
	require.Equal(t, "panic: it broke", l.Last())
}

func TestAnEndlessLineIsNotHeldForEver(t *testing.T) {
	var out bytes.Buffer
	_, _ = ui.NewScreen(&out, false, none).Lines("x", nil, nil).Write([]byte(strings.Repeat("a", 70<<10)))
	require.Greater(t, out.Len(), 64<<10)
}

func TestTable(t *testing.T) {
	got := ui.Table{
		Gateway: "http://127.0.0.1:8080", Seconds: 2.34, Data: ".data", Mail: ".data/mail",
		Rows: []ui.Row{
			{App: "broker", Port: 4222, PID: 10},
			{App: "users", Port: 8081, PID: 11, SidecarHTTP: 3501, SidecarGRPC: 50001, SidecarPID: 12},
		},
		View: "http://127.0.0.1:8070/#token=T", Migration: "http://127.0.0.1:8085", Tokens: ".data/tokens",
		Accounts: []ui.Account{{Role: "admin", Email: "admin@example.com", Password: "pw"}},
	}.String()
	require.Contains(t, got, "The shop is open after 2.3 s: http://127.0.0.1:8080")
	require.Contains(t, got, "  broker  4222  10   -             -      -\n")
	require.Contains(t, got, "  users   8081  11   3501          50001  12\n")
	require.Contains(t, got, "admin@example.com  pw")
	require.Contains(t, got, "\nView: http://127.0.0.1:8070/#token=T\nMail: .data/mail\nMove: (. .data/tokens && echo \"http://127.0.0.1:8085/#token=$APP_API_TOKEN\") says where its page is\nLogs: .data/logs")
	require.Contains(t, got, "curl 'http://127.0.0.1:8080/v1/products?")
}
