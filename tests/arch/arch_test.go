// Package arch holds the architecture: who may import whom, which packages
// there are, and that each says what it is for.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type pkg struct {
	ImportPath, Doc, Name string
	Imports, TestImports  []string
	GoFiles               []string
}

// plumbing lists the packages of internal/, each with the one thing it is for.
// A new one needs two apps that use it, and its line here.
var plumbing = map[string]string{
	"tienda/internal/app":                      "configuration, lifecycle and wiring of an app",
	"tienda/internal/caller":                   "on whose behalf a request is made",
	"tienda/internal/contract":                 "holds requests to their OpenAPI contract",
	"tienda/internal/contract/contracttest":    "drives handlers in tests against their contract",
	"tienda/internal/country":                  "the codes of ISO 3166",
	"tienda/internal/daprd":                    "finds, builds and starts the Dapr sidecar",
	"tienda/internal/deadletter":               "events that an app refused, kept and replayed",
	"tienda/internal/event":                    "CloudEvents over the sidecar",
	"tienda/internal/event/eventtest":          "holds events in tests to their schema and example",
	"tienda/internal/fault":                    "the kinds of error a domain answers with",
	"tienda/internal/httpapi":                  "routes, access and errors at the HTTP edge",
	"tienda/internal/mail":                     "letters, and when each is tried",
	"tienda/internal/mail/mailroom":            "the queue of letters and the mail binding",
	"tienda/internal/metrics":                  "an app's figures for Prometheus",
	"tienda/internal/money":                    "amounts in minor units",
	"tienda/internal/ndjson":                   "imports of JSON documents, one a line",
	"tienda/internal/origin":                   "where a document came from that was moved in",
	"tienda/internal/origin/intake":            "how an owner takes documents that are moved in",
	"tienda/internal/origin/intake/intaketest": "follows an owner's changes in tests",
	"tienda/internal/page":                     "limits and cursors of lists",
	"tienda/internal/problem":                  "RFC 9457 problem documents",
	"tienda/internal/profile":                  "the server behind a profile, found or started",
	"tienda/internal/profile/profiletest":      "which profiles a run of the tests covers",
	"tienda/internal/quickjson":                "decodes the JSON of batches as encoding/json does",
	"tienda/internal/quickjson/quickjsontest":  "holds it to encoding/json over the documents of a type, in tests",
	"tienda/internal/sidecar":                  "connection to the app's own sidecar",
	"tienda/internal/state":                    "typed documents over a state store",
	"tienda/internal/state/statetest":          "the fake store and the suite for all stores",
	"tienda/internal/trace":                    "request ID and W3C trace context",
	"tienda/internal/webpage":                  "what the pages for people have in common",
}

// adapters are the packages of a service that know the outside world.
var adapters = []string{"api", "statestore", "events", "clients"}

// domainMayUse are the packages of internal/ that a domain may import.
var domainMayUse = []string{"tienda/internal/fault", "tienda/internal/money", "tienda/internal/caller", "tienda/internal/page", "tienda/internal/country", "tienda/internal/mail", "tienda/internal/origin"}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Name,Imports,TestImports,GoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	require.Greater(t, len(pkgs), 20)
	return pkgs
}

// place splits tienda/services/<app>/internal/<part>/... into app and part.
func place(path string) (app, part string) {
	parts := strings.Split(path, "/")
	if len(parts) < 3 || parts[1] != "services" {
		return "", ""
	}
	if len(parts) < 5 {
		return parts[2], "main"
	}
	return parts[2], parts[4]
}

func isDomain(app, part string) bool {
	return app != "" && app != "gateway" && part != "main" && !slices.Contains(adapters, part)
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 {
			require.NotEmpty(t, p.Doc, "%s has no package comment", p.ImportPath)
		}
	}
}

func TestPlumbingIsListed(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "tienda/internal/") {
			seen[p.ImportPath] = true
			require.Contains(t, plumbing, p.ImportPath, "a new package of internal/ needs its line in the list")
		}
		for _, bad := range []string{"common", "util", "utils", "shared", "helpers", "models", "pkg", "misc"} {
			require.NotEqual(t, bad, p.Name, "%s: the name says nothing", p.ImportPath)
		}
	}
	for name := range plumbing {
		require.True(t, seen[name], "%s is listed but gone", name)
	}
}

func TestDomainKnowsNoHTTPAndNoDapr(t *testing.T) {
	for _, p := range packages(t) {
		app, part := place(p.ImportPath)
		if !isDomain(app, part) || strings.HasSuffix(p.ImportPath, "test") { // what starts servers for tests
			continue
		}
		for _, imp := range p.Imports {
			require.NotEqual(t, "net/http", imp, "%s is domain", p.ImportPath)
			require.False(t, strings.HasPrefix(imp, "github.com/dapr"), "%s imports %s", p.ImportPath, imp)
			require.False(t, strings.HasPrefix(imp, "github.com/gorilla"), "%s imports %s", p.ImportPath, imp)
			if strings.HasPrefix(imp, "tienda/internal/") {
				require.Contains(t, domainMayUse, imp, "%s is domain", p.ImportPath)
			}
			if _, to := place(imp); slices.Contains(adapters, to) {
				t.Errorf("%s (domain) imports the adapter %s", p.ImportPath, imp)
			}
		}
	}
}

func TestAdaptersDoNotKnowEachOther(t *testing.T) {
	for _, p := range packages(t) {
		_, part := place(p.ImportPath)
		if !slices.Contains(adapters, part) {
			continue
		}
		for _, imp := range p.Imports {
			if _, to := place(imp); slices.Contains(adapters, to) && to != part {
				// The store announces: it may use the constructors of events.
				require.True(t, part == "statestore" && to == "events" || part == "api" && to == "events",
					"%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

func TestServicesDoNotImportEachOther(t *testing.T) {
	for _, p := range packages(t) {
		app, _ := place(p.ImportPath)
		for _, imp := range append(p.Imports, p.TestImports...) {
			if to, _ := place(imp); to != "" && app != "" {
				require.Equal(t, app, to, "%s imports %s", p.ImportPath, imp)
			}
			if strings.HasPrefix(p.ImportPath, "tienda/internal/") {
				require.False(t, strings.HasPrefix(imp, "tienda/services/"), "%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// How a service is wired is for its main, and for the simulation, which runs
// the same wiring.
func TestOnlyMainAndTheSimulationWireServices(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range append(p.Imports, p.TestImports...) {
			if app, _ := place(imp); app != "" && strings.HasSuffix(imp, "/service") {
				require.Contains(t, []string{"tienda/services/" + app, "tienda/tests/simulation"}, p.ImportPath, "imports %s", imp)
			}
		}
	}
}

func TestOnlyMainReadsTheEnvironment(t *testing.T) {
	// app.Main is every service's main; daprd hands its environment to what it starts.
	allowed := []string{"internal/app/app.go", "internal/daprd/build.go", "internal/daprd/sidecar.go", "internal/profile/profiletest/profiletest.go"}
	found := filesWith(t, "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "syscall.Getenv")
	require.ElementsMatch(t, allowed, found, "who reads the environment")
}

// filesWith lists the files of services and plumbing, tests aside, that have one
// of the texts in them.
func filesWith(t *testing.T, texts ...string) (found []string) {
	t.Helper()
	for _, dir := range []string{"services", "internal"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil || !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(string(b), text) }) {
				return err
			}
			rel, err := filepath.Rel(filepath.Join("..", ".."), path)
			found = append(found, filepath.ToSlash(rel))
			return err
		}))
	}
	return found
}
