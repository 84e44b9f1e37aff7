//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"tienda/tests/ingress"
)

const (
	ingressNamespace = "ingress-nginx"
	ingressOverlay   = "production-ingress"
	loosened         = 1000 // all clients of the tests have one address
)

// startIngress applies the way in, and in the place of ingress-nginx's controller, which is in
// a registry, Debian's nginx with the configuration that it would make.
func (c *cluster) startIngress(ctx context.Context) error {
	if err := c.kubectl(ctx, nil, "apply", "-k", filepath.Join(c.root, "k8s", "overlays", ingressOverlay)); err != nil {
		return err
	}
	if err := c.certificate(ctx, ingressNamespace, "shop-tls", host); err != nil {
		return err
	}
	pod, err := ingress.ForCluster(c.root, ingressOverlay, headersModule, "UPSTREAM", loosened)
	if err != nil {
		return err
	}
	if pod.Host != host {
		return fmt.Errorf("the ingress is that of %s", pod.Host)
	}
	labels := map[string]string{"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}
	type m = map[string]any
	objects := []m{
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": m{"name": "nginx"}, "data": m{"nginx.conf": pod.Config}},
		{
			"apiVersion": "v1", "kind": "Service", "metadata": m{"name": "ingress-nginx-controller"},
			"spec": m{"selector": labels, "ports": []m{{"name": "http", "port": 80}, {"name": "https", "port": 443}}},
		},
		{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": m{"name": "ingress-nginx-controller"},
			"spec": m{
				"replicas": 1, "selector": m{"matchLabels": labels},
				"template": m{
					"metadata": m{"labels": labels, "annotations": pod.Annotations},
					"spec": m{
						"containers": []m{{
							"name": "controller", "image": nginxImage,
							"env": []m{{"name": "POD_IP", "valueFrom": m{"fieldRef": m{"fieldPath": "status.podIP"}}}},
							// The Service of the sidecar has one address, that of the pod.
							"command":        []string{"sh", "-c", `sed "s/UPSTREAM/$POD_IP/" /config/nginx.conf >/data/nginx.conf && exec nginx -p /data -c /data/nginx.conf -e stderr`},
							"ports":          []m{{"containerPort": 80}, {"containerPort": 443}},
							"readinessProbe": m{"tcpSocket": m{"port": 443}, "periodSeconds": 1},
							"securityContext": m{
								"runAsNonRoot": true, "runAsUser": 101, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
								"capabilities": m{"drop": []string{"ALL"}}, "seccompProfile": m{"type": "RuntimeDefault"},
							},
							"volumeMounts": []m{{"name": "config", "mountPath": "/config"}, {"name": "tls", "mountPath": "/tls"}, {"name": "data", "mountPath": "/data"}},
						}},
						"volumes": []m{
							{"name": "config", "configMap": m{"name": "nginx"}},
							{"name": "tls", "secret": m{"secretName": "shop-tls"}},
							{"name": "data", "emptyDir": m{}},
						},
					},
				},
			},
		},
	}
	for _, o := range objects {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		if err := c.kubectl(ctx, raw, "-n", ingressNamespace, "apply", "-f", "-"); err != nil {
			return err
		}
	}
	if err := c.available(ctx, ingressNamespace, 2*time.Minute); err != nil {
		return err
	}
	if err := c.backend(ctx, pod.Backend); err != nil {
		return err
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	err = c.eventually(ctx, "the products come through the ingress", time.Minute, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v1/products", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.describe(ingressNamespace))
	}
	return nil
}

// backend holds the Service that the Ingress names to what Dapr's operator has made of it.
func (c *cluster) backend(ctx context.Context, name string) error {
	return c.eventually(ctx, "the operator has made the Service "+name, time.Minute, func(ctx context.Context) error {
		s, err := get[struct {
			Spec struct {
				Ports []struct {
					Port       int
					TargetPort int
				}
			}
		}](ctx, c.api, "/api/v1/namespaces/"+ingressNamespace+"/services/"+name)
		if err != nil {
			return err
		}
		for _, p := range s.Spec.Ports {
			if p.Port == 80 && p.TargetPort == 3500 {
				return nil
			}
		}
		return fmt.Errorf("its port 80 does not lead to the sidecar: %v", s.Spec.Ports)
	})
}

// door gives the address of the ingress: that of the pod, as a load balancer has it that leaves
// the clients' addresses as they are.
func (c *cluster) door(ctx context.Context) (string, error) {
	all, err := get[listOf[pod]](ctx, c.api, "/api/v1/namespaces/"+ingressNamespace+"/pods?labelSelector=app.kubernetes.io/component%3Dcontroller")
	if err != nil {
		return "", err
	}
	if len(all.Items) != 1 {
		return "", fmt.Errorf("there are %d pods of the ingress", len(all.Items))
	}
	return net.JoinHostPort(all.Items[0].Status.PodIP, "443"), nil
}

// client gives one that comes in by the ingress.
func (c *cluster) client(ctx context.Context) (*http.Client, error) {
	at, err := c.door(ctx)
	if err != nil {
		return nil, err
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: c.pki.trust(host), ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}}, nil
}
