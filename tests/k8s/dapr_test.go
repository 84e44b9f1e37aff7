//go:build k8s

package k8s

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
)

// checker gives the program that reads manifests with Dapr's own packages.
func checker(t *testing.T) string {
	t.Helper()
	path, err := daprd.Program{
		Name: "manifests", What: "the check of manifests", SourceDir: sidecar, Package: "./manifests", Takes: "5 minutes where the sidecar was not built",
	}.Ensure(t.Context(), os.Stderr)
	require.NoError(t, err)
	return path
}

// output runs the checker over manifests.
func output(t *testing.T, path, stdin string, all []object, args ...string) []string {
	t.Helper()
	var file bytes.Buffer
	for _, o := range all {
		file.WriteString("---\n")
		file.Write(o.raw)
	}
	name := filepath.Join(t.TempDir(), "manifests.yaml")
	require.NoError(t, os.WriteFile(name, file.Bytes(), 0o600))
	cmd := exec.CommandContext(t.Context(), path, append([]string{name}, args...)...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// What the API server lets through, Dapr understands as it was meant: types of components
// and their keys, policies, durations, annotations, access-control lists, and everything
// that names something else. Each file of misread has one fault, and it is found.
func TestDaprUnderstandsEveryOverlay(t *testing.T) {
	path, known := checker(t), catalog(t)
	faults := func(all []object) []string {
		found := output(t, path, "", all)
		for _, o := range all {
			if o.Kind == "Component" {
				found = append(found, componentFaults(o, known)...)
			}
		}
		return append(found, referenceFaults(all)...)
	}
	for name, dir := range everyOverlay(t) {
		t.Run(name, func(t *testing.T) { require.Empty(t, faults(built(t, dir))) })
	}
	for file, want := range misread {
		t.Run("misread "+file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("misread", file+".yaml"))
			require.NoError(t, err)
			found := faults(objects(t, raw))
			require.Len(t, found, 1)
			require.Contains(t, found[0], want)
		})
	}
	files, err := filepath.Glob("misread/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(misread), "every file is tried")
}

// misread is what is found in each file of the folder.
var misread = map[string]string{
	"component-type":      `Dapr has no component state.rediss in version "v1"`,
	"component-version":   `Dapr has no component state.postgresql in version "v3"`,
	"component-key":       `pubsub.redis has no key "procesingTimeout"`,
	"component-duration":  `"10 seconds" of "timeout" is no duration`,
	"component-number":    `"many" of "maxConns" is no number`,
	"component-scopes":    "it has no scopes",
	"component-scope":     `its scope names "invoices", which is no app`,
	"component-secret":    `"redisPassword" is a secret, and auth.secretStore is not kubernetes`,
	"component-twice":     `the key "redisHost" stands twice`,
	"policy":              `users uses the timeout "cal", which is not defined`,
	"policy-duration":     `invalid duration "call"`,
	"policy-trip":         "consecutiveFailures",
	"policy-retry":        `invalid retry configuration "redeliver"`,
	"policy-app":          `the target "user" is no app`,
	"policy-component":    `the target "events-order" is no component`,
	"subscription-pubsub": `there is no component "events-order"`,
	"subscription-scope":  "users is not in the scopes of events-orders",
	"subscription-topic":  `catalog may not hear the topic "order" of events-orders`,
	"subscription-dead":   `catalog may not publish to its dead letters "deadletter-orders"`,
	"annotation":          "dapr.io/app-prot: the injector knows no such annotation",
	"annotation-port":     `dapr.io/app-health-threshold: "two" is no number`,
	"annotation-protocol": `dapr.io/app-protocol: "grcp" is no protocol`,
	"annotation-bool":     `dapr.io/enable-app-health-check: "yes, please" is neither true nor false`,
	"annotation-duration": "dapr.io/block-shutdown-duration: time: missing unit",
	"annotation-quantity": "dapr.io/max-body-size: quantities must match",
	"deployment-config":   `there is no Configuration "user"`,
	"deployment-port":     "the app listens on no port 8080",
	"deployment-account":  `there is no ServiceAccount "nobody"`,
	"deployment-volume":   `the sidecar mounts "tokens", which is no volume`,
	"list-default":        "defaultAction is not deny",
	"list-action":         `"alow" is neither allow nor deny`,
	"list-verb":           `"get" is no verb`,
	"list-star":           `a "*" before the end matches nothing`,
	"list-namespace":      "missing namespace for apps: [gateway]",
	"list-none":           "defaultAction is not deny",
	"twice":               "it stands twice",
}
