//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tienda/internal/daprd"
)

// What addresses the cluster has; all are its own.
const (
	node              = "node"
	nodeAddress       = "192.168.77.2"
	kubernetesVersion = "1.36.3"        // of k8s/tools
	podNetwork        = "10.244.0.0/16" // as k8s/overlays/production has it
	services          = "10.96.0.0/16"
	apiService        = "10.96.0.1"
	dnsService        = "10.96.0.10"
	runtimeAt         = "/run/containerd/containerd.sock"
)

// cluster is the node with what runs it.
type cluster struct {
	options
	made   *programs
	pki    *authority
	api    *api
	failed chan error // a program of the node has ended
}

func (c *cluster) log(name string) string { return filepath.Join(c.dir, "logs", name+".log") }

// startNode brings up network, control plane and kubelet, and waits until pods can run.
func (c *cluster) startNode(ctx context.Context) error {
	if err := network(ctx); err != nil {
		return err
	}
	var err error
	if c.pki, err = openAuthority(filepath.Join(c.dir, "images"), filepath.Join(c.dir, "node", "pki")); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.users, c.settings, c.controlPlane, c.worker, c.startNames} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return c.eventually(ctx, "the node is ready", time.Minute, func(ctx context.Context) error {
		return c.api.condition(ctx, "/api/v1/nodes/"+node, "Ready")
	})
}

