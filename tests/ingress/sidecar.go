package ingress

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"tienda/internal/daprd"
	"tienda/tests/shop"
)

// notHere are annotations of the pod that say how Kubernetes places a sidecar, what it may
// use, or what internal/daprd says of every sidecar of one machine.
var notHere = []string{
	"dapr.io/enabled", "dapr.io/log-as-json", "dapr.io/sidecar-listen-addresses", "dapr.io/placement-host-address",
	"dapr.io/scheduler-host-address", "dapr.io/disable-builtin-k8s-secret-store", "dapr.io/sidecar-seccomp-profile-type",
	"dapr.io/sidecar-cpu-request", "dapr.io/sidecar-memory-request", "dapr.io/sidecar-memory-limit",
}

// startSidecar starts that of the controller's pod, in the working folder of a shop whose
// names it shares.
func (d *Door) startSidecar(ctx context.Context, dir string) error {
	root, err := shop.Root()
	if err != nil {
		return err
	}
	b, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stderr, Getenv: os.Getenv})
	if err != nil {
		return err
	}
	ports, err := daprd.FreePorts(2)
	if err != nil {
		return err
	}
	c := daprd.Config{
		Binary: b.Path, HTTPPort: d.Sidecar, GRPCPort: ports[0], InternalGRPCPort: ports[1], Dir: dir,
		Env: []string{"NAMESPACE=" + namespace}, Flags: []string{"--dapr-graceful-shutdown-seconds", "1"},
	}
	for _, name := range slices.Sorted(maps.Keys(d.site.pod)) {
		switch v := d.site.pod[name]; name {
		case "dapr.io/app-id":
			c.AppID = v
		case "dapr.io/app-port":
			if v != "80" {
				return fmt.Errorf("k8s/ingress/values.yaml: the app port is %s, nginx listens at 80", v)
			}
			c.AppPort = d.HTTP
		case "dapr.io/config":
			if c.ConfigFile, err = d.configuration(root, v); err != nil {
				return err
			}
		case "dapr.io/log-level":
			c.LogLevel = v
		case "dapr.io/max-body-size":
			c.MaxBodySize = v
		case "dapr.io/read-buffer-size":
			c.Flags = append(c.Flags, "--read-buffer-size", v)
		default:
			if !slices.Contains(notHere, name) {
				return fmt.Errorf("k8s/ingress/values.yaml: the annotation %s is not known here", name)
			}
		}
	}
	if d.site.Backend != c.AppID+"-dapr" {
		return fmt.Errorf("k8s/ingress: requests go to the Service %s, the sidecar's is %s-dapr", d.site.Backend, c.AppID)
	}
	if err := d.resources(root, &c); err != nil {
		return err
	}
	log, err := os.Create(d.file("sidecar.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	c.Output = log
	if d.sidecar, err = daprd.Start(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := d.sidecar.WaitReady(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, d.Log())
	}
	return nil
}

// configuration writes the sidecar's Configuration with what is different on one machine:
// names are in the shop's file, and there are no certificates.
func (d *Door) configuration(root, name string) (string, error) {
	file := filepath.Join(root, "k8s", "ingress", "configuration.yaml")
	docs, err := documents(file)
	if err != nil {
		return "", err
	}
	doc, there := docs["Configuration "+name]
	if !there {
		return "", fmt.Errorf("%s has no Configuration %s", file, name)
	}
	local, err := documents(filepath.Join(root, "dapr", "config.yaml"))
	if err != nil {
		return "", err
	}
	spec, _ := doc["spec"].(map[string]any)
	here, _ := local["Configuration tienda"]["spec"].(map[string]any)
	spec["nameResolution"] = here["nameResolution"]
	delete(spec, "mtls")
	return d.write("configuration.yaml", doc)
}

// resources writes the policies of the sidecar into a folder of their own.
func (d *Door) resources(root string, c *daprd.Config) error {
	docs, err := documents(filepath.Join(root, "k8s", "ingress", "resiliency.yaml"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.file("resources"), 0o750); err != nil {
		return err
	}
	c.ResourcesPaths = []string{d.file("resources")}
	n := 0
	for _, doc := range docs {
		n++
		if _, err := d.write(filepath.Join("resources", strconv.Itoa(n)+".yaml"), doc); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) write(name string, doc map[string]any) (string, error) {
	out, err := yaml.Marshal(doc)
	if err != nil {
		return "", err
	}
	return d.file(name), os.WriteFile(d.file(name), out, 0o600)
}
