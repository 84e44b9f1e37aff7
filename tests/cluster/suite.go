//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"tienda/demo"
	"tienda/tests/shop"
)

// test runs the end-to-end tests against the shop that is there.
func (c *cluster) test(ctx context.Context) error {
	v, err := c.see(ctx)
	if err != nil {
		return err
	}
	go v.follow(ctx)
	if err := v.seed(ctx); err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	args := []string{"-test.v", "-test.timeout=40m"}
	if c.tests != "" {
		args = append(args, "-test.run="+c.tests)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, "images", "e2e.test"), args...) //nolint:gosec // our own tests
	cmd.Dir = filepath.Join(c.root, "tests", "e2e")
	cmd.Env = append(os.Environ(), "SHOP="+v.file())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ended := make(chan error, 1)
	go func() { ended <- cmd.Run() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the end-to-end tests: %w\n%s", err, c.describe(namespace))
		}
		return nil
	case err := <-c.failed:
		return err
	}
}

// seed loads the demo data as the local runner does: by the gateway's sidecar, which the owners
// of the data take imports from.
func (v *view) seed(ctx context.Context) error {
	for _, f := range []struct{ file, app, path string }{
		{"products.ndjson", "catalog", "/internal/v1/import/products"},
		{"users.ndjson", "users", "/internal/v1/import/users"},
	} {
		data, err := demo.FS.ReadFile(f.file)
		if err != nil {
			return err
		}
		at := fmt.Sprintf("http://127.0.0.1:%d%s", v.of("gateway").HTTPPort, f.path)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(data))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("dapr-app-id", f.app)
		r.Header.Set("dapr-api-token", v.token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"rejected":0`)) {
			return fmt.Errorf("%s: %s: %.300s", f.file, resp.Status, body)
		}
	}
	return nil
}

func (v *view) of(app string) shop.App {
	for _, a := range v.state.Apps {
		if a.AppID == app {
			return a
		}
	}
	return shop.App{}
}