// network makes an interface with the node's address: one end of a cable whose other end
// nobody has.
func network(ctx context.Context) error {
	for _, line := range []string{
		"link set lo up",
		"link add node0 type veth peer name cable",
		"addr add " + nodeAddress + "/24 dev node0",
		"link set cable up",
		"link set node0 up",
		"route add default via 192.168.77.1",
	} {
		if out, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput(); err != nil { //nolint:gosec // fixed arguments
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	for name, value := range map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/conf/all/route_localnet": "0"} {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// users makes who may ask the API server, by certificate. What each may, its own RBAC says.
func (c *cluster) users(context.Context) error {
	for _, u := range []struct {
		file, name string
		groups     []string
	}{
		{"admin", "admin", []string{"system:masters"}},
		{"kubelet", "system:node:" + node, []string{"system:nodes"}},
		{"controllers", "system:kube-controller-manager", nil},
		{"scheduler", "system:kube-scheduler", nil},
		{"proxy", "system:kube-proxy", nil},
		{"apiserver-kubelet", "apiserver-kubelet", []string{"system:masters"}},
	} {
		if _, err := c.pki.user(u.file, u.name, u.groups...); err != nil {
			return err
		}
	}
	if _, err := c.pki.write("apiserver", forServer("kube-apiserver", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1", nodeAddress, apiService)); err != nil {
		return err
	}
	_, err := c.pki.write("accounts", template("accounts"))
	return err
}

// settings writes the files that the programs of the node read.
func (c *cluster) settings(context.Context) error {
	group := os.Getenv(groupVariable)
	files := map[string]string{
		"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://` + runtimeAt + `
cgroupDriver: cgroupfs
cgroupRoot: /` + group + `
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: [` + dnsService + `]
clusterDomain: cluster.local
resolvConf: ""
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: ` + c.pki.file("ca.crt") + `}}
authorization: {mode: Webhook}
makeIPTablesUtilChains: false
# The disk is the machine's: how full it is does not concern the test.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
# The chart waits for a ConfigMap that Sentry fills once it runs.
syncFrequency: 5s
# What tests kill is back soon.
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
featureGates: {KubeletCrashLoopBackOffMax: true}
`,
		"proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: ` + node + `
clusterCIDR: ` + podNetwork + `
clientConnection: {kubeconfig: ` + c.pki.file("proxy.conf") + `}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`,
		"containerd.toml": `version = 2
root = "` + filepath.Join(c.dir, "node", "containerd") + `"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "` + runtimeAt + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true # in a container, nobody may lower it
  enable_unprivileged_ports = true # as newer versions have it by default
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + c.made.cni + `"
    conf_dir = "` + filepath.Join(c.dir, "node", "cni") + `"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "` + c.made.runc + `"
`,
		// Each pod has a cable of its own to the node, over which all goes: answers of a Service
		// come back the way that the question went.
		"cni/pods.conflist": `{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false,
"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
`,
	}
	for name, content := range files {
		file := filepath.Join(c.dir, "node", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) controlPlane(ctx context.Context) error {
	if err := c.start("etcd", c.made.node, "etcd", "--dir", filepath.Join(c.dir, "node", "etcd")); err != nil {
		return err
	}
	if err := c.eventually(ctx, "etcd listens", time.Minute, func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:2379")
		if err == nil {
			_ = conn.Close()
		}
		return err
	}); err != nil {
		return err
	}
	if err := c.start("kube-apiserver", c.made.node, "kube-apiserver",
		"--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address="+nodeAddress,
		"--client-ca-file="+c.pki.file("ca.crt"), "--tls-cert-file="+c.pki.file("apiserver.crt"), "--tls-private-key-file="+c.pki.file("apiserver.key"),
		"--service-account-key-file="+c.pki.file("accounts.key"), "--service-account-signing-key-file="+c.pki.file("accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-cluster-ip-range="+services,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=false",
		"--kubelet-client-certificate="+c.pki.file("apiserver-kubelet.crt"), "--kubelet-client-key="+c.pki.file("apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP", "--profiling=false"); err != nil {
		return err
	}
	var err error
	if c.api, err = newAPI(c.pki); err != nil {
		return err
	}
	if err := c.eventually(ctx, "the API server is ready", 3*time.Minute, func(ctx context.Context) error {
		_, err := c.api.do(ctx, http.MethodGet, "/readyz", nil)
		return err
	}); err != nil {
		return err
	}
	if err := c.start("kube-controller-manager", c.made.node, "kube-controller-manager",
		"--kubeconfig="+c.pki.file("controllers.conf"), "--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.pki.file("accounts.key"), "--root-ca-file="+c.pki.file("ca.crt"),
		"--allocate-node-cidrs=true", "--cluster-cidr="+podNetwork, "--service-cluster-ip-range="+services,
		"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false"); err != nil {
		return err
	}
	return c.start("kube-scheduler", c.made.node, "kube-scheduler",
		"--kubeconfig="+c.pki.file("scheduler.conf"), "--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false")
}

func (c *cluster) worker(ctx context.Context) error {
	if err := c.start("containerd", c.made.containerd, "--config", filepath.Join(c.dir, "node", "containerd.toml")); err != nil {
		return err
	}
	if err := c.eventually(ctx, "containerd listens", time.Minute, func(ctx context.Context) error {
		return exec.CommandContext(ctx, c.made.ctr, "--address", runtimeAt, "version").Run() //nolint:gosec // Debian's
	}); err != nil {
		return err
	}
	for _, archive := range c.made.archives {
		out, err := exec.CommandContext(ctx, c.made.ctr, "--address", runtimeAt, "--namespace", "k8s.io", "images", "import", archive).CombinedOutput() //nolint:gosec // Debian's
		if err != nil {
			return fmt.Errorf("images of %s: %w\n%s", archive, err, out)
		}
	}
	if err := c.start("kubelet", c.made.node, "kubelet", "--config="+filepath.Join(c.dir, "node", "kubelet.yaml"),
		"--kubeconfig="+c.pki.file("kubelet.conf"), "--hostname-override="+node, "--node-ip="+nodeAddress, "--root-dir=/var/lib/kubelet"); err != nil {
		return err
	}
	return c.start("kube-proxy", c.made.node, "kube-proxy", "--config="+filepath.Join(c.dir, "node", "proxy.yaml"))
}

// start starts a program of the node, which has to stay until the end.
func (c *cluster) start(name, program string, args ...string) error {
	log, err := os.Create(c.log(name))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()    // the child has its own
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // programs of ours; they end with process 1
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PATH="+c.made.path)
	cmd.SysProcAttr = daprd.ChildAttr()
	if err := daprd.StartChild(cmd); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		c.failed <- fmt.Errorf("%s has ended: %w\n%s", name, errors.Join(cmd.Wait(), errEnded), tail(c.log(name)))
	}()
	return nil
}

var errEnded = errors.New("before the cluster did")

// eventually asks until there is no error, as long as the node's programs run.
func (c *cluster) eventually(ctx context.Context, what string, limit time.Duration, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	var last error
	for {
		err := look(ctx)
		if last == nil || ctx.Err() == nil { // one that the limit cut off says nothing
			last = err
		}
		if err == nil {
			fmt.Printf("   %s, after %s\n", what, time.Since(began).Round(100*time.Millisecond))
			return nil
		}
		select {
		case failure := <-c.failed:
			return failure
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s: %w", limit, what, last)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func tail(file string) string {
	const most = 3000
	b, err := os.ReadFile(file) //nolint:gosec // a log of ours
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}
