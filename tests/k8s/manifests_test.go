//go:build k8s

package k8s

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"tienda/internal/daprd"
)

const (
	tools    = "../../k8s/tools" // the module of kube-apiserver and kustomize
	overlays = "../../k8s/overlays"
	sidecar  = "../../dapr/daprd" // the module that knows which Dapr it is

	daprModule      = "github.com/dapr/dapr"
	contribModule   = "github.com/dapr/components-contrib"
	externalSecrets = "github.com/external-secrets/external-secrets@v0.20.4"
)

// object is a manifest, as far as the checks read it.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	Spec struct {
		// of a CustomResourceDefinition
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Served bool
		}
		// of a Component
		Type, Version string
		Metadata      entries
		// of a Deployment or StatefulSet
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     podSpec
		}
		// of a Resiliency
		Policies struct {
			Timeouts        map[string]yaml.Node
			Retries         map[string]yaml.Node
			CircuitBreakers map[string]yaml.Node `yaml:"circuitBreakers"`
		}
		Targets struct {
			Apps       map[string]used
			Components map[string]struct{ Inbound, Outbound used }
		}
		// of a Subscription
		PubSub     string `yaml:"pubsubname"`
		Topic      string
		DeadLetter string `yaml:"deadLetterTopic"`
	}
	Auth struct {
		SecretStore string `yaml:"secretStore"`
	}
	Scopes []string

	raw []byte
}

// used is which policies a target of a Resiliency uses.
type used struct {
	Timeout, Retry string
	CircuitBreaker string `yaml:"circuitBreaker"`
}

type metadata struct {
	Name   string
	Value  *string
	Secret *struct{ Name, Key string } `yaml:"secretKeyRef"`
}

// entries are those of a Component; what other kinds call metadata is of another form.
type entries []metadata

func (e *entries) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Decode((*[]metadata)(e))
}

type podSpec struct {
	ServiceAccount string `yaml:"serviceAccountName"`
	Volumes        []struct{ Name string }
	Containers     []struct {
		Name, Image string
		PullPolicy  string `yaml:"imagePullPolicy"`
		Env         []struct{ Name string }
		Ports       []struct {
			Name string
			Port int `yaml:"containerPort"`
		}
	}
}

func (o object) String() string { return o.Kind + " " + o.Metadata.Name }

// objects gives the documents of a YAML stream.
func objects(t *testing.T, raw []byte) (all []object) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		var o object
		require.NoError(t, n.Decode(&o))
		if o.Kind == "" {
			continue
		}
		var err error
		o.raw, err = yaml.Marshal(&n)
		require.NoError(t, err)
		all = append(all, o)
	}
}

// built gives what an overlay comes to.
func built(t *testing.T, overlay string) []object {
	t.Helper()
	path, err := daprd.Program{
		Name: "kustomize", What: "kustomize", SourceDir: tools, Package: "./kustomize", Takes: "a minute",
	}.Ensure(t.Context(), os.Stderr)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, overlay)
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	require.NoError(t, err, "%s: %s", overlay, said.String())
	all := objects(t, raw)
	require.NotEmpty(t, all)
	return all
}

// everyOverlay gives the folders of all overlays, by name.
func everyOverlay(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(overlays, "*", "kustomization.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 6)
	all := map[string]string{}
	for _, f := range files {
		all[filepath.Base(filepath.Dir(f))] = filepath.Dir(f)
	}
	return all
}

// module gives the folder of a module that the sidecar is made from.
func module(t *testing.T, path string) string {
	t.Helper()
	return answer(t, sidecar, "list", "-m", "-f", "{{.Dir}}", path)
}

// download gives the folder of a module that nothing here is made from.
func download(t *testing.T, module string) string {
	t.Helper()
	var m struct{ Dir string }
	require.NoError(t, json.Unmarshal([]byte(answer(t, t.TempDir(), "mod", "download", "-json", module)), &m))
	return m.Dir
}

func answer(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%v: %s %s", args, out, said.String())
	return strings.TrimSpace(string(out))
}
