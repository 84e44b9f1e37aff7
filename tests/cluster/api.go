//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// api is the cluster's API server, asked by its administrator.
type api struct{ http *http.Client }

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
	}, nil
}

// do asks, and gives the answer of a success.
func (s *api) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "https://"+nodeAddress+":6443"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
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
