//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tienda/internal/daprd"
)

// programs are what the cluster is made of: those of Kubernetes and Dapr built from Go's
// modules once a machine, the others Debian's.
type programs struct {
	node, dapr, chart, kustomize, pause string
	containerd, ctr, runc, cni          string
	path                                string   // PATH of the node
	archives                            []string // of images
}

// debian are the packages that the node is made of, by a file that each brings.
var debian = []struct{ pkg, file string }{
	{"containerd", "/usr/bin/containerd"}, {"containerd", "/usr/bin/containerd-shim-runc-v2"}, {"containerd", "/usr/bin/ctr"},
	{"runc", "/usr/sbin/runc"}, {"containernetworking-plugins", "/usr/lib/cni/ptp"}, {"nftables", "/usr/sbin/nft"},
	{"iproute2", "/usr/sbin/ip"},
	// What the images of the stores and the ingress are made of.
	{"redis-server", "/usr/bin/redis-server"}, {"redis-tools", "/usr/bin/redis-cli"}, {"postgresql-15", "/usr/lib/postgresql/15/bin/postgres"},
	{"nginx", "/usr/sbin/nginx"}, {"libnginx-mod-http-headers-more-filter", headersModule},
}

// locate finds all programs, and builds those that are built.
func locate(ctx context.Context, o options) (*programs, error) {
	var missing []string
	for _, d := range debian {
		if _, err := os.Stat(d.file); err != nil {
			missing = append(missing, d.pkg)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the node is made of Debian 12's programs, and some are not installed: apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	p := &programs{
		containerd: "/usr/bin/containerd", ctr: "/usr/bin/ctr", runc: "/usr/sbin/runc", cni: "/usr/lib/cni",
		path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	tools, dapr := filepath.Join(o.root, "k8s", "tools"), filepath.Join(o.root, "dapr", "cluster")
	for _, b := range []struct {
		path    *string
		program daprd.Program
	}{
		{&p.node, daprd.Program{Name: "node", What: "kubelet, kube-apiserver and the others", SourceDir: tools, Package: "./node", Takes: "8 minutes"}},
		{&p.pause, daprd.Program{Name: "pause", What: "the program that holds a pod", SourceDir: tools, Package: "./pause", Takes: "a second"}},
		{&p.kustomize, daprd.Program{Name: "kustomize", What: "kustomize", SourceDir: tools, Package: "./kustomize", Takes: "a minute"}},
		{&p.dapr, daprd.Program{Name: "dapr", What: "Dapr's sidecar and control plane", SourceDir: dapr, Package: "./programs", Takes: "5 minutes"}},
		{&p.chart, daprd.Program{Name: "chart", What: "the program that renders Dapr's chart", SourceDir: dapr, Package: "./chart", Takes: "a minute"}},
	} {
		var err error
		if *b.path, err = b.program.Ensure(ctx, os.Stdout); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// prepare builds programs and images.
func prepare(ctx context.Context, o options) error {
	p, err := locate(ctx, o)
	if err != nil {
		return err
	}
	fmt.Println("== the shop's images, as make images builds them")
	cmd := exec.CommandContext(ctx, "go", "run", ".", "-out", filepath.Join(o.dir, "images")) //nolint:gosec // a folder of ours
	cmd.Dir = filepath.Join(o.root, "k8s", "images")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("images: %w\n%s", err, out)
	}
	for _, build := range [][]string{
		{"test", "-c", "-o", filepath.Join(o.dir, "images", "e2e.test"), "./tests/e2e"},
		{"build", "-o", filepath.Join(o.dir, "images", "tienda"), "./cmd/tienda"}, // which loads the demo data
	} {
		cmd := exec.CommandContext(ctx, "go", build...) //nolint:gosec // our own packages
		cmd.Dir = o.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", build[len(build)-1], err, out)
		}
	}
	fmt.Println("== images of Dapr, the stores, the ingress")
	if err := makeAuthority(filepath.Join(o.dir, "images")); err != nil {
		return err
	}
	return others(p, filepath.Join(o.dir, "images"))
}

// prepared is prepare's result, where it has been called already.
func prepared(ctx context.Context, o options) (*programs, error) {
	p, err := locate(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"tienda.tar", "others.tar"} {
		file := filepath.Join(o.dir, "images", name)
		if _, err := os.Stat(file); err != nil {
			return nil, errors.Join(errors.New("the images are not there"), err)
		}
		p.archives = append(p.archives, file)
	}
	return p, nil
}
