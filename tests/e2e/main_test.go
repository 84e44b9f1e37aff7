// Package e2e drives the whole shop through its gateway: the real runner, real
// sidecars, the real broker, on free ports and in a folder of its own. PROFILE
// in the environment (redis, postgres) chooses the components; with INGRESS (the name of
// an nginx) clients come through it and its sidecar, as in a cluster; with SHOP (a ready
// file) the shop is one that is there, in a cluster; with DAPR_CLI (its program) it is started
// by `dapr run -f dapr`.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/ingress"
	"tienda/tests/shop"
)

// the is the shop that most tests share; bin holds its programs.
var (
	the    *shop.Shop
	bin    string
	events *recorder
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if ready := os.Getenv("SHOP"); ready != "" {
		return there(m, ready)
	}
	dir, err := os.MkdirTemp("", "tienda-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil {
		return fail(err)
	}
	if cli := os.Getenv("DAPR_CLI"); cli != "" {
		return byTheCLI(m, cli, dir)
	}
	o := shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), Log: verbose(), Profile: os.Getenv("PROFILE")}
	var door *ingress.Door
	if ingress.Wanted() {
		if door, err = ingress.Prepare(filepath.Join(dir, "ingress")); err != nil {
			return fail(err)
		}
		door.Loosen(1000) // all clients here have one address
		o.Env = door.Env()
	}
	the, err = shop.Start(context.Background(), o)
	if err != nil {
		return fail(err)
	}
	defer the.Stop()
	if door != nil {
		if err := throughIngress(door); err != nil {
			return fail(err)
		}
		defer door.Close()
	}
	fmt.Printf("the shop is up at %s after %.1f s, profile %s\n", the.Gateway, the.Took.Seconds(), the.Profile)
	if events, err = record(the.State); err != nil {
		return fail(err)
	}
	defer events.close()
	code := m.Run()
	if code == 0 {
		code = everythingTried()
	}
	if code == 0 {
		code = noRaces()
	}
	return code
}

// throughIngress has every client of the shop come in by the door.
func throughIngress(door *ingress.Door) error {
	if err := door.Open(context.Background(), the); err != nil {
		return err
	}
	http.DefaultClient.Transport = door.Transport("")
	the.Front = door.URL
	return the.Reload()
}

// noRaces fails a run in which a service, built with the race detector
// (RACE=1), has reported one.
func noRaces() int {
	files, err := filepath.Glob(filepath.Join(the.DataDir, "logs", "*"))
	if err != nil || len(files) == 0 {
		return fail(fmt.Errorf("the shop's logs are not there: %w", err))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return fail(err)
		}
		if i := bytes.Index(b, []byte("DATA RACE")); i >= 0 {
			return fail(fmt.Errorf("%s: %.3000s", filepath.Base(f), b[i:]))
		}
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// everythingTried fails a whole run that left an operation of the public
// contract untried. A run of single tests (-run) is not asked.
func everythingTried() int {
	for _, a := range os.Args {
		if len(a) > 9 && a[:9] == "-test.run" {
			return 0
		}
	}
	code := 0
	for _, op := range public.Operations() {
		if !tried[op.Method+" "+op.Path] {
			code = fail(fmt.Errorf("no test has seen %s %s succeed", op.Method, op.Path))
		}
	}
	return code
}

func guest() *client { return &client{base: the.Gateway} }

// staff gives a signed-in client of a demo account with the role.
func staff(t testing.TB, role caller.Role) *client {
	t.Helper()
	staffMu.Lock()
	defer staffMu.Unlock()
	c, ok := staffClients[role]
	if !ok {
		c = guest()
		for _, a := range demo.Accounts {
			if a.Role == role {
				c.login(t, a.Email, a.Password)
			}
		}
		require.NotEmpty(t, c.token, "no demo account is a %s", role)
		staffClients[role] = c
	}
	return &client{base: c.base, token: c.token, session: c.session}
}

var (
	staffMu      sync.Mutex
	staffClients = map[caller.Role]*client{}
)
