//go:build k8s

package k8s

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
)

// server is a kube-apiserver of its own, over an empty etcd.
type server struct {
	base, token string
	http        *http.Client
	plural      map[string]resource // by "apiVersion kind"
}

type resource struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

// startup is how long a server, and a new kind of resource, may take to come up.
const startup = 3 * time.Minute

// start builds the server once for the machine, and runs it until the test ends.
func start(t *testing.T) *server {
	t.Helper()
	path, err := daprd.Program{
		Name: "apiserver", What: "kube-apiserver", SourceDir: tools, Package: "./apiserver", Takes: "6 minutes",
	}.Ensure(t.Context(), os.Stderr)
	require.NoError(t, err)
	ports, err := daprd.FreePorts(3)
	require.NoError(t, err)
	dir := t.TempDir()
	s := &server{
		base: "https://127.0.0.1:" + strconv.Itoa(ports[0]), token: rand.Text(), plural: map[string]resource{},
		// It has signed its certificate itself, a moment ago, on this machine.
		http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(s.token), 0o600))
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-dir", dir, "-port", strconv.Itoa(ports[0]), "-etcd", strconv.Itoa(ports[1]), "-peer", strconv.Itoa(ports[2]))
	stdin, err := cmd.StdinPipe() // it ends with us, however we end
	require.NoError(t, err)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = stdin.Close()
		stop()
		<-ended
	})
	for deadline := time.Now().Add(startup); ; time.Sleep(100 * time.Millisecond) {
		status, body, err := s.call(t.Context(), http.MethodGet, "/readyz", nil)
		if err == nil && status == http.StatusOK {
			return s
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the API server has ended: %v\n%s", err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the API server is not ready: %d %s %v\n%s", status, body, err, log.String())
		}
	}
}

func (s *server) call(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	resp, err := s.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, out, err
}

// apply puts an object there, as `kubectl apply --server-side --validate=strict` does. The
// error is what the server says.
func (s *server) apply(ctx context.Context, o object) error {
	r, err := s.find(ctx, o.APIVersion, o.Kind)
	if err != nil {
		return err
	}
	path := root(o.APIVersion)
	if r.Namespaced {
		path += "/namespaces/" + o.Metadata.Namespace
	}
	status, body, err := s.call(ctx, http.MethodPatch, path+"/"+r.Name+"/"+o.Metadata.Name+"?fieldManager=tienda&force=true&fieldValidation=Strict", o.raw)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		var said struct{ Message string }
		if json.Unmarshal(body, &said) != nil || said.Message == "" {
			said.Message = string(body)
		}
		return fmt.Errorf("%s %s: %s", o.Kind, o.Metadata.Name, said.Message)
	}
	return nil
}

// find gives the resource of a kind, which a definition may have brought a moment ago.
func (s *server) find(ctx context.Context, apiVersion, kind string) (resource, error) {
	key := apiVersion + " " + kind
	if r, ok := s.plural[key]; ok {
		return r, nil
	}
	status, body, err := s.call(ctx, http.MethodGet, root(apiVersion), nil)
	if err != nil {
		return resource{}, err
	}
	var list struct {
		Resources []resource `json:"resources"`
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(body, &list); err != nil {
			return resource{}, err
		}
	}
	for _, r := range list.Resources {
		if r.Kind == kind && !strings.Contains(r.Name, "/") {
			s.plural[key] = r
			return r, nil
		}
	}
	return resource{}, fmt.Errorf("the server knows no %s of %s", kind, apiVersion)
}

func root(apiVersion string) string {
	if strings.Contains(apiVersion, "/") {
		return "/apis/" + apiVersion
	}
	return "/api/" + apiVersion
}

// define brings the resources of Dapr and External Secrets in, and waits until the server
// serves them.
func (s *server) define(t *testing.T) {
	t.Helper()
	var files []string
	for _, pattern := range []string{
		filepath.Join(module(t, daprModule), "charts", "dapr", "crds", "*.yaml"),
		filepath.Join(download(t, externalSecrets), "config", "crds", "bases", "external-secrets.io_externalsecrets.yaml"),
	} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	type served struct{ apiVersion, kind string }
	var wanted []served
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, o := range objects(t, raw) {
			require.NoError(t, s.apply(t.Context(), o), file)
			for _, v := range o.Spec.Versions {
				if v.Served {
					wanted = append(wanted, served{o.Spec.Group + "/" + v.Name, o.Spec.Names.Kind})
				}
			}
		}
	}
	for _, w := range wanted {
		require.Eventually(t, func() bool {
			_, err := s.find(t.Context(), w.apiVersion, w.kind)
			return err == nil
		}, startup, 50*time.Millisecond, "%v", w)
	}
}
