//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kubectl runs a command as whoever installs the shop does. stdin may be nil.
func (c *cluster) kubectl(ctx context.Context, stdin []byte, args ...string) error {
	cmd := exec.CommandContext(ctx, c.made.node, append([]string{"kubectl"}, args...)...) //nolint:gosec // our own program
	cmd.Env = c.env()
	cmd.Dir = c.root
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (c *cluster) env() []string {
	return append(os.Environ(), "KUBECONFIG="+c.pki.file("admin.conf"), "PATH="+filepath.Join(c.dir, "run")+":"+c.made.path)
}

// startNames brings up the names of the cluster, a Service whose server runs beside the
// kubelet, and what keeps the network policies.
func (c *cluster) startNames(ctx context.Context) error {
	if err := c.start("policies", c.made.node, "policies", "--kubeconfig="+c.pki.file("admin.conf"), "--dns="+nodeAddress); err != nil {
		return err
	}
	if err := c.start("dns", c.made.node, "dns", "--kubeconfig="+c.pki.file("admin.conf"), "--address="+nodeAddress+":53"); err != nil {
		return err
	}
	return c.kubectl(ctx, []byte(`
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: `+dnsService+`
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: [`+nodeAddress+`]}]
`), "apply", "--server-side", "-f", "-")
}

const daprNamespace = "dapr-system"

// startDapr installs Dapr's chart with the values of k8s/dapr, on one node, and waits until a
// pod that asks for a sidecar gets one: pods that come before the injector have none.
func (c *cluster) startDapr(ctx context.Context) error {
	folder := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/dapr/dapr")
	folder.Dir = filepath.Join(c.root, "dapr", "cluster")
	dir, err := folder.Output()
	if err != nil {
		return fmt.Errorf("the folder of Dapr's module: %w", err)
	}
	here := filepath.Join(c.dir, "run", "dapr-values.yaml")
	values := "global: {tag: " + daprVersion + ", ha: {enabled: false}}\n"
	if err := os.WriteFile(here, []byte(values), 0o600); err != nil {
		return err
	}
	chart := exec.CommandContext(ctx, c.made.chart, "-release", "dapr", "-namespace", daprNamespace, //nolint:gosec // our own program
		"-values", filepath.Join(c.root, "k8s", "dapr", "values.yaml"), "-values", here, filepath.Join(strings.TrimSpace(string(dir)), "charts", "dapr"))
	var said bytes.Buffer
	chart.Stderr = &said
	manifests, err := chart.Output()
	if err != nil {
		return fmt.Errorf("the chart of Dapr: %w: %s", err, said.String())
	}
	if err := os.WriteFile(filepath.Join(c.dir, "run", "dapr.yaml"), manifests, 0o600); err != nil {
		return err
	}
	if err := c.kubectl(ctx, nil, "create", "namespace", daprNamespace); err != nil {
		return err
	}
	// As helm does: where the chart names no namespace it is the release's.
	config, err := os.ReadFile(c.pki.file("admin.conf"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.pki.file("dapr.conf"), bytes.Replace(config, []byte("context: {"), []byte("context: {namespace: "+daprNamespace+", "), 1), 0o600); err != nil { //nolint:gosec // a folder of ours
		return err
	}
	// Definitions first: what is of their kinds is in the chart, too.
	if err := c.eventually(ctx, "Dapr's chart is applied", time.Minute, func(ctx context.Context) error {
		return c.kubectl(ctx, manifests, "--kubeconfig="+c.pki.file("dapr.conf"), "apply", "--server-side", "--force-conflicts", "-f", "-")
	}); err != nil {
		return err
	}
	if err := c.available(ctx, daprNamespace, 3*time.Minute); err != nil {
		return err
	}
	return c.eventually(ctx, "a pod gets its sidecar", time.Minute, c.injected)
}

// injected has a pod made, which is not kept, and looks at what came of it.
func (c *cluster) injected(ctx context.Context) error {
	out, err := c.api.do(ctx, http.MethodPost, "/api/v1/namespaces/default/pods?dryRun=All", []byte(`{"apiVersion": "v1", "kind": "Pod",
"metadata": {"name": "any", "annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "any"}},
"spec": {"containers": [{"name": "any", "image": "any"}]}}`))
	if err != nil {
		return err
	}
	var p pod
	if err := json.Unmarshal(out, &p); err != nil {
		return err
	}
	for _, container := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers) {
		if container.Name == "daprd" {
			return nil
		}
	}
	return errors.New("the injector adds none")
}

type pod struct {
	Metadata struct {
		Name, Namespace, UID string
		Labels               map[string]string
		DeletionTimestamp    string
	}
	Spec struct {
		Containers, InitContainers []struct{ Name string }
	}
	Status struct {
		Phase, PodIP string
		Conditions   []struct{ Type, Status, Reason, Message string }

		ContainerStatuses, InitContainerStatuses []containerStatus
	}
}

type containerStatus struct {
	Name, ContainerID string
	Ready             bool
	RestartCount      int
	State             struct {
		Waiting *struct{ Reason, Message string }
	}
}

type listOf[T any] struct{ Items []T }

// available waits until every deployment of a namespace is.
func (c *cluster) available(ctx context.Context, namespace string, limit time.Duration) error {
	err := c.eventually(ctx, "everything in "+namespace+" is available", limit, func(ctx context.Context) error {
		all, err := get[listOf[struct {
			Metadata struct{ Name string }
			Spec     struct{ Replicas int }
			Status   struct{ AvailableReplicas, UpdatedReplicas int }
		}]](ctx, c.api, "/apis/apps/v1/namespaces/"+namespace+"/deployments")
		if err != nil {
			return err
		}
		var missing []string
		for _, d := range all.Items {
			if d.Status.AvailableReplicas < d.Spec.Replicas || d.Status.UpdatedReplicas < d.Spec.Replicas {
				missing = append(missing, d.Metadata.Name)
			}
		}
		if len(all.Items) == 0 || len(missing) > 0 {
			return fmt.Errorf("of %d deployments these are not: %v", len(all.Items), missing)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.describe(namespace))
	}
	return nil
}

// describe tells what pods of a namespace are not ready, why, and what they said last.
func (c *cluster) describe(namespace string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	all, err := get[listOf[pod]](ctx, c.api, "/api/v1/namespaces/"+namespace+"/pods")
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range all.Items {
		_, _ = fmt.Fprintf(&b, "%s: %s", p.Metadata.Name, p.Status.Phase)
		for _, cond := range p.Status.Conditions {
			if cond.Status != "True" && cond.Message != "" {
				_, _ = fmt.Fprintf(&b, "; %s: %s", cond.Type, cond.Message)
			}
		}
		b.WriteString("\n")
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if s.Ready {
				continue
			}
			_, _ = fmt.Fprintf(&b, "  %s, %d restarts", s.Name, s.RestartCount)
			if w := s.State.Waiting; w != nil {
				_, _ = fmt.Fprintf(&b, ": %s %s", w.Reason, w.Message)
			}
			b.WriteString("\n")
			logs, _ := filepath.Glob(filepath.Join("/var/log/pods", namespace+"_"+p.Metadata.Name+"_*", s.Name, "*.log"))
			for _, file := range logs {
				b.WriteString("  " + tail(file) + "\n")
			}
		}
	}
	events, err := get[listOf[struct{ Type, Reason, Message string }]](ctx, c.api, "/api/v1/namespaces/"+namespace+"/events")
	if err == nil {
		for _, e := range events.Items {
			// Nothing here measures pods, which autoscalers tell all the time.
			if e.Type != "Normal" && !strings.Contains(e.Reason, "Metric") {
				_, _ = fmt.Fprintf(&b, "%s: %s\n", e.Reason, e.Message)
			}
		}
	}
	return b.String()
}
