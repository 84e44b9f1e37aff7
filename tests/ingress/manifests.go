package ingress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// site is what the manifests say of the way in.
type site struct {
	Host, Path  string // of the rule; Path is a regular expression
	Backend     string // name of the Service
	annotations map[string]string
	config      map[string]string // the controller's ConfigMap
	SetHeaders  map[string]string // towards the backend
	pod         map[string]string // annotations of the controller's pod
}

type ingressObject struct {
	Metadata struct {
		Annotations map[string]string
	}
	Spec struct {
		TLS []struct {
			Hosts      []string
			SecretName string `yaml:"secretName"`
		}
		Rules []struct {
			Host string
			HTTP struct {
				Paths []struct {
					Path, PathType string `yaml:",omitempty"`
					Backend        struct {
						Service struct{ Name string }
					}
				}
			}
		}
	}
}

type chartValues struct {
	Controller struct {
		PodAnnotations  map[string]string `yaml:"podAnnotations"`
		Config          map[string]string
		ProxySetHeaders map[string]string `yaml:"proxySetHeaders"`
	}
}

// read gives the way in of an overlay of k8s/overlays, "dev-ingress": the Ingress object as
// its patches leave it, and the values of ingress-nginx's chart.
func read(root, overlay string) (*site, error) {
	raw, err := os.ReadFile(filepath.Join(root, "k8s", "ingress", "ingress.yaml")) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	if raw, err = patched(raw, filepath.Join(root, "k8s", "overlays", overlay, "kustomization.yaml")); err != nil {
		return nil, err
	}
	var object ingressObject
	if err := yaml.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	var values chartValues
	raw, err = os.ReadFile(filepath.Join(root, "k8s", "ingress", "values.yaml")) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, err
	}
	if len(object.Spec.Rules) != 1 || len(object.Spec.Rules[0].HTTP.Paths) != 1 || len(object.Spec.TLS) != 1 {
		return nil, errors.New("ingress.yaml: one rule with one path and one certificate are what is known here")
	}
	rule := object.Spec.Rules[0]
	if tls := object.Spec.TLS[0]; len(tls.Hosts) != 1 || tls.Hosts[0] != rule.Host || tls.SecretName == "" {
		return nil, fmt.Errorf("ingress.yaml: the certificate is for %v, the rule for %s", tls.Hosts, rule.Host)
	}
	s := &site{
		Host: rule.Host, Path: rule.HTTP.Paths[0].Path, Backend: rule.HTTP.Paths[0].Backend.Service.Name,
		annotations: map[string]string{}, config: values.Controller.Config,
		SetHeaders: values.Controller.ProxySetHeaders, pod: values.Controller.PodAnnotations,
	}
	for name, v := range object.Metadata.Annotations {
		if own, ok := strings.CutPrefix(name, "nginx.ingress.kubernetes.io/"); ok {
			s.annotations[own] = v
		}
	}
	return s, nil
}

// patched carries out the JSON patches of an overlay that are for the Ingress: its
// "replace" and "add" of single values.
func patched(raw []byte, kustomization string) ([]byte, error) {
	var overlay struct {
		Patches []struct {
			Target struct{ Kind string }
			Patch  string
		}
	}
	b, err := os.ReadFile(kustomization) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(b, &overlay); err != nil {
		return nil, err
	}
	var doc any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	for _, p := range overlay.Patches {
		if p.Target.Kind != "Ingress" {
			continue
		}
		var ops []struct {
			Op, Path string
			Value    any
		}
		if err := yaml.Unmarshal([]byte(p.Patch), &ops); err != nil {
			return nil, err
		}
		for _, op := range ops {
			if op.Op != "replace" && op.Op != "add" {
				return nil, fmt.Errorf("%s: the patch %q is not known here", kustomization, op.Op)
			}
			if err := set(doc, strings.Split(strings.TrimPrefix(op.Path, "/"), "/"), op.Value); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", kustomization, op.Path, err)
			}
		}
	}
	return yaml.Marshal(doc)
}

// set puts a value at a JSON pointer.
func set(doc any, path []string, value any) error {
	key := strings.ReplaceAll(strings.ReplaceAll(path[0], "~1", "/"), "~0", "~")
	switch at := doc.(type) {
	case map[string]any:
		if len(path) == 1 {
			at[key] = value
			return nil
		}
		return set(at[key], path[1:], value)
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(at) {
			return errors.New("is no element of a list")
		}
		if len(path) == 1 {
			at[i] = value
			return nil
		}
		return set(at[i], path[1:], value)
	}
	return errors.New("is not there")
}

// documents gives the YAML documents of a file, by kind and name: "Configuration ingress".
func documents(file string) (map[string]map[string]any, error) {
	raw, err := os.ReadFile(file) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]any{}
	for d := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var doc map[string]any
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		meta, _ := doc["metadata"].(map[string]any)
		all[fmt.Sprintf("%v %v", doc["kind"], meta["name"])] = doc
	}
}
