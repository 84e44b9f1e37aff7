// Package ingress puts the way in of k8s/ingress before a shop of one machine: Debian's
// nginx, with the configuration that ingress-nginx would make of the manifests, and beside
// it a sidecar that calls the gateway by its app ID. What of that is derived, and what is
// not, is in docs/kubernetes.md.
package ingress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tienda/internal/daprd"
	"tienda/tests/shop"
)

// Overlay is the one of k8s/overlays that is tried.
const Overlay = "dev-ingress"

const (
	startLimit = 30 * time.Second // for nginx, and for the sidecar
	stopLimit  = 5 * time.Second
	namespace  = "ingress-nginx" // where ingress and sidecar are; the gateway is in "tienda"
)

// Wanted says whether the environment asks for an nginx: INGRESS names the program, which
// then must be there.
func Wanted() bool { return os.Getenv("INGRESS") != "" }

// Door is the way in: first its ports and its certificate, which the shop has to know,
// then nginx and its sidecar.
type Door struct {
	URL     string // https://shop.localhost:port
	Host    string // of the manifests
	HTTP    int    // port of plain HTTP, which leads to HTTPS
	HTTPS   int    // port
	Sidecar int    // port of the sidecar's API

	dir     string
	site    *site
	nginx   *exec.Cmd
	done    chan struct{}
	sidecar *daprd.Sidecar
	log     *os.File
	trust   *tls.Config
}

