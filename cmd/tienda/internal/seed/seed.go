// Package seed loads the demo data into an empty shop, through the import
// routes that a move off a monolith uses too.
package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// files are what is loaded, in order: file, app, route.
var files = []struct{ name, app, path string }{
	{"products.ndjson", "catalog", "/internal/v1/import/products"},
	{"users.ndjson", "users", "/internal/v1/import/users"},
}

// Target is where to load to.
type Target struct {
	Sidecar string // base URL of the gateway's sidecar: the owners take imports from the gateway
	Token   string // DAPR_API_TOKEN
	Say     func(format string, args ...any)
}

// report is the owner's answer to an import.
type report struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	Errors   []struct {
		Line   int    `json:"line"`
		Reason string `json:"reason"`
	} `json:"errors"`
}

// Load loads every file of the folder that is there. A rejected line is an
// error: the demo data are ours, so either they or the owner is wrong. To load
// twice changes nothing.
func Load(ctx context.Context, dir fs.FS, t Target) error {
	for _, f := range files {
		data, err := fs.ReadFile(dir, f.name)
		if err != nil {
			return fmt.Errorf("demo data: %w", err)
		}
		r, err := post(ctx, t, f.app, f.path, data)
		if err != nil {
			return fmt.Errorf("demo data: %s into %s: %w", f.name, f.app, err)
		}
		if r.Rejected > 0 {
			first := "no line is named"
			if len(r.Errors) > 0 {
				first = fmt.Sprintf("first of them line %d: %s", r.Errors[0].Line, r.Errors[0].Reason)
			}
			return fmt.Errorf("demo data: %s: %s rejected %d of %d lines, %s", f.name, f.app, r.Rejected, r.Rejected+r.Accepted, first)
		}
		t.Say("loaded %d lines of %s into %s", r.Accepted, f.name, f.app)
	}
	return nil
}

func post(ctx context.Context, t Target, app, path string, data []byte) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Sidecar+path, bytes.NewReader(data))
	if err != nil {
		return report{}, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("dapr-app-id", app)
	req.Header.Set("dapr-api-token", t.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return report{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return report{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return report{}, fmt.Errorf("%s: %.300s", resp.Status, body)
	}
	var r report
	if err := json.Unmarshal(body, &r); err != nil {
		return report{}, fmt.Errorf("its report: %w", err)
	}
	return r, nil
}
