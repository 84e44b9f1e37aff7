package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/secretstores/local/env"
	localfile "github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/dapr/pkg/apis/common"
	"github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	"github.com/dapr/kit/logger"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// component is a component file with its secrets.
type component struct {
	v1alpha1.Component
	properties map[string]string
}

// readComponents reads the component files of a folder, by name.
func readComponents(folder string) (map[string]v1alpha1.Component, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.y*ml"))
	if err != nil {
		return nil, err
	}
	all := map[string]v1alpha1.Component{}
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // of the folder that was named
		if err != nil {
			return nil, err
		}
		docs := kyaml.NewYAMLOrJSONDecoder(bytes.NewReader(b), 4096)
		for {
			var c v1alpha1.Component
			if err := docs.Decode(&c); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			if c.TypeMeta.Kind == "Component" {
				all[c.Name] = c
			}
		}
	}
	return all, nil
}

// readComponent gives a component of a folder, with what its secret store says.
func readComponent(ctx context.Context, folder, name string) (*component, error) {
	all, err := readComponents(folder)
	if err != nil {
		return nil, err
	}
	c, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("%s has no component %s", folder, name)
	}
	out := &component{Component: c, properties: map[string]string{}}
	for _, item := range c.Spec.Metadata {
		if item.SecretKeyRef.Name == "" {
			out.properties[item.Name] = item.Value.String()
			continue
		}
		if out.properties[item.Name], err = secret(ctx, all, c.Auth.SecretStore, item.SecretKeyRef); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, item.Name, err)
		}
	}
	return out, nil
}

// secret asks a secret store of the same folder.
func secret(ctx context.Context, all map[string]v1alpha1.Component, store string, ref common.SecretKeyRef) (string, error) {
	c, ok := all[store]
	if !ok {
		return "", fmt.Errorf("its secret store %q is not in the folder", store)
	}
	s, err := openSecrets(ctx, c)
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }()
	got, err := s.GetSecret(ctx, secretstores.GetSecretRequest{Name: ref.Name})
	if err != nil {
		return "", err
	}
	key := ref.Key
	if key == "" {
		key = ref.Name
	}
	v, ok := got.Data[key]
	if !ok {
		return "", fmt.Errorf("the secret %s has no %s", ref.Name, key)
	}
	return v, nil
}

func openSecrets(ctx context.Context, c v1alpha1.Component) (secretstores.SecretStore, error) {
	log := logger.NewLogger("statecopy")
	var s secretstores.SecretStore
	switch c.Spec.Type {
	case "secretstores.local.file":
		s = localfile.NewLocalSecretStore(log)
	case "secretstores.local.env":
		s = env.NewEnvSecretStore(log)
	default:
		return nil, fmt.Errorf("a secret store of type %s is not known here", c.Spec.Type)
	}
	properties := map[string]string{}
	for _, item := range c.Spec.Metadata {
		properties[item.Name] = item.Value.String()
	}
	return s, s.Init(ctx, secretstores.Metadata{Base: metadata.Base{Name: c.Name, Properties: properties}})
}
