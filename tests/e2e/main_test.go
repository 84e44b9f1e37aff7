// Package e2e drives the whole shop through its gateway: the real runner, real
// sidecars, the real broker, on free ports and in a folder of its own. PROFILE
// in the environment (redis, postgres) chooses the components.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
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
	dir, err := os.MkdirTemp("", "tienda-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil {
		return fail(err)
	}
	the, err = shop.Start(context.Background(), shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), Log: verbose(), Profile: os.Getenv("PROFILE")})
	if err != nil {
		return fail(err)
	}
	defer the.Stop()
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
