//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tienda/tests/shop"
)

// apps are those of the overlay with their ports.
var apps = []struct {
	id   string
	port int
}{{"users", 8081}, {"catalog", 8082}, {"orders", 8083}, {"support", 8084}, {"gateway", 8080}}

const (
	sidecarHTTP = 3500
	sidecarGRPC = 50001
	sandboxPort = 4280
	dialLimit   = 5 * time.Second
	refresh     = 100 * time.Millisecond
	clients     = "198.51.100" // the network of the clients
	mailFolders = "/var/lib/kubelet/pods/*/volumes/kubernetes.io~empty-dir/mail"
)

// view is the cluster as the end-to-end tests see a shop: a ready file that is kept up to
// date, with process IDs, and for each port of a pod one of this machine that leads to it.
type view struct {
	c     *cluster
	dir   string
	token string // that stands for the one of each sidecar
	state shop.State

	mu     sync.Mutex
	inside map[string]int // a process of the pod, by app
	tokens map[string]string
}

// see makes the view.
func (c *cluster) see(ctx context.Context) (*view, error) {
	v := &view{c: c, dir: filepath.Join(c.dir, "run", "shop"), token: rand.Text(), inside: map[string]int{}, tokens: map[string]string{}}
	data := filepath.Join(v.dir, "data")
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, err
	}
	door, err := c.door(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := addresses(ctx)
	if err != nil {
		return nil, err
	}
	v.state = shop.State{
		Gateway: "https://" + host, Door: door, Clients: clients, Authority: c.pki.file("ca.crt"), Profile: "postgres", DataDir: data, MailDir: mailFolders,
		Kubectl:    []string{c.made.node, "kubectl", "--kubeconfig=" + c.pki.file("admin.conf"), "--namespace=" + namespace},
		TokensFile: filepath.Join(v.dir, "tokens.env"), SecretFile: filepath.Join(v.dir, "secrets.json"),
	}
	// What the tests look for secrets in.
	for from, to := range map[string]string{"/var/log/pods": "logs", filepath.Join(c.dir, "node", "disks", "postgres"): "postgres"} {
		to = filepath.Join(data, to)
		if err := os.MkdirAll(to, 0o750); err != nil {
			return nil, err
		}
		if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
			return nil, fmt.Errorf("mount of %s: %w", from, err)
		}
	}
	if err := v.secrets(ctx); err != nil {
		return nil, err
	}
	if err := v.ports(); err != nil {
		return nil, err
	}
	return v, v.update(ctx)
}

// addresses makes the node have addresses that clients come from: as from outside, each with
// limits of its own.
func addresses(ctx context.Context) (all []string, err error) {
	if out, err := exec.CommandContext(ctx, "ip", "route", "add", "local", clients+".0/24", "dev", "lo").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("addresses of clients: %w: %s", err, out)
	}
	for n := range 200 {
		all = append(all, fmt.Sprintf("%s.%d", clients, n+1))
	}
	return all, nil
}

// secrets writes those that the tests have to know into files.
func (v *view) secrets(ctx context.Context) error {
	for _, a := range apps {
		token, err := v.c.secret(ctx, namespace, a.id+"-api-token", "token")
		if err != nil {
			return err
		}
		v.tokens[a.id] = token
	}
	passwords := map[string]string{}
	for _, name := range []string{"redis", "postgres"} {
		p, err := v.c.secret(ctx, namespace, name, "password")
		if err != nil {
			return err
		}
		passwords[name+"-password"] = p
	}
	raw, err := json.Marshal(passwords)
	if err != nil {
		return err
	}
	callbacks, err := v.c.secret(ctx, namespace, "payment-callbacks-sandbox", "secrets.json")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(v.state.SecretFile, raw, 0o600),
		os.WriteFile(v.state.TokensFile, []byte("DAPR_API_TOKEN="+v.token+"\n"), 0o600),
		os.WriteFile(filepath.Join(v.state.DataDir, "payment-secrets.json"), []byte(callbacks), 0o600),
	)
}

// ports opens a port of this machine for each of the pods' that tests ask.
func (v *view) ports() error {
	for _, a := range apps {
		own := shop.App{AppID: a.id, Name: a.id}
		var err error
		if own.HTTPPort, err = v.sidecar(a.id, sidecarHTTP); err != nil {
			return err
		}
		if own.GRPCPort, err = v.sidecar(a.id, sidecarGRPC); err != nil {
			return err
		}
		if own.Port, err = v.forward(a.id, a.port, nil); err != nil {
			return err
		}
		v.state.Apps = append(v.state.Apps, own)
	}
	for _, name := range []string{"mailbox", "sandbox"} {
		v.state.Apps = append(v.state.Apps, shop.App{AppID: name, Name: name})
	}
	sandbox, err := v.forward("orders", sandboxPort, nil)
	if err != nil {
		return err
	}
	v.state.Sandbox = "http://127.0.0.1:" + strconv.Itoa(sandbox)
	postgres, err := v.forward("postgres", 5432, nil)
	if err != nil {
		return err
	}
	v.state.Store = "127.0.0.1:" + strconv.Itoa(postgres)
	events, err := v.forward("redis", 6379, v.c.pki.trust("redis"))
	v.state.Events = "127.0.0.1:" + strconv.Itoa(events)
	return err
}

