package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tienda/internal/daprd"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// flashPlain sells through two replicas of the floor's app that share a store
// like catalog's.
func flashPlain(ctx context.Context, m *meter, r *Report, bin, dir string) error {
	f, doors, err := startLoop(ctx, bin, dir)
	if err != nil {
		return err
	}
	defer f.stop()
	at := *m
	m, at.processes = &at, map[string]int{}
	for i := range flashReplicas {
		m.processes["loop-"+strconv.Itoa(i)], m.processes["loop-"+strconv.Itoa(i)+"-d"] = f.procs[i].Process.Pid, f.sidecars[i].PID()
	}
	c := client(2 * flashConnections)
	x := rush{
		name: flashLoop, rounds: flashRounds, meter: m,
		counts: func() (plan.Counts, error) { return counted(ctx, f.metrics) },
		prepare: func(int) error {
			_, err := send(ctx, c, http.MethodPost, doors[0]+"/stock", fmt.Sprintf(`{"on_hand":%d}`, flashUnits))
			return err
		},
		buy: func(ctx context.Context, _, i int) (int, error) {
			status, _, err := ask(ctx, c, http.MethodPost, doors[i%len(doors)]+"/sell", "{}")
			return status, err
		},
	}
	if err := r.add(x.run(ctx)); err != nil {
		return err
	}
	x.name = flashLoopInvoked
	x.buy = func(ctx context.Context, _, _ int) (int, error) {
		status, _, err := ask(ctx, c, http.MethodPost, f.front+"/sell", "{}", "dapr-app-id", loopApp)
		return status, err
	}
	return r.add(x.run(ctx))
}

const loopApp = "floor-hot"

// startLoop starts two replicas of the plain loop, whose doors it gives, and a
// front: as many sidecars as a call of catalog meets.
func startLoop(ctx context.Context, bin, dir string) (f *floor, doors []string, err error) {
	f = &floor{}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	root, err := shop.Root()
	if err != nil {
		return nil, nil, err
	}
	binary, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stdout, Getenv: os.Getenv})
	if err != nil {
		return nil, nil, err
	}
	res := filepath.Join(dir, "components")
	for _, d := range []string{filepath.Join(dir, ".data", "local"), res} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return nil, nil, err
		}
	}
	store, err := os.ReadFile(filepath.Join(root, "components", "local", "state-catalog.yaml")) //nolint:gosec // our own file
	if err != nil {
		return nil, nil, err
	}
	text := strings.NewReplacer("catalog-state", loopApp+"-state", "local/catalog.db", "local/"+loopApp+".db", "scopes: [catalog]", "scopes: ["+loopApp+"]").Replace(string(store))
	if err := os.WriteFile(filepath.Join(res, "state.yaml"), []byte(text), 0o600); err != nil { //nolint:gosec // a folder of our own
		return nil, nil, err
	}
	ports, err := daprd.FreePorts(5 * (flashReplicas + 1))
	if err != nil {
		return nil, nil, err
	}
	for i := range flashReplicas + 1 {
		p := ports[5*i : 5*i+5]
		cfg := daprd.Config{
			Binary: binary.Path, AppID: "floor-front", HTTPPort: p[0], GRPCPort: p[1], InternalGRPCPort: p[2], MetricsPort: p[3],
			ResourcesPaths: []string{res}, ConfigFile: filepath.Join(root, "dapr", "config.yaml"), Dir: dir, Output: &f.log,
		}
		f.metrics = append(f.metrics, p[3])
		if i < flashReplicas {
			cfg.AppID, cfg.AppPort = loopApp, p[4]
			doors = append(doors, "http://127.0.0.1:"+strconv.Itoa(p[4]))
			if err := f.start(filepath.Join(bin, "floorapp"), dir, "APP_ID="+loopApp, "APP_PORT="+strconv.Itoa(p[4]),
				"DAPR_HTTP_PORT="+strconv.Itoa(p[0]), "DAPR_GRPC_PORT="+strconv.Itoa(p[1]), "TIENDA_ALLOW_NO_APP_TOKEN=1", "GOGC=400"); err != nil {
				return nil, nil, err
			}
		}
		s, err := daprd.Start(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		f.sidecars = append(f.sidecars, s)
		f.front = "http://127.0.0.1:" + strconv.Itoa(p[0])
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, s := range f.sidecars {
		if err := s.WaitReady(wait); err != nil {
			return nil, nil, errors.Join(err, errors.New(f.log.String()))
		}
	}
	return f, doors, f.waitFor(wait, loopApp)
}
