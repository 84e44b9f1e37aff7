//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	overlay   = "production-one-node"
	namespace = "tienda"
	host      = "shop.example.com" // of production's ingress
)

// startShop applies the overlay, after its namespace and its secrets, and waits for it.
func (c *cluster) startShop(ctx context.Context) error {
	if err := c.kubectl(ctx, nil, "apply", "-f", filepath.Join(c.root, "k8s", "base", "namespace.yaml")); err != nil {
		return err
	}
	if err := c.disks(ctx); err != nil {
		return err
	}
	if err := c.secrets(ctx); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	if err := c.kubectl(ctx, nil, "apply", "-k", filepath.Join(c.root, "k8s", "overlays", overlay)); err != nil {
		return err
	}
	// A sidecar that finds its stores away starts anew, but for the gateway's, which does without.
	// In production they are there before the shop is.
	for _, store := range []string{"redis", "postgres"} {
		if err := c.eventually(ctx, store+" is ready", 3*time.Minute, func(ctx context.Context) error {
			return c.api.condition(ctx, "/api/v1/namespaces/"+namespace+"/pods/"+store+"-0", "Ready")
		}); err != nil {
			return fmt.Errorf("%w\n%s", err, c.describe(namespace))
		}
	}
	if err := c.kubectl(ctx, nil, "-n", namespace, "rollout", "restart", "deployment/gateway"); err != nil {
		return err
	}
	return c.available(ctx, namespace, 5*time.Minute)
}

// disks are folders of the node, one for each claim of the stores: nothing here makes them
// when they are asked for.
func (c *cluster) disks(ctx context.Context) error {
	for name, user := range map[string]int{"redis": 999, "postgres": 70} {
		dir := filepath.Join(c.dir, "node", "disks", name)
		if err := errors.Join(os.MkdirAll(dir, 0o750), os.Chown(dir, user, user)); err != nil {
			return err
		}
		if err := c.kubectl(ctx, fmt.Appendf(nil, `
apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 5Gi}
  hostPath: {path: %q}
  claimRef: {namespace: %s, name: data-%s-0}
`, name, dir, namespace, name), "apply", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// secrets makes them with the commands of docs/kubernetes.md, as they stand there, and what
// this overlay wants besides.
func (c *cluster) secrets(ctx context.Context) error {
	page, err := os.ReadFile(filepath.Join(c.root, "docs", "kubernetes.md"))
	if err != nil {
		return err
	}
	_, section, found := strings.Cut(string(page), "\n### Secrets\n")
	commands := block.FindStringSubmatch(section)
	if !found || commands == nil {
		return errors.New("docs/kubernetes.md has no commands for them")
	}
	if err := os.WriteFile(filepath.Join(c.dir, "run", "kubectl"), fmt.Appendf(nil, "#!/bin/sh\nexec %s kubectl \"$@\"\n", c.made.node), 0o700); err != nil { //nolint:gosec // a program
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", commands[1]) //nolint:gosec // our own page
	cmd.Env = c.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the commands of docs/kubernetes.md: %w\n%s", err, out)
	}
	password := make([]byte, 32)
	_, _ = rand.Read(password)
	p := hex.EncodeToString(password)
	if err := c.kubectl(ctx, nil, "-n", namespace, "create", "secret", "generic", "postgres", "--from-literal=password="+p,
		"--from-literal=connection-string=host=postgres port=5432 user=tienda password="+p+" dbname=tienda sslmode=verify-full sslrootcert=system"); err != nil {
		return err
	}
	for _, store := range []string{"redis", "postgres"} {
		if err := c.certificate(ctx, namespace, store+"-tls", store); err != nil {
			return err
		}
	}
	return nil
}

// certificate makes a secret of a certificate for a host.
func (c *cluster) certificate(ctx context.Context, namespace, name, host string) error {
	if _, err := c.pki.write(name, forServer(host, host)); err != nil {
		return err
	}
	return c.kubectl(ctx, nil, "-n", namespace, "create", "secret", "tls", name, "--cert="+c.pki.file(name+".crt"), "--key="+c.pki.file(name+".key"))
}

// secret reads a value of a secret.
func (c *cluster) secret(ctx context.Context, namespace, name, key string) (string, error) {
	s, err := get[struct{ Data map[string]string }](ctx, c.api, "/api/v1/namespaces/"+namespace+"/secrets/"+name)
	if err != nil {
		return "", err
	}
	v, err := base64.StdEncoding.DecodeString(s.Data[key])
	return string(v), err
}
