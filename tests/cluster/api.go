//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// api is the cluster's API server, asked by its administrator.
type api struct {
	http   *http.Client
	plural map[string]resource // by "apiVersion kind"
}

type resource struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

// object is a manifest.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }

	raw []byte
}

func newAPI(a *authority) (*api, error) {
	cert, err := tls.LoadX509KeyPair(a.file("admin.crt"), a.file("admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &api{
		http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots, MinVersion: tls.VersionTLS12},
		}},
		plural: map[string]resource{},
	}, nil
}

// do asks, and gives the answer of a success.
func (s *api) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "https://"+nodeAddress+":6443"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	resp, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		var said struct{ Message string }
		if json.Unmarshal(out, &said) != nil || said.Message == "" {
			said.Message = string(out)
		}
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, resp.StatusCode, said.Message)
	}
	return out, nil
}

// get reads an answer.
func get[T any](ctx context.Context, s *api, path string) (v T, err error) {
	out, err := s.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(out, &v)
}

// apply puts objects there, as `kubectl apply --server-side --validate=strict` does:
// definitions and namespaces first. An object without a namespace goes into the one given.
func (s *api) apply(ctx context.Context, namespace string, raw []byte) error {
	all, err := objects(raw)
	if err != nil {
		return err
	}
	first := func(o object) int { return slices.Index([]string{"", "CustomResourceDefinition", "Namespace"}, o.Kind) }
	slices.SortStableFunc(all, func(a, b object) int { return first(b) - first(a) })
	for _, o := range all {
		if err := s.applyOne(ctx, namespace, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *api) applyOne(ctx context.Context, namespace string, o object) error {
	// A definition of a moment ago may not be served yet.
	var r resource
	var err error
	for range 150 {
		if r, err = s.find(ctx, o.APIVersion, o.Kind); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	path := root(o.APIVersion)
	if r.Namespaced {
		if o.Metadata.Namespace != "" {
			namespace = o.Metadata.Namespace
		}
		path += "/namespaces/" + namespace
	}
	_, err = s.do(ctx, http.MethodPatch, path+"/"+r.Name+"/"+o.Metadata.Name+"?fieldManager=tienda&force=true&fieldValidation=Strict", o.raw)
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.Kind, o.Metadata.Name, err)
	}
	return nil
}

// find gives the resource of a kind.
func (s *api) find(ctx context.Context, apiVersion, kind string) (resource, error) {
	key := apiVersion + " " + kind
	if r, ok := s.plural[key]; ok {
		return r, nil
	}
	list, err := get[struct {
		Resources []resource `json:"resources"`
	}](ctx, s, root(apiVersion))
	if err != nil {
		return resource{}, err
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

// condition gives no error if an object has a condition.
func (s *api) condition(ctx context.Context, path, name string) error {
	o, err := get[struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}](ctx, s, path)
	if err != nil {
		return err
	}
	for _, c := range o.Status.Conditions {
		if c.Type == name {
			if c.Status == "True" {
				return nil
			}
			return fmt.Errorf("%s is %s: %s %s", name, c.Status, c.Reason, c.Message)
		}
	}
	return fmt.Errorf("%s: not said yet", name)
}

// objects gives the documents of a YAML stream.
func objects(raw []byte) (all []object, err error) {
	d := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		var o object
		if err := n.Decode(&o); err != nil {
			return nil, err
		}
		if o.Kind == "" {
			continue
		}
		if o.raw, err = yaml.Marshal(&n); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
}
