package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Figures gives the URL at which an app of the shop serves its figures for Prometheus, by
// the name of the replica.
func (s *Shop) Figures(name string) (string, error) {
	log, err := os.ReadFile(filepath.Join(s.DataDir, "logs", name+".log")) //nolint:gosec // of the shop
	if err != nil {
		return "", err
	}
	at := ""
	for line := range bytes.Lines(log) {
		var l struct {
			Metrics string `json:"metrics"`
		}
		if i := bytes.IndexByte(line, '{'); i >= 0 && json.Unmarshal(line[i:], &l) == nil && l.Metrics != "" {
			at = l.Metrics // the last one, of a process that was started again
		}
	}
	if at == "" {
		return "", fmt.Errorf("%s does not say where its figures are", name)
	}
	return at, nil
}

// Said is what a sidecar has answered.
type Said struct {
	Status int
	Header http.Header
	Body   []byte
}

// AskSidecar asks the sidecar of an app's first replica, as the app would: a path of Dapr's
// API, without its version.
func (s *Shop) AskSidecar(ctx context.Context, app, method, path, contentType string, body []byte) (said Said, err error) {
	tokens, err := s.Tokens()
	if err != nil {
		return said, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/%s", s.Of(app)[0].HTTPPort, path)
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return said, err
	}
	req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return said, err
	}
	defer func() { _ = resp.Body.Close() }()
	said.Status, said.Header = resp.StatusCode, resp.Header
	said.Body, err = io.ReadAll(resp.Body)
	return said, err
}

// WithLimits writes the shop's run file into dir, without what loosens the gateway's limits
// for clients that all have one address.
func WithLimits(dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(root, "dapr", "dapr.yaml")) //nolint:gosec // our own file
	if err != nil {
		return "", err
	}
	text := string(b)
	for _, c := range [][2]string{
		{`GATEWAY_LIMIT_FACTOR: "1000"`, `GATEWAY_LIMIT_FACTOR: "1"`},
		{"- ../components/local\n", "- " + filepath.Join(root, "components", "local") + "\n"},
		{"- . #", "- " + filepath.Join(root, "dapr") + " #"},
		{"./config.yaml", filepath.Join(root, "dapr", "config.yaml")},
		{"appDirPath: ..\n", "appDirPath: " + root + "\n"},
	} {
		if !strings.Contains(text, c[0]) {
			return "", fmt.Errorf("dapr.yaml has no %q", c[0])
		}
		text = strings.ReplaceAll(text, c[0], c[1])
	}
	file := filepath.Join(dir, "dapr.yaml")
	return file, os.WriteFile(file, []byte(text), 0o600) //nolint:gosec // in a folder of the caller
}
