package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/common/expfmt"

	"github.com/valyala/fasthttp"

	"tienda/demo"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// counted reads the sidecars' own counters: what every app asked of them.
func counted(ctx context.Context, ports []int) (plan.Counts, error) {
	var c plan.Counts
	for _, port := range ports {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", port), nil)
		if err != nil {
			return c, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return c, fmt.Errorf("a sidecar's metrics: %w", err)
		}
		var parser expfmt.TextParser
		families, err := parser.TextToMetricFamilies(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return c, fmt.Errorf("a sidecar's metrics: %w", err)
		}
		for name, family := range families {
			for _, metric := range family.GetMetric() {
				labels := map[string]string{}
				for _, l := range metric.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				value := metric.GetCounter().GetValue() + metric.GetUntyped().GetValue()
				switch name {
				case "dapr_runtime_service_invocation_req_sent_total":
					c.Invocations += value
				case "dapr_component_state_count":
					if strings.Contains(labels["operation"], "get") {
						c.Reads += value
					} else {
						c.Writes += value
					}
				case "dapr_component_output_binding_count":
					c.Bindings += value
				case "dapr_component_pubsub_egress_count":
					c.Publishes += value
				}
			}
		}
	}
	return c, nil
}

func metricsPorts(s *shop.Shop) []int {
	var out []int
	for _, a := range s.Apps {
		if a.MetricsPort != 0 {
			out = append(out, a.MetricsPort)
		}
	}
	return out
}

func signIn(ctx context.Context, c *fasthttp.Client, gateway, role string) (string, error) {
	for _, a := range demo.Accounts {
		if string(a.Role) != role {
			continue
		}
		body, err := json.Marshal(map[string]string{"grant_type": "password", "email": a.Email, "password": a.Password})
		if err != nil {
			return "", err
		}
		raw, err := send(ctx, c, http.MethodPost, gateway+"/v1/auth/token", string(body))
		if err != nil {
			return "", err
		}
		var t struct {
			AccessToken string `json:"access_token"`
		}
		return t.AccessToken, json.Unmarshal(raw, &t)
	}
	return "", fmt.Errorf("no demo account is a %s", role)
}
