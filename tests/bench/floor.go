package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/valyala/fasthttp"

	"tienda/internal/daprd"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// floor is three sidecars: a front that clients call, and two apps behind
// theirs, floor-a calling floor-b.
type floor struct {
	front    string // base URL of the front's sidecar
	direct   string // base URL of floor-a's sidecar
	metrics  []int
	sidecars []*daprd.Sidecar
	procs    []*exec.Cmd
	log      bytes.Buffer
}

func startFloor(ctx context.Context, bin, dir string) (_ *floor, err error) {
	f := &floor{}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	root, err := shop.Root()
	if err != nil {
		return nil, err
	}
	daprdBinary, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stdout, Getenv: os.Getenv})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".data", "local"), 0o750); err != nil {
		return nil, err
	}
	ports, err := daprd.FreePorts(15)
	if err != nil {
		return nil, err
	}
	broker := "127.0.0.1:" + strconv.Itoa(ports[14])
	if err := f.start(filepath.Join(bin, "broker"), dir, "TIENDA_BROKER_ADDR="+broker); err != nil {
		return nil, err
	}
	if err := stream(ctx, broker); err != nil {
		return nil, err
	}
	res, err := floorComponents(root, dir, broker, "http://127.0.0.1:"+strconv.Itoa(ports[3])) // that of floor-b
	if err != nil {
		return nil, err
	}
	for i, app := range []struct{ id, next string }{{"floor-b", ""}, {"floor-a", "floor-b"}, {"floor-front", ""}} {
		p := ports[i*4 : i*4+4]
		cfg := daprd.Config{
			Binary: daprdBinary.Path, AppID: app.id, HTTPPort: p[0], GRPCPort: p[1], InternalGRPCPort: p[2],
			MetricsPort: ports[12+i%2], ResourcesPaths: []string{res}, ConfigFile: filepath.Join(root, "dapr", "config.yaml"), Dir: dir, Output: &f.log,
		}
		if i == 2 {
			cfg.MetricsPort = 0
		} else {
			f.metrics = append(f.metrics, cfg.MetricsPort)
		}
		if app.id != "floor-front" {
			cfg.AppPort = p[3]
			if err := f.start(filepath.Join(bin, "floorapp"), dir, "APP_ID="+app.id, "APP_PORT="+strconv.Itoa(p[3]), "FLOOR_NEXT="+app.next,
				"DAPR_HTTP_PORT="+strconv.Itoa(p[0]), "DAPR_GRPC_PORT="+strconv.Itoa(p[1]), "TIENDA_ALLOW_NO_APP_TOKEN=1", "GOGC=400"); err != nil {
				return nil, err
			}
		}
		s, err := daprd.Start(ctx, cfg)
		if err != nil {
			return nil, err
		}
		f.sidecars = append(f.sidecars, s)
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, s := range f.sidecars {
		if err := s.WaitReady(wait); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, f.log.String())
		}
	}
	f.front = "http://127.0.0.1:" + strconv.Itoa(ports[8])
	f.direct = "http://127.0.0.1:" + strconv.Itoa(ports[4])
	return f, f.fill(wait)
}

func (f *floor) start(program, dir string, env ...string) error {
	cmd := exec.Command(program) //nolint:noctx // built by us, ended by stop
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &f.log, &f.log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = daprd.ChildAttr()
	if err := daprd.StartChild(cmd); err != nil {
		return err
	}
	f.procs = append(f.procs, cmd)
	return nil
}

// fill waits until both apps answer and stores the documents to read.
func (f *floor) fill(ctx context.Context) error {
	for _, app := range []string{"floor-a", "floor-b"} {
		if err := f.until(ctx, http.MethodPost, "/fill", "{}", app); err != nil {
			return err
		}
	}
	return nil
}

// waitFor waits until an app answers behind the front.
func (f *floor) waitFor(ctx context.Context, app string) error {
	return f.until(ctx, http.MethodGet, "/empty", "", app)
}

func (f *floor) until(ctx context.Context, method, path, body, app string) error {
	c := client(4)
	for {
		_, err := send(ctx, c, method, f.front+path, body, "dapr-app-id", app)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w\n%s", err, f.log.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// empty calls the handler that does nothing.
func (f *floor) empty(c *fasthttp.Client) operation {
	return func(ctx context.Context, _ int) error {
		_, err := send(ctx, c, http.MethodGet, f.front+"/empty", "", "dapr-app-id", "floor-a")
		return err
	}
}

// plan has floor-a make the steps behind one invocation.
func (f *floor) plan(c *fasthttp.Client, steps ...plan.Step) (operation, error) {
	body, err := json.Marshal(steps)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ int) error {
		_, err := send(ctx, c, http.MethodPost, f.front+"/plan", string(body), "dapr-app-id", "floor-a")
		return err
	}, nil
}

func (f *floor) stop() {
	for _, p := range f.procs {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGTERM)
	}
	for _, s := range f.sidecars {
		s.Stop(5 * time.Second)
	}
	for _, p := range f.procs {
		_ = p.Wait()
	}
}

func stream(ctx context.Context, broker string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := nats.Connect("nats://" + broker)
		if err == nil {
			defer conn.Close()
			js, err := jetstream.New(conn)
			if err != nil {
				return err
			}
			_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "floor", Subjects: []string{"floor"}})
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the broker does not come up: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// floorComponents takes the shop's own component files, so that the floor
// stands on the same stores with the same settings.
func floorComponents(root, dir, broker, provider string) (string, error) {
	res := filepath.Join(dir, "components")
	if err := os.MkdirAll(res, 0o750); err != nil {
		return "", err
	}
	store, err := os.ReadFile(filepath.Join(root, "components", "local", "state-orders.yaml")) //nolint:gosec // our own file
	if err != nil {
		return "", err
	}
	events, err := os.ReadFile(filepath.Join(root, "components", "local", "events-orders.yaml")) //nolint:gosec // our own file
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	for _, app := range []string{"floor-a", "floor-b"} {
		files[app+".yaml"] = strings.NewReplacer("orders-state", app+"-state", "local/orders.db", "local/"+app+".db", "scopes: [orders]", "scopes: ["+app+"]").Replace(string(store))
	}
	payments, err := os.ReadFile(filepath.Join(root, "components", "local", "payments.yaml")) //nolint:gosec // our own file
	if err != nil {
		return "", err
	}
	files["payments.yaml"] = strings.NewReplacer("name: payments\n", "name: payments-floor\n", "http://127.0.0.1:4280", provider, "scopes: [orders]", "scopes: [floor-a]").Replace(string(payments))
	y := strings.NewReplacer("events-orders", "events-floor", "{appID}-orders", "{appID}-floor", "127.0.0.1:4222", broker,
		"scopes: [orders, catalog, support]", "scopes: [floor-a, floor-b]").Replace(string(events))
	files["events.yaml"] = withoutScopes(y)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(res, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return res, nil
}

// withoutScopes takes out of a component who may publish and hear what in the
// shop, which says nothing about other apps.
func withoutScopes(component string) string {
	var kept []string
	for lines, i := strings.Split(component, "\n"), 0; i < len(lines); i++ {
		if strings.Contains(lines[i], "name: publishingScopes") || strings.Contains(lines[i], "name: subscriptionScopes") {
			i++
			continue
		}
		kept = append(kept, lines[i])
	}
	return strings.Join(kept, "\n")
}