// dial connects to a port of a pod from inside of it.
func (v *view) dial(ctx context.Context, app string, port int) (net.Conn, error) {
	return v.dialTo(ctx, app, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// dialTo connects to an address as a pod does.
func (v *view) dialTo(ctx context.Context, app, address string) (net.Conn, error) {
	v.mu.Lock()
	pid := v.inside[app]
	v.mu.Unlock()
	if pid == 0 {
		return nil, fmt.Errorf("no process of %s runs", app)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function, and its namespace with it
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, "tcp4", address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// forward opens a port that leads to a pod's, by TLS where trust is given.
func (v *view) forward(app string, port int, trust *tls.Config) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // until the cluster ends
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = from.Close() }()
				to, err := v.dial(context.Background(), app, port)
				if err != nil {
					return
				}
				defer func() { _ = to.Close() }()
				if trust != nil {
					to = tls.Client(to, trust)
				}
				go func() {
					_, _ = io.Copy(to, from)
					_ = to.Close()
				}()
				_, _ = io.Copy(from, to)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// sidecar opens a port that leads to one of the API of an app's sidecar, HTTP's or gRPC's, and
// puts the sidecar's token in the place of the one that the tests know for all.
func (v *view) sidecar(app string, port int) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // until the cluster ends
	if err != nil {
		return 0, err
	}
	var spoken http.Protocols
	spoken.SetHTTP1(port == sidecarHTTP)
	spoken.SetUnencryptedHTTP2(port == sidecarGRPC)
	to := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if r.In.Header.Get("dapr-api-token") == v.token {
				r.Out.Header.Set("dapr-api-token", v.tokens[app])
			}
		},
		Transport: &http.Transport{Protocols: &spoken, DisableKeepAlives: port == sidecarHTTP, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return v.dial(ctx, app, port)
		}},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := &http.Server{Handler: proxy, Protocols: &spoken, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// follow keeps the ready file up to date.
func (v *view) follow(ctx context.Context) {
	for ctx.Err() == nil {
		_ = v.update(ctx) // the file of before stays
		time.Sleep(refresh)
	}
}

// update looks which processes the containers of the shop are, and writes the ready file.
func (v *view) update(ctx context.Context) error {
	all, err := get[listOf[pod]](ctx, v.c.api, "/api/v1/namespaces/"+namespace+"/pods")
	if err != nil {
		return err
	}
	running, err := processes()
	if err != nil {
		return err
	}
	state := v.state
	state.Apps = slices.Clone(v.state.Apps)
	inside := map[string]int{}
	for _, p := range all.Items {
		owner := p.Metadata.Labels["tienda.dev/app"]
		if owner == "" {
			owner = p.Metadata.Labels["tienda.dev/server"]
		}
		if p.Metadata.DeletionTimestamp != "" || owner == "" {
			continue
		}
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			// The status lags behind a container that was killed: its process says it at once.
			pid := running[strings.TrimPrefix(s.ContainerID, "containerd://")]
			if pid == 0 {
				continue
			}
			inside[owner] = pid
			for i := range state.Apps {
				a := &state.Apps[i]
				switch {
				case a.AppID == owner && s.Name == "app":
					a.PID = pid
				case a.AppID == owner && s.Name == "daprd":
					a.SidecarPID = pid
				case a.AppID == s.Name && s.Name == "sandbox", a.AppID == s.Name && s.Name == "mailbox" && owner == "users":
					a.PID = pid
				}
			}
		}
	}
	v.mu.Lock()
	v.inside = inside
	v.mu.Unlock()
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(v.file()+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(v.file()+".new", v.file())
}

func (v *view) file() string { return filepath.Join(v.dir, "ready.json") }

// processes gives process 1 of each container, by the container's ID, which its control group
// is named after.
func processes() (map[string]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		group, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cgroup"))
		if err != nil {
			continue // it has gone
		}
		line, _, _ := strings.Cut(string(group), "\n")
		id := filepath.Base(line)
		if len(id) != 64 {
			continue
		}
		status, err := os.ReadFile(filepath.Join("/proc", e.Name(), "status"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			f := strings.Fields(line)
			if len(f) > 2 && f[0] == "NSpid:" && f[len(f)-1] == "1" {
				out[id] = pid
			}
			if len(f) > 1 && f[0] == "State:" && f[1] == "Z" {
				break
			}
		}
	}
	return out, nil
}
