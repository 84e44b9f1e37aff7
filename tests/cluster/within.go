//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// within is what happens in the namespaces: the node, Dapr, the shop, its ingress, the tests.
func within(ctx context.Context, o options) error {
	made, err := prepared(ctx, o)
	if err != nil {
		return err
	}
	c := &cluster{options: o, made: made, failed: make(chan error, 16)}
	began := time.Now()
	for _, stage := range []struct {
		name, what string
		do         func(context.Context) error
	}{
		{"node", "the node: Kubernetes " + kubernetesVersion + " with RBAC", c.startNode},
		{"dapr", "Dapr " + daprVersion + " by its chart, with mTLS", c.startDapr},
		{"shop", "the shop: k8s/overlays/" + overlay, c.startShop},
		{"ingress", "the way in: k8s/overlays/" + ingressOverlay, c.startIngress},
		{"tests", "the end-to-end tests, through the ingress", c.test},
	} {
		fmt.Printf("== %s, after %s\n", stage.what, time.Since(began).Round(time.Second))
		if err := stage.do(ctx); err != nil {
			if o.keep && ctx.Err() == nil {
				fmt.Printf("== it failed, and stays up: %v\n", err)
				c.stay(ctx)
			}
			return fmt.Errorf("%s: %w", stage.name, err)
		}
		if o.until == stage.name && stage.name != "tests" {
			if o.keep {
				c.stay(ctx)
			}
			return errors.New("it was told to end after " + stage.name)
		}
	}
	fmt.Printf("== passed, after %s\n", time.Since(began).Round(time.Second))
	if o.keep {
		c.stay(ctx)
	}
	return nil
}

// stay leaves the cluster up until somebody ends it.
func (c *cluster) stay(ctx context.Context) {
	fmt.Printf("== it is up; nsenter -t PID -a with the PID of kubelet leads into it, KUBECONFIG=%s; Ctrl-C ends it\n", c.pki.file("admin.conf"))
	select {
	case <-ctx.Done():
	case err := <-c.failed:
		fmt.Println(err)
	}
}