// Prepare reads the manifests and makes a certificate in dir. It fails when INGRESS names a
// program that is not installed.
func Prepare(dir string) (*Door, error) {
	root, err := shop.Root()
	if err != nil {
		return nil, err
	}
	if _, err := program(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	d := &Door{dir: dir}
	if d.site, err = read(root, Overlay); err != nil {
		return nil, err
	}
	ports, err := daprd.FreePorts(3)
	if err != nil {
		return nil, err
	}
	d.HTTP, d.HTTPS, d.Sidecar, d.Host = ports[0], ports[1], ports[2], d.site.Host
	d.URL = "https://" + net.JoinHostPort(d.Host, strconv.Itoa(d.HTTPS))
	d.trust, err = certificate(d.Host, d.file("tls.crt"), d.file("tls.key"))
	return d, err
}

// program finds the nginx that INGRESS names; 1 stands for "nginx".
func program() (string, error) {
	name := os.Getenv("INGRESS")
	if name == "1" {
		name = "nginx"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	sbin := filepath.Join("/usr/sbin", filepath.Base(name)) // Debian's, on no user's PATH
	if _, missing := os.Stat(sbin); missing == nil {
		return sbin, nil
	}
	return "", fmt.Errorf("INGRESS names an nginx that is not installed (apt-get install nginx libnginx-mod-http-headers-more-filter): %w", err)
}

func (d *Door) file(name string) string { return filepath.Join(d.dir, name) }

// Env is what a shop behind the door has to be told: as k8s/base says it, with the
// addresses of one machine.
func (d *Door) Env() []string {
	return []string{
		"NAMESPACE=tienda", // of its sidecars
		"TIENDA_ISSUER=" + d.URL, "USERS_SHOP_URL=" + d.URL, "GATEWAY_PUBLIC_SCHEME=https",
		// The sidecars. Clients of the tests have other addresses of the loopback network.
		"GATEWAY_TRUSTED_PROXIES=127.0.0.1",
	}
}

// Loosen multiplies the limits of an address, as GATEWAY_LIMIT_FACTOR does the gateway's:
// all clients of one machine have one.
func (d *Door) Loosen(factor int) { d.site.loosen(factor) }

func (s *site) loosen(factor int) {
	const most = 65535 // that nginx takes
	for _, name := range []string{"limit-rps", "limit-connections"} {
		if n, err := strconv.Atoi(s.annotations[name]); err == nil {
			s.annotations[name] = strconv.Itoa(min(n*factor, most))
		}
	}
}

// Open starts nginx and its sidecar before a shop, which was started with Env.
func (d *Door) Open(ctx context.Context, s *shop.Shop) error {
	if err := d.startNginx(ctx); err != nil {
		return err
	}
	if err := d.startSidecar(ctx, filepath.Dir(s.DataDir)); err != nil {
		d.Close()
		return err
	}
	client := &http.Client{Transport: d.Transport(""), Timeout: time.Second}
	err := poll(ctx, func() error {
		resp, err := get(ctx, client, d.URL+"/readyz")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		d.Close()
		return fmt.Errorf("nothing comes through the ingress: %w\n%s", err, d.Log())
	}
	return nil
}

func get(ctx context.Context, c *http.Client, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return c.Do(r)
}

func poll(ctx context.Context, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (d *Door) startNginx(ctx context.Context) error {
	path, err := program()
	if err != nil {
		return err
	}
	module, err := headersModule(ctx, path)
	if err != nil {
		return err
	}
	made, err := derive(d.site, machine{
		Dir: d.dir, Certificate: d.file("tls.crt"), Key: d.file("tls.key"), Root: os.Geteuid() == 0,
		Listen: "127.0.0.1", Upstream: "127.0.0.1", HTTP: d.HTTP, HTTPS: d.HTTPS, Sidecar: d.Sidecar, HeadersModule: module,
	})
	if err != nil {
		return err
	}
	conf, err := made.configuration()
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.file("nginx.conf"), []byte(conf), 0o600); err != nil {
		return err
	}
	if d.log, err = os.Create(d.file("nginx.log")); err != nil {
		return err
	}
	d.nginx = exec.Command(path, "-p", d.dir, "-c", d.file("nginx.conf"), "-e", "stderr") //nolint:gosec,noctx // the program that INGRESS names; ended by Close
	d.nginx.Stdout, d.nginx.Stderr = d.log, d.log
	d.nginx.SysProcAttr = daprd.ChildAttr()
	if err := daprd.StartChild(d.nginx); err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	d.done = make(chan struct{})
	go func() {
		_ = d.nginx.Wait()
		close(d.done)
	}()
	err = poll(ctx, func() error {
		select {
		case <-d.done:
			return errors.New("it has ended")
		default:
		}
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", loopback(d.HTTPS))
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if err != nil {
		d.Close()
		return fmt.Errorf("nginx does not come up: %w\n%s", err, d.Log())
	}
	return nil
}

// headersModule is where nginx has its module headers-more, which the one of ingress-nginx
// has built in.
func headersModule(ctx context.Context, nginx string) (string, error) {
	const file = "ngx_http_headers_more_filter_module.so"
	out, err := exec.CommandContext(ctx, nginx, "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -V: %w", nginx, err)
	}
	for word := range strings.FieldsSeq(string(out)) {
		if dir, ok := strings.CutPrefix(word, "--modules-path="); ok {
			path := filepath.Join(dir, file)
			if _, err := os.Stat(path); err != nil {
				return "", fmt.Errorf("nginx has no headers-more (apt-get install libnginx-mod-http-headers-more-filter): %w", err)
			}
			return path, nil
		}
	}
	return "", errors.New("nginx does not say where its modules are")
}

// Close ends both.
func (d *Door) Close() {
	if d.sidecar != nil {
		d.sidecar.Stop(stopLimit)
	}
	if d.done == nil {
		return
	}
	_ = d.nginx.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(stopLimit):
		_ = d.nginx.Process.Kill()
		<-d.done
	}
	_ = d.log.Close()
}

// Log gives the end of what nginx and the sidecar have printed, and of the access log.
func (d *Door) Log() string {
	const most = 3000
	var all bytes.Buffer
	for _, name := range []string{"nginx.log", "sidecar.log", "access.log"} {
		if b, err := os.ReadFile(d.file(name)); err == nil {
			_, _ = fmt.Fprintf(&all, "%s: %s\n", name, b[max(0, len(b)-most):])
		}
	}
	return all.String()
}

// PIDs are those of nginx and of the sidecar.
func (d *Door) PIDs() []int { return []int{d.nginx.Process.Pid, d.sidecar.PID()} }

// Transport gives what trusts the certificate and finds the shop's host here. from is the
// address of the client, of the loopback network: "127.0.0.2"; "": 127.0.0.1.
func (d *Door) Transport(from string) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Transport{
		TLSClientConfig: d.trust.Clone(), ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && host == d.Host {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
