//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"tienda/tests/shop"
)

// test runs the end-to-end tests against the shop that is there.
func (c *cluster) test(ctx context.Context) error {
	v, err := c.see(ctx)
	if err != nil {
		return err
	}
	go v.follow(ctx)
	if err := v.walls(ctx); err != nil {
		return fmt.Errorf("network policies: %w", err)
	}
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
			return fmt.Errorf("they have failed: %w (logs of the node: %s, of the pods: %s)", err, filepath.Join(c.dir, "logs"), filepath.Join(c.dir, "node", "log", "pods"))
		}
		return nil
	case err := <-c.failed:
		return err
	}
}

// walls tries whether the network policies are kept: of the apps that tests look into, orders
// alone may ask the gateway's port, and nobody the API server but those that read secrets.
func (v *view) walls(ctx context.Context) error {
	all, err := get[listOf[pod]](ctx, v.c.api, "/api/v1/namespaces/"+namespace+"/pods?labelSelector=tienda.dev/app%3Dgateway")
	if err != nil {
		return err
	}
	for _, p := range all.Items {
		if p.Metadata.DeletionTimestamp != "" {
			continue
		}
		gateway := net.JoinHostPort(p.Status.PodIP, "8080")
		for _, try := range []struct {
			from, to string
			open     bool
		}{
			{"orders", gateway, true}, {"support", gateway, false}, {"redis", gateway, false},
			{"users", net.JoinHostPort(apiService, "443"), true}, {"catalog", net.JoinHostPort(apiService, "443"), false},
			{"catalog", net.JoinHostPort(nodeAddress, "10250"), false},
		} {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			conn, err := v.dialTo(ctx, try.from, try.to)
			cancel()
			if err == nil {
				_ = conn.Close()
			}
			if (err == nil) != try.open {
				return fmt.Errorf("from %s to %s should be open: %t; it is: %w", try.from, try.to, try.open, cmp.Or(err, errOpen))
			}
		}
	}
	fmt.Println("   the network policies are kept")
	return nil
}

var errOpen = errors.New("open")

// seed loads the demo data by the gateway's sidecar, which the owners of the data take imports
// from.
func (v *view) seed(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(v.c.dir, "images", "tienda"), "seed", "-sidecar", fmt.Sprintf("http://127.0.0.1:%d", v.of("gateway").HTTPPort)) //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "DAPR_API_TOKEN="+v.token)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
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
